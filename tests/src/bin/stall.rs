// SPDX-License-Identifier: GPL-2.0

//! `stall DEVICE read|write`: begins to copy 100 bytes, of which the memory for 10 is there and that for the
//! others never comes; says `stalled` when it is in mid-copy. To be killed.

use std::path::Path;

use anyhow::{Context, Result, bail};
use mydevice_tests::{Device, memory::Stall};
use nix::fcntl::OFlag;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [path, direction] = &arguments[..] else {
        bail!("usage: stall DEVICE read|write");
    };
    let device =
        Device::open(Path::new(path), OFlag::O_RDWR).with_context(|| format!("opening {path}"))?;
    let stall = Stall::new();
    let address = stall.before(10);
    let copy = match direction.as_str() {
        "read" => Device::read_at_address as fn(&Device, *mut u8, usize) -> nix::Result<usize>,
        "write" => |device: &Device, address: *mut u8, len| device.write_from_address(address, len),
        other => bail!("{other:?} is neither read nor write"),
    };
    let copying = std::thread::spawn(move || copy(&device, address.get(), 100));
    stall.wait_stalled();
    println!("stalled");
    bail!("the copy came to an end: {:?}", copying.join());
}
