// SPDX-License-Identifier: GPL-2.0

//! What a reader meets when there is nothing for it: `on_empty` and `read_timeout_ms`.

use mydevice_tests::{
    Device, Module, Sleeper,
    device::{READABLE, WRITABLE},
    eventually,
    guest::{come_before_others, on_one_cpu, urgently},
    memory::Stall,
    signals::{INTERRUPTING, RESTARTING},
    sleeping_read, sleeping_write,
    stalled::{GOOD, WHOLE},
};
use nix::{Result, errno::Errno, poll::PollFlags};

const HANGUP: PollFlags = READABLE.union(PollFlags::POLLHUP);

fn stream_with(attribute: &str, value: &str) -> Module {
    let module = Module::load(&[]);
    assert_eq!(module.instance().set_attribute(attribute, value), Ok(()));
    module
}

/// `eof`: 0 at once, and always readable.
#[test]
fn eof_gives_0_at_once() {
    let module = stream_with("on_empty", "eof");
    for device in [module.instance().both(), module.instance().nonblocking()] {
        assert_eq!(device.ready(), READABLE | WRITABLE);
        assert_eq!(device.take(100), "");
        device.put("data");
        assert_eq!(device.take(100), "data");
        assert_eq!(device.take(100), "");
    }
    assert_eq!(
        module.instance().reader().status().read_count,
        2,
        "a read of 0 bytes moves none"
    );
}

/// `hangup`: a reader whose open has seen no writer yet waits.
#[test]
fn hangup_makes_a_reader_wait_for_the_first_writer() {
    let module = stream_with("on_empty", "hangup");
    let reader = module.instance().reader();
    assert_eq!(reader.ready(), PollFlags::empty());
    let waiting = sleeping_read(&reader, 100);
    module.instance().writer().put("hello");
    assert_eq!(waiting.join(), Ok(b"hello".to_vec()));
}

/// `hangup`: after the last writer's close and the last byte it gets 0, and poll `POLLHUP|POLLIN`.
#[test]
fn hangup_ends_after_the_last_writer_and_the_last_byte() {
    let module = stream_with("on_empty", "hangup");
    let reader = module.instance().reader();
    let (one, other) = (module.instance().writer(), module.instance().writer());
    one.put("data");
    drop(one);
    assert_eq!(reader.ready(), READABLE);
    assert_eq!(reader.take(3), "dat");
    drop(other);
    assert_eq!(reader.take(100), "a");
    assert_eq!(reader.ready(), HANGUP);
    assert_eq!(
        (reader.take(100), reader.take(100)),
        (String::new(), String::new())
    );

    // As in a named pipe, the next writer opens it again.
    let next = module.instance().writer();
    assert_eq!(reader.ready(), PollFlags::empty());
    next.put("more");
    assert_eq!(reader.take(100), "more");
    drop(next);
    assert_eq!(reader.take(100), "");
}

/// `hangup`: the last writer's close wakes sleeping readers, all of them, and sleeping polls.
#[test]
fn hangup_wakes_all_sleepers() {
    let module = stream_with("on_empty", "hangup");
    let writer = module.instance().writer();
    let readers: Vec<_> = (0..5)
        .map(|_| sleeping_read(&module.instance().reader(), 100))
        .collect();
    let poller = {
        let reader = module.instance().reader();
        Sleeper::asleep_in(libc::SYS_poll, move || reader.wait_ready(PollFlags::POLLIN))
    };
    drop(writer);
    for reader in readers {
        assert_eq!(reader.join(), Ok(vec![]));
    }
    assert_eq!(
        poller
            .join()
            .map(|events| events & (PollFlags::POLLIN | PollFlags::POLLHUP)),
        Ok(PollFlags::POLLIN | PollFlags::POLLHUP)
    );
}

/// `hangup`: an open that came after the last writer has gone has seen none: it takes what is there, then
/// waits.
#[test]
fn hangup_does_not_concern_an_open_that_saw_no_writer() {
    let module = stream_with("on_empty", "hangup");
    module.instance().writer().put("left behind");
    let reader = module.instance().reader();
    assert_eq!(reader.take(100), "left behind");
    assert_eq!(reader.ready(), PollFlags::empty());
    let waiting = sleeping_read(&reader, 100);
    drop(module.instance().writer());
    assert_eq!(
        waiting.join(),
        Ok(vec![]),
        "now it has seen one come and go"
    );
}

/// `hangup`: an `O_RDWR` open counts as a writer; writing without readers is no error.
#[test]
fn hangup_counts_a_read_write_open_as_a_writer() {
    let module = stream_with("on_empty", "hangup");
    let reader = module.instance().reader();
    let both = module.instance().both();
    both.put("data");
    assert_eq!(both.take(100), "data");
    let waiting = sleeping_read(&both, 100);
    waiting.signal(INTERRUPTING);
    assert_eq!(waiting.join(), Err(Errno::EINTR), "it is a writer itself");
    drop(both);
    assert_eq!(reader.ready(), HANGUP);
    assert_eq!(reader.take(100), "");
}

/// `hangup` in `buffer`: each reader's end is where the text ends.
#[test]
fn hangup_in_a_buffer_ends_every_reader() {
    let module = Module::load_buffer();
    assert_eq!(
        module.instance().set_attribute("on_empty", "hangup"),
        Ok(())
    );
    let readers = [module.instance().reader(), module.instance().reader()];
    let writer = module.instance().writer();
    writer.put("text");
    for reader in &readers {
        assert_eq!(reader.take(100), "text");
        assert_eq!(reader.ready(), PollFlags::empty());
    }
    let waiting = readers.each_ref().map(|reader| sleeping_read(reader, 100));
    drop(writer);
    for reader in waiting {
        assert_eq!(reader.join(), Ok(vec![]));
    }
    assert_eq!(readers[0].ready(), HANGUP);
}

