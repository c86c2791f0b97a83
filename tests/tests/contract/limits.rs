// SPDX-License-Identifier: GPL-2.0

//! Memory that is charged, counters that are not torn, a log that users cannot fill.

use mydevice_tests::{
    Module, Sleeper,
    group::MemoryGroup,
    klog::level,
    memory::Fence,
    signals::INTERRUPTING,
    sleeping_write,
    traffic::{self, Plan},
};
use mydevice_uapi::ioctl::{MYDEV_RESIZE, MYDEV_STATUS};
use nix::errno::Errno;

/// Data memory is charged to the caller's memory cgroup.
#[test]
fn memory_is_charged_to_the_caller() {
    let group = MemoryGroup::new("200M");
    let module = Module::load(&[]);
    assert_eq!(
        module.instance().set_attribute("max_capacity", "100000000"),
        Ok(())
    );
    group.python(&format!(
        "fcntl.ioctl(fd, {MYDEV_RESIZE}, struct.pack('I', 64 << 20))"
    ));
    assert!(
        group.charged() >= 64 << 20,
        "{} bytes are charged",
        group.charged()
    );
    module.instance().both().resize(4096).unwrap();
    assert!(
        group.charged() < 64 << 20,
        "{} bytes are still charged",
        group.charged()
    );
}

/// RESIZE gives the memory back at once, also where a writer sleeps in the middle of its write.
#[test]
fn a_sleeping_writer_keeps_no_memory_that_resize_has_replaced() {
    let group = MemoryGroup::new("200M");
    let module = Module::load(&[]);
    let instance = module.instance();
    assert_eq!(instance.set_attribute("max_capacity", "100000000"), Ok(()));
    group.python(&format!(
        "fcntl.ioctl(fd, {MYDEV_RESIZE}, struct.pack('I', 64 << 20))"
    ));
    let writer = sleeping_write(&instance.writer(), vec![b'x'; (64 << 20) + 1]);
    instance.both().resize(4096).unwrap();
    assert!(
        group.charged() < 64 << 20,
        "{} bytes are still charged",
        group.charged()
    );
    writer.signal(INTERRUPTING);
    assert_eq!(writer.join(), Ok(64 << 20));
}

/// At the group's limit a RESIZE gives ENOMEM and leaves everything as it was: no OOM kill, no warning.
#[test]
fn the_limit_of_a_memory_group_is_an_error_and_no_kill() {
    let group = MemoryGroup::new("48M");
    let module = Module::load(&[]);
    assert_eq!(
        module
            .instance()
            .set_attribute("max_capacity", "2147483647"),
        Ok(())
    );
    let device = module.instance().both();
    device.put("intact");
    for capacity in [100 << 20, 1 << 30] {
        let said = group.python(&format!(
            "try:\n fcntl.ioctl(fd, {MYDEV_RESIZE}, struct.pack('I', {capacity}))\n\
             except OSError as error: print(errno.errorcode[error.errno])\n\
             else: print('taken')"
        ));
        assert_eq!(said, "ENOMEM\n", "RESIZE to {capacity}");
    }
    let events = group.file("memory.events");
    assert!(events.lines().any(|line| line == "oom_kill 0"), "{events}");
    assert_eq!(
        (device.status().buffer_size, device.take(100)),
        (4096, "intact".into())
    );
    // Warnings of others: of the module that was loaded, and of a machine that is slow at the moment.
    let others = ["taint", "verification", "hrtimer: interrupt took"];
    let log = module.log();
    assert!(
        !log.iter().any(|record| record.level <= level::WARNING
            && !others.iter().any(|words| record.text.contains(words))),
        "{log:#?}"
    );
}

/// The values of `/proc` are taken together, not torn: under load every look at it balances.
#[test]
fn proc_is_never_torn() {
    let module = Module::load(&["buffer_size=100"]);
    let node = module.instance().node();
    let load = Sleeper::start(move || {
        traffic::run(
            &node,
            &Plan {
                chunks: 5000,
                ..Plan::CONTRACT
            },
        )
        .unwrap()
    });
    let mut looks = 0;
    while !load.has_ended() {
        let proc = module.instance().proc();
        assert_eq!(
            proc.bytes_written,
            proc.bytes_read + proc.bytes_used,
            "{proc:?}"
        );
        assert!(proc.bytes_used <= proc.buffer_size, "{proc:?}");
        assert!(
            proc.read_count <= proc.bytes_read
                && proc.write_count * 32 <= proc.bytes_written + 32 * 4,
            "{proc:?}"
        );
        looks += 1;
    }
    assert!(looks > 10, "{looks} looks are not many");
    assert_eq!(load.join().faults(), Vec::<String>::new());
}

/// Without `verbose`, nothing is logged for what a caller does, right or wrong.
#[test]
fn a_user_cannot_fill_the_log() {
    let module = Module::load(&[]);
    let before = module.own_log();
    let device = module.instance().nonblocking();
    let fence = Fence::new();
    device.put([b'x'; 4096]);
    assert_eq!(device.write(b"x"), Err(Errno::EAGAIN));
    assert_eq!(
        device.read_at_address(fence.before(0), 10),
        Err(Errno::EFAULT)
    );
    assert_eq!(device.ioctl(0, 0), Err(Errno::ENOTTY));
    assert_eq!(device.ioctl(MYDEV_STATUS, 0), Err(Errno::EFAULT));
    assert_eq!(device.resize(0), Err(Errno::EINVAL));
    assert_eq!(
        (device.resize(10), device.resize(10000), device.clear()),
        (Ok(()), Ok(()), Ok(()))
    );
    drop(device);
    assert_eq!(module.own_log(), before);
}

/// `verbose=1`: CLEAR and RESIZE are logged at info level, a truncating RESIZE as a warning.
#[test]
fn verbose_1_logs_what_changes() {
    let module = Module::load(&["verbose=1"]);
    let device = module.instance().both();
    device.put("0123456789");
    let levels = |module: &Module, seen: usize| -> Vec<u8> {
        module.own_log()[seen..]
            .iter()
            .map(|record| record.level)
            .collect()
    };
    let seen = module.own_log().len();
    device.resize(10000).unwrap();
    device.resize(5).unwrap();
    device.clear().unwrap();
    assert_eq!(
        levels(&module, seen),
        [level::INFO, level::WARNING, level::INFO],
        "{:#?}",
        module.own_log()
    );

    let seen = module.own_log().len();
    device.put("x");
    assert_eq!(device.take(1), "x");
    assert_eq!(
        levels(&module, seen),
        [],
        "reads and writes are for verbose=2"
    );
}

/// `verbose=2`: each read and write too, at debug level. It can be set at run time.
#[test]
fn verbose_2_logs_reads_and_writes() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    assert_eq!(module.set_parameter("verbose", "2"), Ok(()));
    let seen = module.own_log().len();
    device.put("0123456789");
    assert_eq!(device.take(4), "0123");
    let log = module.own_log();
    assert_eq!(
        log[seen..]
            .iter()
            .map(|record| record.level)
            .collect::<Vec<_>>(),
        [level::DEBUG; 2],
        "{log:#?}"
    );
}
