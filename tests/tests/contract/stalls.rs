// SPDX-License-Identifier: GPL-2.0

//! A process stalled in the middle of a copy (a page of its memory that does not come) holds up nobody but
//! those who wait for its turn on the same side, and CLEAR and RESIZE.

use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use mydevice_tests::{
    Device, Instance, Module, Sleeper,
    device::{READABLE, WRITABLE},
    eventually,
    guest::{Process, come_before_others, on_cpu},
    memory::Stall,
    signals::INTERRUPTING,
    sleeping_read, sleeping_write,
    stalled::{GOOD, Stalled, WHOLE, at_once, onlookers_go_on},
};
use nix::{
    Result,
    errno::Errno,
    poll::PollFlags,
    sys::{signal::Signal, uio::pread},
};

const NONE: PollFlags = PollFlags::empty();

/// CLEAR and RESIZE wait for a stalled copy, interruptibly; with `O_NONBLOCK`, EAGAIN.
#[track_caller]
fn clear_and_resize_wait(instance: &Instance) {
    let nonblocking = instance.nonblocking();
    at_once(move || {
        assert_eq!(nonblocking.clear(), Err(Errno::EAGAIN));
        assert_eq!(nonblocking.resize(50), Err(Errno::EAGAIN));
    });
    let works: [fn(&Device) -> Result<()>; 2] =
        [|device| device.clear(), |device| device.resize(50)];
    for work in works {
        let device = instance.both();
        let waiting = Sleeper::asleep_in(libc::SYS_ioctl, move || work(&device));
        waiting.signal(INTERRUPTING);
        assert_eq!(waiting.join(), Err(Errno::EINTR));
    }
}

/// A stalled reader of a stream: writers go on, other readers wait for their turn or get EAGAIN.
#[test]
fn a_stalled_reader_of_a_stream_holds_up_readers_alone() {
    let module = Module::load(&["devices=2", "buffer_size=200"]);
    let instance = module.instance();
    let device = instance.both();
    device.put([b'1'; WHOLE]);
    let stalled = Stalled::reader(&device);

    at_once({
        let writer = instance.writer();
        move || writer.put("the other side")
    });
    assert_eq!(instance.writer().ready(), WRITABLE);
    assert_eq!(
        instance.reader().ready(),
        NONE,
        "a read would wait for its turn"
    );
    assert_eq!(
        at_once({
            let nonblocking = instance.nonblocking();
            move || nonblocking.read(10)
        }),
        Err(Errno::EAGAIN)
    );
    let next = sleeping_read(&instance.reader(), WHOLE);
    let impatient = sleeping_read(&instance.reader(), WHOLE);
    impatient.signal(INTERRUPTING);
    assert_eq!(
        impatient.join(),
        Err(Errno::EINTR),
        "a wait for one's turn ends on a signal"
    );
    onlookers_go_on(&instance, &Instance::named("mydevice1"));
    clear_and_resize_wait(&instance);

    next.wait_asleep_in(libc::SYS_read);
    assert_eq!(stalled.release(), Ok(WHOLE), "a read is never cut");
    assert_eq!(next.join(), Ok(b"the other side".to_vec()));
}

/// Readers of what was there before go on; other writers wait for their turn, or get EAGAIN.
#[track_caller]
fn a_stalled_writer_holds_up_writers_alone(discipline: &str) {
    let discipline = format!("discipline={discipline}");
    let module = Module::load(&["devices=2", "buffer_size=200", &discipline]);
    let instance = module.instance();
    let reader = instance.reader();
    instance.writer().put("the other side");
    let stalled = Stalled::writer(&instance.writer());

    assert_eq!(reader.ready(), READABLE);
    assert_eq!(
        at_once({
            let reader = reader.clone();
            move || reader.take(14)
        }),
        "the other side"
    );
    assert_eq!(
        instance.writer().ready(),
        NONE,
        "a write would wait for its turn"
    );
    assert_eq!(
        at_once({
            let nonblocking = instance.nonblocking();
            move || nonblocking.write(b"mixed")
        }),
        Err(Errno::EAGAIN)
    );
    let next = sleeping_write(&instance.writer(), b"next");
    onlookers_go_on(&instance, &Instance::named("mydevice1"));
    clear_and_resize_wait(&instance);

    next.wait_asleep_in(libc::SYS_write);
    assert_eq!(stalled.release(), Ok(WHOLE));
    assert_eq!(next.join(), Ok(4));
    let got = reader.collect(WHOLE + 4);
    assert_eq!(&got[..GOOD], [b'x'; GOOD]);
    assert_eq!(got[GOOD..WHOLE], [0; WHOLE - GOOD]);
    assert_eq!(&got[WHOLE..], b"next");
}

