// SPDX-License-Identifier: GPL-2.0

//! `spool`: which open reads which file, and how it lets go of it.

use super::files::{hand_in, spool, whole};
use mydevice_tests::{
    Instance, Module, Sleeper,
    device::{READABLE, WRITABLE},
    eventually,
    guest::{come_before_others, on_one_cpu, urgently},
    instance::DISCIPLINES,
    memory::Stall,
    sleeping_read,
};
use nix::{errno::Errno, poll::PollFlags};

/// An open takes the oldest unclaimed file at its first read: two readers never share one.
#[test]
fn two_readers_take_two_files() {
    let module = spool();
    hand_in(&module, &["first"]);
    let (one, other) = (module.instance().reader(), module.instance().nonblocking());
    assert_eq!(one.take(1), "f");
    assert_eq!(
        other.read(10),
        Err(Errno::EAGAIN),
        "the rest is not for others"
    );
    assert_eq!((one.ready(), other.ready()), (READABLE, WRITABLE));
    assert_eq!((one.unread(), other.unread()), (4, 0));
    hand_in(&module, &["second"]);
    assert_eq!((one.unread(), other.unread()), (4, 6));
    assert_eq!((other.take(3), one.take(10)), ("sec".into(), "irst".into()));
    assert_eq!((one.take(10), other.take(10)), ("".into(), "ond".into()));
}

/// Two readers of one open, as of a descriptor that was inherited, share its file: each byte goes to one of them, and
/// what one read returns is contiguous, also while the file is still being written.
#[test]
fn two_readers_of_one_open_share_its_file() {
    const NUMBERS: u32 = 50_000;
    let module = spool();
    let (writer, reader) = (module.instance().writer(), module.instance().reader());
    writer.put(0u32.to_le_bytes());
    hand_in(&module, &["of no concern to them"]);
    let readers = [250, 1024].map(|numbers| {
        let reader = reader.clone();
        Sleeper::start(move || {
            let mut got = Vec::new();
            loop {
                let part = reader.read(numbers * 4).expect("a read of a shared file");
                if part.is_empty() {
                    return got;
                }
                let part = part
                    .chunks(4)
                    .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()));
                let part: Vec<_> = part.collect();
                assert!(
                    part.windows(2).all(|pair| pair[0] + 1 == pair[1]),
                    "{part:?}"
                );
                got.extend(part);
            }
        })
    });
    for numbers in (1..NUMBERS).collect::<Vec<_>>().chunks(777) {
        writer.put(
            numbers
                .iter()
                .flat_map(|n| n.to_le_bytes())
                .collect::<Vec<_>>(),
        );
    }
    drop(writer);
    let mut got: Vec<_> = readers.into_iter().flat_map(Sleeper::join).collect();
    got.sort_unstable();
    assert!(got.into_iter().eq(0..NUMBERS), "each number once");
    assert_eq!(whole(&module.instance().reader()), "of no concern to them");
}

/// Readers of one open that sleep before it has a file all follow the one that it then claims: what the first of them
/// leaves is for the others, as is what comes later, and the end.
#[test]
fn readers_of_one_open_that_waits_share_its_file() {
    let module = spool();
    let instance = module.instance();
    for _ in 0..20 {
        let (writer, reader) = (instance.writer(), instance.reader());
        let mut readers: Vec<_> = (0..4).map(|_| sleeping_read(&reader, 1)).collect();
        let mut ends = |count, wanted: &[&str]| {
            let mut got = Vec::new();
            while got.len() < count {
                eventually("a reader ends", || readers.iter().any(Sleeper::has_ended));
                let ended = readers.iter().position(Sleeper::has_ended).expect("one");
                let bytes = readers.remove(ended).join().expect("a read");
                got.push(String::from_utf8(bytes).expect("a letter"));
            }
            got.sort();
            assert_eq!(got, wanted);
        };
        writer.put("ab");
        ends(2, &["a", "b"]);
        writer.put("c");
        ends(1, &["c"]);
        drop(writer);
        ends(1, &[""]);
    }
}

