// SPDX-License-Identifier: GPL-2.0

//! `spool`: whole files in order, boundaries kept.

use super::files::{hand_in, spool, whole};
use mydevice_tests::{
    Module, Sleeper,
    device::{READABLE, WRITABLE},
    eventually,
    guest::{Process, sh},
    length, sleeping_read,
};
use nix::{errno::Errno, poll::PollFlags};

const NONE: PollFlags = PollFlags::empty();

/// `cat job > node` here, `cat node > job` there.
#[test]
fn cat_hands_over_whole_files() {
    let _module = spool();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    sh(&format!(
        "cd {at}; for n in 1 2 3; do seq $((n * 3000)) > job$n; cat job$n > /dev/mydevice; done
         for n in 1 2 3; do cat /dev/mydevice > got$n; cmp job$n got$n || exit 1; done"
    ));
}

/// Everything written through one open is one file, in order; after its end a read gives 0, again and again.
#[test]
fn one_open_is_one_file() {
    let module = spool();
    hand_in(&module, &["one ", "file ", "of three writes"]);
    hand_in(&module, &["the next"]);
    let reader = module.instance().reader();
    assert_eq!(reader.ready(), READABLE);
    assert_eq!(reader.take(2), "on");
    assert_eq!(reader.unread(), 22);
    assert_eq!(
        reader.take(100),
        "e file of three writes",
        "all it can have, and no more"
    );
    assert_eq!([(); 3].map(|()| reader.take(100)), [""; 3]);
    assert_eq!(
        (reader.ready(), reader.unread()),
        (READABLE, 0),
        "a read would not wait"
    );
    // The next file is for the next open.
    assert_eq!(whole(&module.instance().reader()), "the next");
    assert_eq!(module.instance().reader().status().bytes_used, 0);
}

/// A duplicate of a descriptor is the same open: the file ends at the last close.
#[test]
fn a_duplicate_writes_to_the_same_file() {
    let module = spool();
    sh("(echo one; echo two; (echo three); cat <<< four) > /dev/mydevice");
    assert_eq!(
        whole(&module.instance().reader()),
        "one\ntwo\nthree\nfour\n"
    );
}

/// Files queue in the order of their first write, and two opens' files never mix.
#[test]
fn files_queue_by_their_first_write() {
    let module = spool();
    let (early, late) = (module.instance().writer(), module.instance().writer());
    late.put("late 1 ");
    early.put("early 1 ");
    late.put("late 2");
    early.put("early 2");
    drop((early, late));
    let reader = module.instance().reader();
    assert_eq!(whole(&reader), "late 1 late 2");
    assert_eq!(whole(&module.instance().reader()), "early 1 early 2");
}

/// Opening and closing without writing makes no file, and neither does a write of nothing.
#[test]
fn an_open_that_writes_nothing_makes_no_file() {
    let module = spool();
    drop(module.instance().writer());
    assert_eq!(module.instance().writer().write(b""), Ok(0));
    drop(module.instance().both());
    let device = module.instance().nonblocking();
    assert_eq!(device.read(10), Err(Errno::EAGAIN));
    assert_eq!(device.ready(), WRITABLE);
    hand_in(&module, &["the first"]);
    assert_eq!(device.take(100), "the first");
}

/// A reader follows its file while it is still being written, and gets 0 when its writer has closed.
#[test]
fn a_reader_follows_a_file_that_is_being_written() {
    let module = spool();
    let (writer, reader) = (module.instance().writer(), module.instance().reader());
    let sleeper = sleeping_read(&reader, 100);
    writer.put("first");
    assert_eq!(sleeper.join(), Ok(b"first".to_vec()));
    assert_eq!(reader.ready(), NONE);
    // Another file does not concern it.
    let sleeper = sleeping_read(&reader, 100);
    hand_in(&module, &["another file"]);
    sleeper.wait_asleep_in(libc::SYS_read);
    writer.put("second");
    assert_eq!(sleeper.join(), Ok(b"second".to_vec()));
    let sleeper = sleeping_read(&reader, 100);
    let poller = {
        let reader = reader.clone();
        Sleeper::asleep_in(libc::SYS_poll, move || reader.wait_ready(PollFlags::POLLIN))
    };
    drop(writer);
    assert_eq!(
        (sleeper.join(), poller.join()),
        (Ok(vec![]), Ok(PollFlags::POLLIN))
    );
    assert_eq!(reader.take(10), "");
    assert_eq!(whole(&module.instance().reader()), "another file");
}

/// An `O_RDWR` open may read its own file, and at its end waits.
#[test]
fn an_open_for_both_may_read_its_own_file() {
    let module = spool();
    let device = module.instance().nonblocking();
    device.put("mine");
    assert_eq!(device.take(100), "mine");
    assert_eq!(
        (device.read(10), device.ready()),
        (Err(Errno::EAGAIN), WRITABLE)
    );
    device.put("more");
    assert_eq!(
        (device.take(100), device.read(10)),
        ("more".into(), Err(Errno::EAGAIN))
    );
    let blocking = module.instance().both();
    drop(device);
    blocking.put("own");
    assert_eq!(blocking.take(100), "own");
    let sleeper = sleeping_read(&blocking, 10);
    blocking.put("again");
    assert_eq!(sleeper.join(), Ok(b"again".to_vec()));
}