#[test]
fn a_stalled_writer_of_a_stream_holds_up_writers_alone() {
    a_stalled_writer_holds_up_writers_alone("stream");
}

/// In `buffer`, `O_NONBLOCK` changes nothing but that a write gives EAGAIN while another is in mid-copy.
#[test]
fn a_stalled_writer_of_a_buffer_holds_up_writers_alone() {
    a_stalled_writer_holds_up_writers_alone("buffer");
}

/// In `buffer`, where nothing is taken out, a stalled reader holds up neither writers nor readers.
#[test]
fn a_stalled_reader_of_a_buffer_holds_up_nobody() {
    let module = Module::load(&["devices=2", "discipline=buffer", "buffer_size=200"]);
    let instance = module.instance();
    let device = instance.both();
    device.put([b'1'; WHOLE]);
    let stalled = Stalled::reader(&device);

    at_once({
        let (writer, reader) = (instance.writer(), instance.reader());
        move || {
            writer.put("more");
            assert_eq!(reader.collect(WHOLE + 4)[WHOLE..], *b"more");
        }
    });
    assert_eq!(instance.both().ready(), READABLE | WRITABLE);
    onlookers_go_on(&instance, &Instance::named("mydevice1"));
    clear_and_resize_wait(&instance);

    assert_eq!(stalled.release(), Ok(WHOLE));
    assert_eq!(device.take(10), "more");
}

/// CLEAR that waited for a stalled copy does its work when the copy is done.
#[test]
fn clear_follows_the_copy_that_it_waited_for() {
    let module = Module::load(&["buffer_size=200"]);
    let instance = module.instance();
    let device = instance.both();
    device.put([b'1'; WHOLE + 50]);
    let stalled = Stalled::reader(&device);
    let clear = {
        let device = device.clone();
        Sleeper::asleep_in(libc::SYS_ioctl, move || device.clear())
    };
    assert_eq!((stalled.release(), clear.join()), (Ok(WHOLE), Ok(())));
    assert_eq!((device.unread(), device.stats().bytes_cleared), (0, 50));
}

/// Threads go on until this is dropped.
#[derive(Default)]
struct Running(Arc<AtomicBool>);

