// SPDX-License-Identifier: GPL-2.0

//! Which error comes first, and what an error leaves as it was.

use mydevice_tests::{Module, Sleeper, memory::Fence};
use mydevice_uapi::ioctl::{MYDEV_CLEAR, MYDEV_RESIZE};
use nix::errno::Errno;

/// Mode (EBADF) comes before zero length.
#[test]
fn the_mode_comes_before_the_length() {
    let module = Module::load(&[]);
    assert_eq!(module.instance().writer().read(0), Err(Errno::EBADF));
    assert_eq!(module.instance().writer().read(1), Err(Errno::EBADF));
    assert_eq!(module.instance().reader().write(b""), Err(Errno::EBADF));
    assert_eq!(module.instance().reader().write(b"x"), Err(Errno::EBADF));
}

/// Zero length comes before a bad pointer.
#[test]
fn zero_length_comes_before_a_bad_pointer() {
    let module = Module::load(&[]);
    let device = module.instance().both();
    let fence = Fence::new();
    let bad = fence.before(0);
    assert_eq!(device.read_at_address(bad, 0), Ok(0));
    assert_eq!(device.write_from_address(bad, 0), Ok(0));
}

/// EAGAIN or the wait, and ENOSPC, come before EFAULT.
#[test]
fn waiting_and_room_come_before_a_bad_pointer() {
    let fence = Fence::new();
    let bad = fence.before(0);
    {
        let module = Module::load(&["buffer_size=10"]);
        let device = module.instance().nonblocking();
        assert_eq!(device.read_at_address(bad, 10), Err(Errno::EAGAIN));
        device.put("0123456789");
        assert_eq!(device.write_from_address(bad, 10), Err(Errno::EAGAIN));
        assert_eq!(device.read_at_address(bad, 10), Err(Errno::EFAULT));
        assert_eq!(device.take(100), "0123456789");

        let address = mydevice_tests::memory::Address(bad);
        let reader = module.instance().reader();
        let waiting = Sleeper::asleep_in(libc::SYS_read, move || {
            reader.read_at_address(address.get(), 10)
        });
        device.put("intact");
        assert_eq!(waiting.join(), Err(Errno::EFAULT));
        assert_eq!(device.take(100), "intact");
    }
    let module = Module::load(&["discipline=buffer", "buffer_size=10"]);
    let device = module.instance().both();
    assert_eq!(device.write_from_address(bad, 10), Err(Errno::EFAULT));
    device.put("0123456789");
    assert_eq!(device.write_from_address(bad, 10), Err(Errno::ENOSPC));
    assert_eq!(device.read_at_address(bad, 10), Err(Errno::EFAULT));
    assert_eq!(device.take(100), "0123456789", "the position did not move");
}

/// CLEAR and RESIZE need a file open for writing: EBADF. ENOTTY comes before it, EFAULT and EINVAL after.
#[test]
fn clear_and_resize_need_a_file_open_for_writing() {
    let module = Module::load(&[]);
    module.instance().writer().put("intact");
    let reader = module.instance().reader();
    assert_eq!(reader.clear(), Err(Errno::EBADF));
    assert_eq!(reader.resize(10), Err(Errno::EBADF));
    assert_eq!(reader.resize(0), Err(Errno::EBADF));
    assert_eq!(reader.ioctl(MYDEV_RESIZE, 0), Err(Errno::EBADF));
    assert_eq!(reader.ioctl(MYDEV_CLEAR + 5, 0), Err(Errno::ENOTTY));
    // Looking on needs no such thing.
    assert_eq!((reader.status().buffer_size, reader.unread()), (4096, 6));
    assert_eq!(reader.stats().bytes_written, 6);
    let writer = module.instance().writer();
    assert_eq!(
        (writer.status().bytes_used, writer.stats().bytes_written),
        (6, 6)
    );
    assert_eq!(reader.take(100), "intact");
}

/// Where a bad pointer follows good memory, the bytes before it count and nothing else moved.
#[test]
fn a_copy_that_faults_half_way_returns_the_count() {
    for discipline in ["stream", "buffer"] {
        let module = Module::load(&[&format!("discipline={discipline}")]);
        let device = module.instance().both();
        let fence = Fence::new();

        let written = device
            .write_from_address(fence.before(100), 300)
            .expect("the first bytes are good");
        assert!(
            (1..=100).contains(&written),
            "{discipline}: {written} bytes of 100 good ones"
        );
        assert_eq!(device.status().bytes_used as usize, written);
        assert_eq!(device.take(4096), "x".repeat(written));

        device.clear().unwrap();
        let reader = module.instance().both();
        let text: Vec<u8> = (0..200).collect();
        reader.put(&text);
        let read = reader
            .read_at_address(fence.before(100), 200)
            .expect("the first bytes are good");
        assert!(
            (1..=100).contains(&read),
            "{discipline}: {read} bytes of 100 good ones"
        );
        assert_eq!(fence.contents(100)[..read], text[..read]);
        assert_eq!(
            reader.collect(200 - read),
            text[read..],
            "{discipline}: nothing is lost"
        );
    }
}

/// A write that faults in the middle of a wait for room returns what is in.
#[test]
fn a_long_write_that_faults_returns_what_is_in() {
    let module = Module::load(&["buffer_size=10"]);
    let device = module.instance().both();
    let fence = Fence::new();
    let address = mydevice_tests::memory::Address(fence.before(100));
    let writer = {
        let device = device.clone();
        Sleeper::asleep_in(libc::SYS_write, move || {
            device.write_from_address(address.get(), 300)
        })
    };
    let mut got = Vec::new();
    while !writer.has_ended() || device.unread() > 0 {
        match device.unread() {
            0 => std::thread::yield_now(),
            _ => got.extend(device.read(3).unwrap()),
        }
    }
    assert_eq!(writer.join(), Ok(got.len()));
    assert!(
        (91..=100).contains(&got.len()),
        "{} bytes of 100 good ones",
        got.len()
    );
    device.put("next");
    assert_eq!(device.take(100), "next");
}
