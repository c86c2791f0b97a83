// SPDX-License-Identifier: GPL-2.0

//! `greedy NODE...`: asks for all that there is, and prints each error that it got, a line each. Fails if one of them
//! is none that a caller who wants too much should see.

use std::{collections::BTreeMap, path::Path, ptr};

use anyhow::{Result, ensure};
use mydevice_tests::Device;
use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::{
        mman::{MlockAllFlags, mlockall},
        resource::{Resource, setrlimit},
    },
};

/// What wanting too much may end in.
const CLEAN: [Errno; 7] = [
    Errno::ENOMEM,
    Errno::EAGAIN,
    Errno::ENOSPC,
    Errno::EINVAL,
    Errno::EMSGSIZE,
    Errno::EMFILE,
    Errno::ENFILE,
];
/// Repetitions of what has no end of its own.
const MANY: usize = 4_000;

#[derive(Default)]
struct Said(BTreeMap<(String, String), u64>);

impl Said {
    fn note<T>(&mut self, what: &str, result: nix::Result<T>) -> Result<bool> {
        let text = match &result {
            Ok(_) => "done".to_owned(),
            Err(errno) => {
                ensure!(CLEAN.contains(errno), "{what}: {errno}");
                format!("{errno:?}")
            }
        };
        *self.0.entry((what.to_owned(), text)).or_default() += 1;
        Ok(result.is_ok())
    }
}

fn main() -> Result<()> {
    let nodes: Vec<_> = std::env::args().skip(1).collect();
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK;
    let bytes = vec![b'g'; 1 << 20];
    // What it has must not be what it is killed for.
    mlockall(MlockAllFlags::MCL_CURRENT)?;
    let mut said = Said::default();
    for node in &nodes {
        let device = Device::open(Path::new(node), flags)?;
        for capacity in [
            i32::MAX as u32,
            u32::MAX,
            1 << 30,
            100 << 20,
            1 << 26,
            20 << 20,
        ] {
            said.note(&format!("{node}: RESIZE"), device.resize(capacity))?;
        }
        let write = device.write_from_address(huge(), 1 << 30);
        said.note(&format!("{node}: a write of 1 GiB"), write)?;
        let what = format!("{node}: writes of 1 MiB");
        // A log takes any number of them.
        for _ in 0..100 {
            if !said.note(&what, device.write(&bytes))? {
                break;
            }
        }
        // At once: at the limit of its group, a process can be killed for anything that it touches.
        device.clear()?;
        for len in [65536, 4096, 17, 1] {
            let what = format!("{node}: writes of {len}");
            for _ in 0..MANY.min(bytes.len() / len) {
                // Each through an open of its own, so that a spool has many files.
                let device = Device::open(Path::new(node), flags)?;
                if !said.note(&what, device.write(&bytes[..len]))? {
                    break;
                }
            }
            device.clear()?;
        }
        // What the others can have, and the opens below.
        device.resize(4096)?;
    }
    let most = 2 * MANY;
    setrlimit(Resource::RLIMIT_NOFILE, most as u64, most as u64)?;
    let mut held = Vec::new();
    for node in nodes.iter().cycle().take(most) {
        match Device::open(Path::new(node), flags) {
            Ok(device) => held.push(device),
            Err(errno) => {
                said.note("opens", Err::<(), _>(errno))?;
                break;
            }
        }
    }
    println!("{} opens at once", held.len());
    for ((what, outcome), count) in &said.0 {
        println!("{what}: {count} {outcome}");
    }
    Ok(())
}

/// A gigabyte of zeros that takes no memory: the page of zeros, everywhere.
fn huge() -> *mut u8 {
    // SAFETY: a new mapping, at an address of the kernel's choice, which is never taken away.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            1 << 30,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    start.cast()
}