/// A read is of one file, also when its open has gone over to the next one meanwhile.
#[test]
fn a_read_goes_on_in_its_own_file_alone() {
    let module = spool();
    let instance = module.instance();
    // More than one piece.
    hand_in(&module, &[&"1".repeat(3000)]);
    hand_in(&module, &["the second"]);
    let (open, other) = (instance.reader(), instance.nonblocking());
    let stall = Stall::new();
    let address = stall.before(10);
    let first = {
        let open = open.clone();
        Sleeper::start(move || open.read_at_address(address.get(), 4000))
    };
    stall.wait_stalled();
    assert_eq!(open.next(), Ok(()));
    assert_eq!(
        other.read(1),
        Err(Errno::EAGAIN),
        "it has claimed the first"
    );
    let second = sleeping_read(&open, 100);
    stall.release();
    let got = first.join().expect("a read");
    assert!((11..3000).contains(&got), "{got} bytes, of one piece");
    assert_eq!(second.join(), Ok(b"the second".to_vec()));
    assert_eq!(whole(&other), "1".repeat(3000 - got));
}

/// A file is claimed by a read, not by an open or a poll.
#[test]
fn an_open_claims_nothing() {
    let module = spool();
    let (early, late) = (module.instance().reader(), module.instance().reader());
    hand_in(&module, &["one"]);
    hand_in(&module, &["two"]);
    assert_eq!((early.ready(), early.unread()), (READABLE, 3));
    assert_eq!(
        (late.take(10), early.take(10)),
        ("one".into(), "two".into())
    );
}

/// `MYDEV_NEXT` lets go of this open's file, so that its next read takes the next one.
#[test]
fn next_takes_the_next_file() {
    let module = spool();
    for file in ["one", "two", "three"] {
        hand_in(&module, &[file]);
    }
    let reader = module.instance().nonblocking();
    assert_eq!(reader.next(), Ok(()), "nothing to let go of");
    assert_eq!((whole(&reader), reader.next()), ("one".into(), Ok(())));
    assert_eq!((whole(&reader), reader.next()), ("two".into(), Ok(())));
    assert_eq!((reader.take(1), reader.next()), ("t".into(), Ok(())));
    assert_eq!(whole(&reader), "hree", "it leaves the rest at the head");
    assert_eq!(
        (reader.next(), reader.read(10)),
        (Ok(()), Err(Errno::EAGAIN))
    );
}

/// `MYDEV_NEXT` is for spools alone: ENOTTY elsewhere.
#[test]
fn next_is_for_spools_alone() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let instance = Instance::add(&format!("one discipline={discipline}"));
        let expected = match discipline {
            "spool" => Ok(()),
            _ => Err(Errno::ENOTTY),
        };
        assert_eq!(instance.reader().next(), expected, "{discipline}");
        assert_eq!(instance.both().next(), expected, "{discipline}");
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// An open that ends half way leaves the rest at the head for the next, before newer files.
#[test]
fn what_is_left_goes_to_the_next() {
    let module = spool();
    let writer = module.instance().writer();
    writer.put("0123456789");
    hand_in(&module, &["newer"]);
    for digits in ["01", "23"] {
        assert_eq!(module.instance().reader().take(2), digits);
    }
    let reader = module.instance().reader();
    assert_eq!(reader.take(100), "456789");
    // It is still being written: who comes next follows on.
    drop(reader);
    let reader = module.instance().reader();
    let sleeper = sleeping_read(&reader, 100);
    writer.put("abc");
    drop(writer);
    assert_eq!(
        (sleeper.join(), reader.take(10)),
        (Ok(b"abc".to_vec()), "".into())
    );
    assert_eq!(whole(&module.instance().reader()), "newer");
}

