// SPDX-License-Identifier: GPL-2.0

//! What begins ends, and leaves nothing: loads and unloads, hot removals, and `rmmod` in every state.

mod cycles;
mod removals;
mod states;

use std::{fs, thread::sleep, time::Duration};

use mydevice_tests::kmemleak;

/// KiB that the kernel has taken for itself and does not give back within a second: much is freed only when every CPU
/// has been seen to be done with it.
fn kernel_memory() -> u64 {
    let looks = (0..10).map(|_| {
        sleep(Duration::from_millis(100));
        kernel_memory_now()
    });
    looks.min().expect("ten looks")
}

fn kernel_memory_now() -> u64 {
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").expect("dropping caches");
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let counted = ["SUnreclaim:", "VmallocUsed:", "Percpu:", "KernelStack:"]
        .iter()
        .map(|key| {
            let line = meminfo
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or_else(|| panic!("{key} in /proc/meminfo"));
            line.trim()
                .trim_end_matches(" kB")
                .parse::<u64>()
                .expect("a number of KiB")
        })
        .sum::<u64>();
    counted + mapped_pages()
}

/// KiB of pages that were mapped by those who allocated them, of which /proc/meminfo knows nothing: the memory of our
/// larger queues.
fn mapped_pages() -> u64 {
    let areas = fs::read_to_string("/proc/vmallocinfo").unwrap();
    let sizes = areas
        .lines()
        .filter(|line| line.split_whitespace().any(|word| word == "vmap"))
        .map(|line| line.split_whitespace().nth(1).expect("a size"));
    sizes
        .map(|size| size.parse::<u64>().expect("a number of bytes") / 1024)
        .sum()
}

/// Does something `first` times and then `times` times more, and checks that the kernel holds no more after these than
/// before: `breath` KiB, by which it goes up and down, and a quarter of a KiB each time.
///
/// A debugging kernel keeps books of its own for all that was ever allocated, and frees late what it watches. So there,
/// what counts is that kmemleak finds nothing lost.
#[track_caller]
fn assert_no_growth(first: u64, times: u64, breath: u64, mut work: impl FnMut(u64)) {
    // What is allocated once and kept, by whatever part of the kernel, is not ours to count.
    (0..first).for_each(&mut work);
    let before = kernel_memory();
    (first..first + times).for_each(&mut work);
    let after = kernel_memory();
    let grown = after.saturating_sub(before);
    println!("{times} times: {grown} KiB more than before");
    if kmemleak::is_there() {
        return kmemleak::assert_nothing_lost();
    }
    assert!(
        grown < breath + times / 4,
        "{grown} KiB are gone after {times} times"
    );
}