/// After CLEAR, an open that had claimed a file reads 0, and a writer's next write begins a new file.
#[test]
fn clear_ends_all_files() {
    let module = spool();
    let (writer, reader) = (module.instance().writer(), module.instance().reader());
    writer.put("dropped");
    hand_in(&module, &["dropped, too"]);
    assert_eq!(reader.take(4), "drop");
    let waiting = module.instance().reader();
    assert_eq!(waiting.take(100), "dropped, too");
    assert_eq!(writer.clear(), Ok(()));
    assert_eq!(
        (writer.status().bytes_used, writer.stats().bytes_cleared),
        (0, 3)
    );
    assert_eq!(
        [reader.take(10), reader.take(10), waiting.take(10)],
        [""; 3]
    );

    writer.put("a new file");
    assert_eq!((reader.take(10), reader.ready()), ("".into(), READABLE));
    let next = module.instance().reader();
    assert_eq!(next.take(100), "a new file");
    assert_eq!(
        (reader.next(), drop(writer), next.take(10)),
        (Ok(()), (), "".into())
    );
}

/// CLEAR wakes a reader that waits for more of its file: there is no more.
#[test]
fn clear_wakes_who_follows() {
    let module = spool();
    let (writer, reader) = (module.instance().writer(), module.instance().reader());
    writer.put("x");
    assert_eq!(reader.take(10), "x");
    let sleeper = sleeping_read(&reader, 10);
    assert_eq!(writer.clear(), Ok(()));
    assert_eq!(sleeper.join(), Ok(vec![]));
}

/// The 0 that ends a file is not affected by `on_empty`, which says what a reader without a file meets.
#[test]
fn on_empty_is_for_readers_without_a_file() {
    let module = spool();
    for on_empty in ["block", "eof", "hangup"] {
        assert_eq!(
            module.instance().set_attribute("on_empty", on_empty),
            Ok(())
        );
        hand_in(&module, &["file"]);
        let reader = module.instance().reader();
        assert_eq!(
            [(); 3].map(|()| reader.take(10)),
            ["file", "", ""],
            "{on_empty}"
        );
        assert_eq!(reader.next(), Ok(()));
        match on_empty {
            "block" => drop(sleeping_read(&reader, 10)),
            "eof" => assert_eq!(reader.take(10), ""),
            _ => {
                let fresh = sleeping_read(&module.instance().reader(), 10);
                drop(module.instance().writer());
                assert_eq!(fresh.join(), Ok(vec![]), "its last writer has gone");
            }
        }
    }
}

/// One file wakes one sleeping reader, not the herd.
#[test]
fn one_write_wakes_one_reader() {
    let module = spool();
    // They stay open: who closes lets go of a file that its writer may not have ended yet.
    let opens = [(); 10].map(|()| module.instance().reader());
    let mut readers: Vec<_> = opens.iter().map(|open| sleeping_read(open, 100)).collect();
    while !readers.is_empty() {
        let before: Vec<_> = readers.iter().map(Sleeper::times_slept).collect();
        hand_in(&module, &["file"]);
        eventually("one gets it", || readers.iter().any(Sleeper::has_ended));
        let asleep = || {
            readers
                .iter()
                .filter(|reader| reader.sleeps_in(libc::SYS_read))
                .count()
        };
        eventually("all others sleep", || asleep() == readers.len() - 1);
        let ended = readers
            .iter()
            .position(Sleeper::has_ended)
            .expect("one has ended");
        for (n, reader) in readers.iter().enumerate().filter(|(n, _)| *n != ended) {
            assert_eq!(reader.times_slept(), before[n], "woken for nothing");
        }
        assert_eq!(readers.swap_remove(ended).join(), Ok(b"file".to_vec()));
    }
}

/// From many writers to many readers, each in processes of their own: every file arrives once and whole.
#[test]
fn many_files_go_from_many_to_many() {
    let files = length("MYDEVICE_FILES", 10, 20) as usize;
    let _module = Module::load(&["discipline=spool"]);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let writers: Vec<_> = (0..3)
        .map(|who| {
            let line = format!(
                "for n in $(seq {files}); do (echo {who} $n; seq $((n * 10)); echo end) > /dev/mydevice; done"
            );
            Process::start("bash", &["-c", &line])
        })
        .collect();
    let readers: Vec<_> = (0..3)
        .map(|who| {
            let line =
                format!("for n in $(seq {files}); do cat /dev/mydevice > {at}/{who}.$n; done");
            Process::start("bash", &["-c", &line])
        })
        .collect();
    for process in writers.into_iter().chain(readers) {
        assert!(process.join().status.success());
    }
    let mut heads = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let head = text.lines().next().expect("a file is not empty").to_owned();
        let n: usize = head
            .split(' ')
            .nth(1)
            .expect("two numbers")
            .parse()
            .unwrap();
        let body: String = (1..=n * 10).map(|line| format!("{line}\n")).collect();
        assert_eq!(text, format!("{head}\n{body}end\n"));
        heads.push(head);
    }
    heads.sort();
    heads.dedup();
    assert_eq!(heads.len(), 3 * files, "each once");
}