/// Who waits for a file gets one that another reader lets go of, by closing or by `MYDEV_NEXT`.
#[test]
fn letting_go_wakes_who_waits() {
    let module = spool();
    hand_in(&module, &["abcdef"]);
    let first = module.instance().reader();
    assert_eq!(first.take(2), "ab");
    let sleeper = sleeping_read(&module.instance().reader(), 2);
    assert_eq!(first.next(), Ok(()));
    assert_eq!(sleeper.join(), Ok(b"cd".to_vec()));

    let second = module.instance().reader();
    assert_eq!(second.take(1), "e");
    let sleeper = sleeping_read(&module.instance().reader(), 2);
    drop(second);
    assert_eq!(sleeper.join(), Ok(b"f".to_vec()));
}

/// A file whose bytes were all taken, and whose reader has left, is nothing to hand over: who waits is not
/// given an end of which it has seen no beginning.
#[test]
fn a_file_of_which_nothing_is_left_is_not_handed_on() {
    let module = spool();
    let writer = module.instance().writer();
    writer.put("all of it");
    assert_eq!(module.instance().reader().take(100), "all of it");
    let next = sleeping_read(&module.instance().reader(), 100);
    drop(writer);
    next.wait_asleep_in(libc::SYS_read);
    hand_in(&module, &["the next"]);
    assert_eq!(next.join(), Ok(b"the next".to_vec()));
}

/// The same is what poll and FIONREAD say: a reader that took a file of which nothing was left, and to which nothing
/// came, hears of the next one and not of that one's end.
#[test]
fn a_file_that_ended_without_a_byte_for_its_reader_is_not_heard_of() {
    let module = spool();
    let writer = module.instance().writer();
    writer.put("all of it");
    assert_eq!(module.instance().reader().take(100), "all of it");
    let next = module.instance().nonblocking();
    assert_eq!(next.read(100), Err(Errno::EAGAIN));
    drop(writer);
    assert_eq!((next.ready(), next.unread()), (WRITABLE, 0));
    hand_in(&module, &["the next"]);
    assert_eq!((next.ready(), next.unread()), (READABLE | WRITABLE, 8));
    assert_eq!(next.take(100), "the next");
}

/// `hangup`: at the end of a file there is no POLLHUP while another file waits to be read.
#[test]
fn no_hangup_while_another_file_waits() {
    let _module = Module::load(&[]);
    let spool = Instance::add("jobs discipline=spool on_empty=hangup");
    let reader = spool.reader();
    for job in ["one", "two"] {
        spool.writer().put(job);
    }
    for job in ["one", "two"] {
        assert_eq!(reader.take(100), job);
        let last = if job == "two" {
            PollFlags::POLLHUP
        } else {
            PollFlags::empty()
        };
        assert_eq!(reader.ready(), READABLE | last, "at the end of {job}");
        assert_eq!((reader.take(100), reader.next()), ("".into(), Ok(())));
    }
}

/// `hangup`: nor while another reader has not had all of its own, since it may leave the rest.
#[test]
fn no_hangup_while_another_may_leave_the_rest() {
    let _module = Module::load(&[]);
    let spool = Instance::add("jobs discipline=spool on_empty=hangup");
    let (first, second) = (spool.reader(), spool.reader());
    for job in ["ab", "c"] {
        spool.writer().put(job);
    }
    assert_eq!(
        (first.take(1), second.take(1)),
        ("a".to_owned(), "c".to_owned())
    );
    assert_eq!(second.ready(), READABLE, "while the other may go on");
    drop(first);
    assert_eq!(second.ready(), READABLE, "when the other has left the rest");
    assert_eq!(second.next(), Ok(()));
    assert_eq!(second.take(100), "b");
    assert_eq!(second.ready(), READABLE | PollFlags::POLLHUP);
}