/// `read_timeout_ms`: a read that waited so long gives EAGAIN; one that gets data in time does not.
#[test]
fn a_read_that_waited_too_long_gives_eagain() {
    let module = stream_with("read_timeout_ms", "50");
    assert_eq!(module.instance().attribute("read_timeout_ms"), "50");
    let device = module.instance().both();
    assert_eq!(device.read(100), Err(Errno::EAGAIN));
    assert_eq!(device.status().read_count, 0);
    device.put("in time");
    assert_eq!(device.take(100), "in time");

    assert_eq!(
        module
            .instance()
            .set_attribute("read_timeout_ms", "1000000"),
        Ok(())
    );
    let waiting = sleeping_read(&device, 100);
    device.put("in time");
    assert_eq!(waiting.join(), Ok(b"in time".to_vec()));
}

/// A thread in a call that gives this.
type Call<T> = Sleeper<Result<T>>;

/// One sleeps in a read. Another puts bytes, and takes them before the one runs, and is stalled in that until the page
/// comes; the one looks and sleeps on.
fn woken_in_vain(device: &Device) -> (Stall, Call<usize>, Call<Vec<u8>>) {
    on_one_cpu(|| {
        let woken = sleeping_read(device, WHOLE);
        let slept = woken.times_slept();
        let stall = Stall::new();
        let taker = {
            let (device, address) = (device.clone(), stall.before(GOOD));
            Sleeper::start(move || {
                come_before_others();
                device.put([b'x'; WHOLE]);
                device.read_at_address(address.get(), WHOLE)
            })
        };
        stall.wait_stalled();
        eventually("it is woken", || woken.times_slept() > slept);
        woken.wait_asleep_in(libc::SYS_read);
        (stall, taker, woken)
    })
}

/// However often it is woken in vain, a read waits no longer than that in all, and counts as one that waited.
#[test]
fn a_read_that_is_woken_in_vain_waits_no_longer() {
    // On a busy machine both may end at the same moment.
    let in_order = (0..5).any(|_| a_read_that_is_woken_in_vain_ends_first());
    assert!(
        in_order,
        "who began to wait half a second later ended first"
    );
}

fn a_read_that_is_woken_in_vain_ends_first() -> bool {
    let module = stream_with("read_timeout_ms", "3000");
    let device = module.instance().both();
    let (stall, taker, woken) = woken_in_vain(&device);
    // Another begins to wait later, in a call that has no shorter way, and after that the first is woken once more.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let later = {
        let device = device.clone();
        Sleeper::asleep_in(libc::SYS_readv, move || {
            let mut bytes = [0; 2];
            let halves: [*mut u8; 2] = [&raw mut bytes[0], &raw mut bytes[1]];
            device.read_at_addresses(&halves.map(|half| (half, 1)))
        })
    };
    stall.release();
    assert_eq!(taker.join(), Ok(WHOLE));
    let slept = woken.times_slept();
    on_one_cpu(|| {
        let device = device.clone();
        urgently(move || {
            device.put("x");
            assert_eq!(device.take(1), "x");
        });
    });
    eventually("it is woken", || {
        woken.has_ended() || woken.times_slept() > slept
    });

    assert_eq!(later.join(), Err(Errno::EAGAIN));
    let ended_first = woken.has_ended();
    assert_eq!(woken.join(), Err(Errno::EAGAIN));
    assert_eq!(device.stats().reader_waits, 2);
    ended_first
}

/// The same without a limit: it is counted once.
#[test]
fn a_read_that_is_woken_in_vain_counts_once() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let (stall, taker, woken) = woken_in_vain(&device);
    stall.release();
    assert_eq!(taker.join(), Ok(WHOLE));
    device.put("for it");
    assert_eq!(woken.join(), Ok(b"for it".to_vec()));
    assert_eq!(device.stats().reader_waits, 1);
}

/// A signal in such a wait gives EINTR even with `SA_RESTART`.
#[test]
fn a_signal_ends_a_wait_with_a_timeout_for_good() {
    let module = stream_with("read_timeout_ms", "1000000");
    for signal in [INTERRUPTING, RESTARTING] {
        let waiting = sleeping_read(&module.instance().reader(), 100);
        waiting.signal(signal);
        assert_eq!(waiting.join(), Err(Errno::EINTR), "{signal}");
    }
}

/// Nonblocking requests ignore the timeout, and so do writes.
#[test]
fn a_timeout_concerns_blocking_reads_alone() {
    let module = stream_with("read_timeout_ms", "1000000");
    assert_eq!(
        module.instance().nonblocking().read(100),
        Err(Errno::EAGAIN)
    );

    assert_eq!(
        module.instance().set_attribute("read_timeout_ms", "1"),
        Ok(())
    );
    let device = module.instance().both();
    device.put([b'x'; 4096]);
    let writer = sleeping_write(&device, b"patient");
    // Far longer than the timeout, in which a wrong driver would give up.
    std::thread::sleep(std::time::Duration::from_millis(100));
    writer.wait_asleep_in(libc::SYS_write);
    device.collect(4096);
    assert_eq!(writer.join(), Ok(7));
}

/// 0 waits without end.
#[test]
fn a_timeout_of_0_is_none() {
    let module = stream_with("read_timeout_ms", "1");
    let device = module.instance().both();
    assert_eq!(device.read(100), Err(Errno::EAGAIN));
    assert_eq!(
        module.instance().set_attribute("read_timeout_ms", "0"),
        Ok(())
    );
    let waiting = sleeping_read(&device, 100);
    device.put("at last");
    assert_eq!(waiting.join(), Ok(b"at last".to_vec()));
}