impl Running {
    /// Whether they still are to.
    fn watch(&self) -> impl Fn() -> bool + Send + 'static {
        let stopped = Arc::clone(&self.0);
        move || !stopped.load(Ordering::SeqCst)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Keeps everybody who is not urgent from a CPU; not for long.
fn hog(number: usize) -> Running {
    let running = Running::default();
    let (started, goes_on) = (Arc::new(AtomicBool::new(false)), running.watch());
    let start = Arc::clone(&started);
    thread::spawn(move || {
        on_cpu(number, || {
            come_before_others();
            start.store(true, Ordering::SeqCst);
            let since = Instant::now();
            while goes_on() && since.elapsed() < Duration::from_secs(2) {
                hint::spin_loop();
            }
        })
    });
    eventually("the CPU is taken", || started.load(Ordering::SeqCst));
    running
}

/// A CLEAR that is let in while it sleeps, and does not run yet, zeroes nothing that a reader has begun to copy since.
#[test]
fn a_clear_that_runs_late_waits_for_who_began_to_read() {
    let module = Module::load(&["discipline=buffer"]);
    let instance = module.instance();
    let clear_late = || {
        let device = instance.nonblocking();
        device.put([b't'; WHOLE]);
        let first = Stalled::reader(&device);
        let clearer = instance.writer();
        let clear = Sleeper::asleep_in(libc::SYS_ioctl, move || on_cpu(0, || clearer.clear()));
        let slept = clear.times_slept();
        let hog = hog(0);
        assert_eq!(first.release(), Ok(WHOLE));

        let (reader, stall) = (instance.nonblocking(), Stall::new());
        let address = stall.before(GOOD);
        let second = Sleeper::start(move || reader.read_at_address(address.get(), WHOLE));
        eventually("the second reader is stalled, or found nothing", || {
            second.has_ended() || second.sleeps_in(libc::SYS_read)
        });
        let late = !second.has_ended();
        if late {
            stall.wait_stalled();
            drop(hog);
            eventually("the CLEAR looks", || {
                clear.has_ended() || clear.times_slept() > slept
            });
            assert!(!clear.has_ended(), "it has zeroed what is being read");
        }
        stall.release();
        let got = second.join();
        if late {
            assert_eq!(got, Ok(WHOLE));
            assert_eq!(stall.came(WHOLE - GOOD), [b't'; WHOLE - GOOD]);
        }
        assert_eq!(clear.join(), Ok(()));
        assert_eq!(device.unread(), 0);
        late
    };
    // All but the CLEAR and the hog are elsewhere.
    let late = on_cpu(1, || (0..20).any(|_| clear_late()));
    assert!(late, "the CLEAR always ran first");
}

/// A write into a buffer that goes on after a RESIZE which leaves it no room ends there, short: nobody will make room.
#[test]
fn a_write_into_a_buffer_ends_where_a_resize_leaves_no_room() {
    const CAPACITY: usize = 65536;
    let module = Module::load(&["discipline=buffer", &format!("buffer_size={CAPACITY}")]);
    let instance = module.instance();
    let device = instance.writer();
    let stall = Stall::new();
    let (start, rest) = (stall.before(GOOD), vec![b'r'; CAPACITY - WHOLE]);
    let writing = {
        let device = device.clone();
        Sleeper::start(move || {
            let rest = (rest.as_ptr().cast_mut(), rest.len());
            device.write_from_addresses(&[(start.get(), WHOLE), rest])
        })
    };
    stall.wait_stalled();
    let resize = {
        let device = device.clone();
        Sleeper::asleep_in(libc::SYS_ioctl, move || device.resize(4096))
    };
    stall.release();
    assert_eq!(resize.join(), Ok(()));
    let written = writing.join().expect("a write");
    assert!(
        (4096..CAPACITY).contains(&written),
        "{written} bytes before the RESIZE"
    );
    assert_eq!(device.write(b"x"), Err(Errno::ENOSPC), "the turn is free");
}

/// A writer of so many bytes, stalled after the first GOOD of them until its page comes.
#[track_caller]
fn stalled_write(device: &Device, len: usize) -> (Stall, Sleeper<Result<usize>>) {
    let (device, stall) = (device.clone(), Stall::new());
    let address = stall.before(GOOD);
    let writing = Sleeper::start(move || device.write_from_address(address.get(), len));
    stall.wait_stalled();
    (stall, writing)
}

/// A write that must not wait takes what fits, whatever comes while it copies: a signal, or a CLEAR that is to follow.
#[test]
fn a_nonblocking_write_takes_what_fits_whatever_comes() {
    const MORE_THAN_A_PIECE: usize = GOOD + 4096;
    for what_comes in ["a signal", "CLEAR"] {
        let module = Module::load(&["buffer_size=16384"]);
        let instance = module.instance();
        let device = instance.nonblocking();
        let (stall, writing) = stalled_write(&device, MORE_THAN_A_PIECE);
        let clear = (what_comes == "CLEAR").then(|| {
            let device = instance.both();
            Sleeper::asleep_in(libc::SYS_ioctl, move || device.clear())
        });
        if clear.is_none() {
            writing.signal(INTERRUPTING);
        }
        stall.release();
        assert_eq!(writing.join(), Ok(MORE_THAN_A_PIECE), "{what_comes}");
        if let Some(clear) = clear {
            assert_eq!((clear.join(), device.unread()), (Ok(()), 0));
        }
    }
}

/// A write into a file of a spool, which may sleep but need not, is not cut by a signal either.
#[test]
fn a_write_into_a_file_takes_what_fits_whatever_comes() {
    const PIECES: usize = GOOD + 4096;
    let module = Module::load(&["discipline=spool"]);
    let device = module.instance().writer();
    let (stall, writing) = stalled_write(&device, PIECES);
    writing.signal(INTERRUPTING);
    stall.release();
    assert_eq!(writing.join(), Ok(PIECES));
}

/// CLEAR and RESIZE come in between readers who never stop, one after the other: each time that they wait for some while, those
/// who may sleep let them go first.
#[test]
fn readers_who_never_stop_let_clear_and_resize_in() {
    const LEN: usize = 64 << 10;
    let module = Module::load(&["discipline=buffer", &format!("buffer_size={LEN}")]);
    let instance = module.instance();
    let device = instance.writer();
    let running = Running::default();
    let readers = [(); 6].map(|()| {
        let (reader, goes_on) = (instance.reader(), running.watch());
        Sleeper::start(move || {
            let mut text = vec![0; LEN];
            while goes_on() {
                pread(&reader, &mut text, 0).expect("a read of the text");
            }
        })
    });
    let writer = {
        let (device, goes_on) = (device.clone(), running.watch());
        Sleeper::start(move || {
            while goes_on() {
                match device.write(&[b't'; LEN]) {
                    Ok(_) | Err(Errno::ENOSPC) => thread::yield_now(),
                    error => panic!("{error:?}"),
                }
            }
        })
    };
    // However this ends, they end first.
    let running = running;
    for round in 0..20 {
        let device = device.clone();
        let overhaul = Sleeper::start(move || match round % 2 {
            0 => device.clear(),
            _ => device.resize(LEN as u32),
        });
        eventually("it has its turn", || overhaul.has_ended());
        assert_eq!(overhaul.join(), Ok(()));
    }
    drop(running);
    readers.into_iter().for_each(Sleeper::join);
    writer.join();
}

/// A stalled process can be killed. Its turn goes to the next, and nothing is consumed that did not reach it.
#[test]
fn a_stalled_reader_can_be_killed() {
    let module = Module::load(&["buffer_size=200"]);
    let device = module.instance().both();
    let text: Vec<u8> = (0..WHOLE as u8).collect();
    device.put(&text);
    kill_stalled("read");
    let left = device.read(WHOLE).unwrap();
    assert!(
        left.len() >= WHOLE - GOOD,
        "only {} bytes are left",
        left.len()
    );
    assert_eq!(left, text[WHOLE - left.len()..]);
}

/// The same for a writer: what came before the page that did not come may be in, and no more.
#[test]
fn a_stalled_writer_can_be_killed() {
    let module = Module::load(&["buffer_size=200"]);
    let device = module.instance().both();
    kill_stalled("write");
    device.put("next");
    let got = device.take(WHOLE);
    let came = got.strip_suffix("next").expect("the next write is in");
    assert!(
        came.len() <= GOOD && came.bytes().all(|byte| byte == b'x'),
        "{came:?}"
    );
    assert_eq!(device.clear(), Ok(()), "nobody copies any more");
}

/// Starts a process that stalls in this direction, and kills it.
fn kill_stalled(direction: &str) {
    let mut process = Process::start(env!("CARGO_BIN_EXE_stall"), &["/dev/mydevice", direction]);
    process.said("stalled");
    process.signal(Signal::SIGKILL);
    process.join();
}
