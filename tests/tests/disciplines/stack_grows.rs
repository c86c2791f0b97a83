// SPDX-License-Identifier: GPL-2.0

//! `stack`: it starts at 1 byte, grows by doubling, and gives back what it does not need.

use mydevice_tests::{
    Device, Instance, Module,
    device::WRITABLE,
    group::MemoryGroup,
    guest::{Process, sh},
};
use nix::errno::Errno;

/// Capacity and bytes used, as STATUS shows them.
fn shape(device: &Device) -> (u32, u32) {
    let status = device.status();
    (status.buffer_size, status.bytes_used)
}

/// Capacity counts the records' bytes alone, starts at 1 and doubles on demand; it goes back as it shrinks.
#[test]
fn it_grows_by_doubling_from_1_byte() {
    let module = Module::load(&["discipline=stack"]);
    let device = module.instance().both();
    assert_eq!(shape(&device), (1, 0));
    let capacities = [1, 2, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16, 32];
    for (n, capacity) in (1..).zip(capacities) {
        device.put("x");
        assert_eq!(shape(&device), (capacity, n));
    }
    device.put([b'y'; 1000]);
    assert_eq!(shape(&device), (1024, 1017));
    device.collect(1000);
    device.collect(17);
    assert_eq!(shape(&device), (1, 0));
    assert_eq!(
        (device.stats().high_water, device.stats().bytes_truncated),
        (1017, 0)
    );
}

/// RESIZE in between reserves ahead; from there on it doubles again.
#[test]
fn resize_in_between_extends_it() {
    let module = Module::load(&["discipline=stack"]);
    let device = module.instance().both();
    device.put("123");
    assert_eq!(shape(&device), (4, 3));
    assert_eq!(device.resize(10), Ok(()));
    assert_eq!(shape(&device), (10, 3));
    device.put("4567890");
    assert_eq!(shape(&device), (10, 10));
    device.put("x");
    assert_eq!(shape(&device), (20, 11));
    device.put([b'y'; 20]);
    assert_eq!(shape(&device), (40, 31));
    assert_eq!(
        (device.collect(21).len(), device.take(100)),
        (21, "4567890".into())
    );
    assert_eq!(device.take(100), "123");
    assert_eq!(shape(&device).1, 0);
    assert_eq!(module.instance().set_attribute("capacity", "100"), Ok(()));
    assert_eq!(shape(&device), (100, 0));
    assert_eq!(
        Instance::add("ahead discipline=stack capacity=7")
            .proc()
            .buffer_size,
        7
    );
}

