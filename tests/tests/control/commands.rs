// SPDX-License-Identifier: GPL-2.0

//! C3 to C6, C8, C12 and C13: what the commands do, and what they refuse.

use mydevice_tests::{Device, Instance, Module, memory::Fence, sleeping_read};
use mydevice_uapi::ioctl::{MYDEV_CLEAR, MYDEV_NEXT, MYDEV_RESIZE, MYDEV_STATS, MYDEV_STATUS};
use nix::errno::Errno;

/// CLEAR: in `buffer` the next read gives 0.
#[test]
fn c3_after_clear_a_buffer_reads_as_its_end() {
    let module = Module::load_buffer();
    let device = module.instance().both();
    device.put("gone in a moment");
    assert_eq!(device.clear(), Ok(()));
    assert_eq!(device.take(100), "");
    assert_eq!(module.instance().reader().take(100), "");
    assert_eq!(device.stats().bytes_cleared, 16);
}

/// CLEAR: in `stream` the next read waits.
#[test]
fn c3_after_clear_a_stream_makes_the_reader_wait() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("gone in a moment");
    assert_eq!(device.clear(), Ok(()));
    assert_eq!((device.unread(), device.status().bytes_used), (0, 0));
    assert_eq!(device.stats().bytes_cleared, 16);

    let reader = sleeping_read(&device, 100);
    device.put("new");
    assert_eq!(reader.join(), Ok(b"new".to_vec()));
}

/// RESIZE up: 5000 bytes fit into 10000.
#[test]
fn c4_resize_up_makes_room() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        let device = module.instance().both();
        device.put("kept,");
        assert_eq!(device.resize(10000), Ok(()));
        assert_eq!(device.status().buffer_size, 10000);
        device.put([b'x'; 5000]);
        assert_eq!(
            device.take(10000),
            format!("kept,{}", "x".repeat(5000)),
            "{discipline}"
        );
    }
}

/// RESIZE to 0 and to 1048577: EINVAL.
#[test]
fn c5_resize_out_of_range_is_refused() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("intact");
    for capacity in [0, 1048577, 0x8000_0000, u32::MAX] {
        assert_eq!(
            device.resize(capacity),
            Err(Errno::EINVAL),
            "RESIZE to {capacity}"
        );
    }
    assert_eq!(device.status().buffer_size, 4096);
    assert_eq!(device.resize(1048576), Ok(()));
    assert_eq!(device.resize(1), Ok(()));
    assert_eq!(device.take(100), "i");
}

/// RESIZE down truncates: `"1234567890"` resized to 5 reads `"12345"`, and the rest is counted.
#[test]
fn c6_resize_down_keeps_the_first_bytes() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        let device = module.instance().both();
        device.put("1234567890");
        assert_eq!(device.resize(5), Ok(()));
        assert_eq!(
            (device.status().buffer_size, device.status().bytes_used),
            (5, 5),
            "{discipline}"
        );
        assert_eq!(device.stats().bytes_truncated, 5);
        assert_eq!(device.take(100), "12345");
    }
}

/// C6 for a stream that wraps around the end of its memory, at every place.
#[test]
fn c6_resize_keeps_the_order_of_a_wrapped_stream() {
    let module = Module::load(&["buffer_size=10"]);
    let device = module.instance().both();
    for (start, size) in (0..10).flat_map(|start| [1, 5, 9, 10, 11, 20].map(|size| (start, size))) {
        assert_eq!(device.resize(10), Ok(()));
        device.clear().unwrap();
        device.put(&b"xxxxxxxxx"[..start]);
        device.collect(start);
        device.put("1234567890");
        assert_eq!(device.resize(size), Ok(()));
        let kept = &"1234567890"[..10.min(size as usize)];
        assert_eq!(
            device.take(100),
            kept,
            "stored from {start} on, resized to {size}"
        );
        device.put("y");
        assert_eq!(device.take(100), "y");
    }
}

/// Wrong magic, wrong number, right number with the wrong size or direction: ENOTTY.
#[test]
fn c8_any_other_command_gives_enotty() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("untouched");
    let mut target = [0u64; 64];
    let with_size = |command: u32, size: u32| command & !(0x3fff << 16) | size << 16;
    let with_direction = |command: u32, direction: u32| command & !(3 << 30) | direction << 30;

    for command in [
        MYDEV_STATUS & !0xff00 | u32::from(b'N') << 8,
        MYDEV_CLEAR & !0xff00,
        MYDEV_CLEAR + 5,
        MYDEV_CLEAR + 255,
        with_size(MYDEV_STATUS, 20),
        with_size(MYDEV_STATUS, 28),
        with_size(MYDEV_STATS, 120),
        with_size(MYDEV_RESIZE, 8),
        with_size(MYDEV_CLEAR, 4),
        with_direction(MYDEV_STATUS, 0),
        with_direction(MYDEV_STATUS, 1),
        with_direction(MYDEV_STATUS, 3),
        with_direction(MYDEV_RESIZE, 2),
        with_direction(MYDEV_CLEAR, 1),
        // Only a spool has a next file.
        MYDEV_NEXT,
        0,
        u32::MAX,
    ] {
        let result = device.ioctl(command, target.as_mut_ptr() as usize);
        assert_eq!(result, Err(Errno::ENOTTY), "command {command:#010x}");
    }
    assert_eq!(target, [0; 64], "nothing was written to the argument");
    assert_eq!(device.take(100), "untouched");
}

/// EFAULT for a bad argument.
#[test]
fn c12_a_bad_argument_gives_efault() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    device.put("intact");
    let fence = Fence::new();
    // The last of them is good for its first half alone.
    for address in [
        0,
        8,
        fence.before(0) as usize,
        fence.before(2) as usize,
        usize::MAX,
    ] {
        for command in [
            MYDEV_RESIZE,
            MYDEV_STATUS,
            MYDEV_STATS,
            libc::FIONREAD as u32,
        ] {
            let result = device.ioctl(command, address);
            assert_eq!(
                result,
                Err(Errno::EFAULT),
                "command {command:#010x}, argument {address:#x}"
            );
        }
    }
    assert_eq!(device.status().buffer_size, 4096);
    assert_eq!(device.take(100), "intact");
}

/// A RESIZE beyond the machine's memory gives ENOMEM and changes nothing.
#[test]
fn c13_a_resize_beyond_memory_gives_enomem() {
    const LARGEST: u32 = 2147483647;
    let module = Module::load(&["devices=16"]);
    let instances = (0..16).map(|n| match n {
        0 => module.instance(),
        n => Instance::named(&format!("mydevice{n}")),
    });

    // One instance can take 2 GiB at most, so a machine with more memory needs several of them.
    let mut taken = Vec::<Device>::new();
    for instance in instances {
        assert_eq!(
            instance.set_attribute("max_capacity", &LARGEST.to_string()),
            Ok(())
        );
        let device = instance.both();
        device.put("intact");
        match device.resize(LARGEST) {
            Ok(()) => taken.push(device),
            Err(errno) => {
                assert_eq!(errno, Errno::ENOMEM);
                assert_eq!((device.status().buffer_size, device.unread()), (4096, 6));
                assert_eq!(device.take(100), "intact");
                device.put([b'x'; 4096]);
                drop(taken);
                let log = module.log();
                assert!(
                    !log.iter()
                        .any(|record| record.text.contains("Out of memory")),
                    "{log:#?}"
                );
                return;
            }
        }
    }
    panic!(
        "{} instances of 2 GiB each fit into this machine: give the VM less memory",
        taken.len()
    );
}