/// A file that is claimed while another reader copies is read when that copy has ended: each reader sleeps until its own
/// file goes on, and no wake-up is lost by a claim.
#[test]
fn a_file_claimed_during_anothers_copy_is_read_after_it() {
    let module = spool();
    let instance = module.instance();
    // So that whoever is woken first comes first.
    on_one_cpu(|| {
        for _ in 0..20 {
            let (first, follower) = instance.drained();
            let second = instance.writer();
            let stall = Stall::new();
            let address = stall.before(0);
            let reader = follower.clone();
            let copying = Sleeper::asleep_in(libc::SYS_read, move || {
                reader.read_at_address(address.get(), 1)
            });
            let waiting = sleeping_read(&instance.reader(), 1);

            first.put("y");
            second.put("z");
            stall.wait_stalled();
            eventually("the other reader looks, and reads or sleeps", || {
                waiting.has_ended() || waiting.sleeps_in(libc::SYS_read)
            });
            stall.release();
            assert_eq!(copying.join(), Ok(1));
            assert_eq!(waiting.join(), Ok(b"z".to_vec()));
            // Had it let go of its file before, that one would have been the oldest.
            drop(follower);
        }
    });
}

/// A reader that is woken for one file and claims another, of which there is nothing yet, hands the wake-up on.
#[test]
fn a_reader_that_claims_a_drained_file_wakes_the_next() {
    let module = spool();
    let instance = module.instance();
    // So that nobody who is woken runs before both has been done.
    on_one_cpu(|| {
        for _ in 0..20 {
            let (first, drained) = instance.drained();
            let second = instance.writer();
            let waiting = [(); 2].map(|()| sleeping_read(&instance.reader(), 1));
            urgently(move || {
                drop(drained);
                second.put("y");
            });
            let ended = || waiting.iter().any(Sleeper::has_ended);
            eventually("one of the two reads what is there", ended);
            first.put("z");
            let mut got = waiting.map(|reader| reader.join().expect("a read"));
            got.sort();
            assert_eq!(got, [b"y".to_vec(), b"z".to_vec()]);
        }
    });
}

/// The same of an open that already follows a file, which comes to nothing, and claims the drained one in its sleep.
#[test]
fn who_polls_is_told_of_what_a_follower_uncovers() {
    let module = spool();
    let instance = module.instance();
    // So that nobody who is woken runs before all has been done, and the poller looks before the reader does.
    on_one_cpu(|| {
        let (first, reader) = instance.drained();
        drop(reader);
        let follows = sleeping_read(&instance.reader(), 1);
        let (second, reader) = instance.drained();
        drop(reader);
        hand_in(&module, &["hidden"]);
        let poller = instance.reader();
        assert_eq!(poller.ready(), PollFlags::empty());
        let polls = {
            let poller = poller.clone();
            Sleeper::asleep_in(libc::SYS_poll, move || {
                come_before_others();
                poller.wait_ready(READABLE)
            })
        };
        urgently(move || drop(first));
        eventually("the poller is told", || polls.has_ended());
        assert_eq!(polls.join(), Ok(READABLE));
        assert_eq!(whole(&poller), "hidden");
        second.put("z");
        assert_eq!(follows.join(), Ok(b"z".to_vec()));
    });
}

/// A file of which there is nothing hides what comes behind it from all who have no file. Once an open has claimed it, they
/// are told, also if that open then gets nothing.
#[test]
fn who_polls_is_told_of_what_a_drained_file_has_hidden() {
    for sleeps in [false, true] {
        let module = spool();
        let instance = module.instance();
        let (first, reader) = instance.drained();
        drop(reader);
        hand_in(&module, &["hidden"]);
        let (poller, claimer) = (instance.reader(), instance.reader());
        assert_eq!(poller.ready(), PollFlags::empty());
        let polls = {
            let poller = poller.clone();
            Sleeper::asleep_in(libc::SYS_poll, move || poller.wait_ready(READABLE))
        };
        let nonblocking = instance.nonblocking();
        let claims = sleeps.then(|| sleeping_read(&claimer, 1));
        if !sleeps {
            assert_eq!(nonblocking.read(1), Err(Errno::EAGAIN));
        }
        eventually("the poller is told", || polls.has_ended());
        assert_eq!(polls.join(), Ok(READABLE));
        assert_eq!(whole(&poller), "hidden");
        first.put("z");
        if let Some(claims) = claims {
            assert_eq!(claims.join(), Ok(b"z".to_vec()));
        }
    }
}