/// Two processes that push `1` and `2` by turns, as long as they live: STATUS shows each step, with RESIZE in between,
/// and out they come by turns.
#[test]
fn two_processes_push_by_turns() {
    const ROUNDS: u32 = 40;
    let module = Module::load(&["discipline=stack"]);
    // The turn is handed on through streams: to the first, to the second, and back to who looks on.
    let [first, second, back] =
        ["first", "second", "back"].map(|name| Instance::add(&format!("{name} discipline=stream")));
    let pusher = |digit: u8, turn: &Instance, next: &Instance| {
        let line = format!(
            "exec python3 -c 'import os
stack, turn, next = (os.open(node, os.O_RDWR) for node in (\"/dev/mydevice\", \"{}\", \"{}\"))
for n in range({ROUNDS}): os.read(turn, 1); os.write(stack, b\"{digit}\"); os.write(next, b\"x\")'",
            turn.node().display(),
            next.node().display()
        );
        Process::start("bash", &["-c", &line])
    };
    let device = module.instance().both();
    let pushers = [pusher(1, &first, &back), pusher(2, &second, &back)];
    let mut capacity = 1;
    for pushed in 1..=2 * ROUNDS {
        let turn = if pushed % 2 == 1 { &first } else { &second };
        turn.writer().put("x");
        assert_eq!(back.reader().take(1), "x");
        if pushed > capacity {
            capacity *= 2;
        }
        assert_eq!(shape(&device), (capacity, pushed));
        // By a step of its own, and to where it is full.
        if let Some(step) = [(5, 13), (13, 13), (27, 30)]
            .iter()
            .find(|step| step.0 == pushed)
        {
            capacity = step.1;
            assert_eq!(device.resize(capacity), Ok(()));
            assert_eq!(shape(&device), (capacity, pushed));
        }
    }
    for pusher in pushers {
        assert!(pusher.join().status.success());
    }
    assert_eq!(sh("cat /dev/mydevice"), "21".repeat(ROUNDS as usize));
}

/// RESIZE below what is used drops the bottom records, whole, and counts them as truncated.
#[test]
fn resize_drops_the_bottom_records_whole() {
    let module = Module::load(&["discipline=stack"]);
    let device = module.instance().both();
    for record in ["aaaa", "bbbb", "cccc"] {
        device.put(record);
    }
    assert_eq!(device.resize(9), Ok(()));
    assert_eq!(
        (shape(&device), device.stats().bytes_truncated),
        ((9, 8), 4)
    );
    assert_eq!(device.take(2), "cc");
    assert_eq!(device.resize(3), Ok(()));
    assert_eq!(
        (shape(&device), device.stats().bytes_truncated),
        ((3, 2), 8)
    );
    assert_eq!((device.take(10), device.take(10)), ("cc".into(), "".into()));
    let limit = module.instance().set_attribute("max_capacity", "100");
    assert_eq!((limit, device.resize(101)), (Ok(()), Err(Errno::EINVAL)));
}

/// CLEAR drops all records, wakes who waits for room, and is counted.
#[test]
fn clear_drops_all_records() {
    let _module = Module::load(&[]);
    let small = Instance::add("small discipline=stack max_capacity=10");
    let device = small.both();
    device.put("01234");
    device.put("56789");
    let writer = mydevice_tests::sleeping_write(&small.writer(), b"abc");
    assert_eq!(device.clear(), Ok(()));
    assert_eq!(writer.join(), Ok(3));
    assert_eq!(
        (device.stats().bytes_cleared, device.take(10)),
        (10, "abc".into())
    );
}

/// Who waits for room learns of a new `max_capacity`: there is room now, or what it has will never fit.
#[test]
fn a_new_limit_wakes_who_waits_for_room() {
    let _module = Module::load(&[]);
    let small = Instance::add("small discipline=stack max_capacity=10");
    let device = small.nonblocking();
    device.put("01234");
    let (fits, never) = (small.writer(), small.writer());
    let fits = mydevice_tests::sleeping_write(&fits, b"abcdef");
    let never = mydevice_tests::sleeping_write(&never, b"0123456789");
    assert_eq!(device.write(b"0123456789"), Err(Errno::EAGAIN));
    assert!(!device.ready().intersects(WRITABLE));

    assert_eq!(small.set_attribute("max_capacity", "9"), Ok(()));
    assert_eq!(never.join(), Err(Errno::EMSGSIZE));
    assert!(device.ready().contains(WRITABLE), "it is refused at once");
    assert_eq!(device.write(b"0123456789"), Err(Errno::EMSGSIZE));

    assert_eq!(small.set_attribute("max_capacity", "11"), Ok(()));
    assert_eq!(fits.join(), Ok(6));
}

/// A record per 16 bytes of `max_capacity`, plus 64: beyond that it counts as full.
#[test]
fn the_number_of_records_is_bounded() {
    let _module = Module::load(&[]);
    let small = Instance::add("small discipline=stack max_capacity=160");
    let device = small.nonblocking();
    for n in 0..160 / 16 + 64 {
        device.put([n]);
    }
    assert_eq!(device.write(b"x"), Err(Errno::EAGAIN));
    assert_eq!(device.ready(), mydevice_tests::device::READABLE);
    assert_eq!(device.read(1), Ok(vec![73]));
    device.put("x");
    assert_eq!(device.write(b"x"), Err(Errno::EAGAIN));
}

/// Memory is given back as it shrinks, not only when it is empty.
#[test]
fn memory_is_given_back_as_it_shrinks() {
    const MIB: u64 = 1 << 20;
    let group = MemoryGroup::new("200M");
    let module = Module::load(&["discipline=stack"]);
    let device = module.instance().both();
    group.python("for n in range(64): os.write(fd, bytes(1 << 20))");
    assert!(group.charged() >= 64 * MIB);
    for _ in 0..48 {
        device.collect(MIB as usize);
    }
    mydevice_tests::eventually("three quarters are given back", || {
        group.charged() < 32 * MIB
    });
    assert_eq!(device.status().bytes_used, 16 << 20);
}
