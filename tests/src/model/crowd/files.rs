// SPDX-License-Identifier: GPL-2.0

//! Files of a spool, by processes that write and read whole ones.
//!
//! Whoever takes nothing but whole files, and never without waiting for it, takes those of each writer in the order in
//! which that one began them: files queue in the order of their first write, an open takes the oldest that nobody has,
//! and nothing is put back.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use nix::errno::Errno;

use super::{super::operation::LONGEST, Account, NAME, Plan, chunk};
use crate::Instance;

/// Whether process `number` writes; the others read.
pub fn writes(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// Writes files, each with its writer and number in it, in a few writes.
pub fn write(plan: &Plan, number: usize) -> Result<Account> {
    let instance = Instance::named(&format!("mydevice-{NAME}"));
    let mut rng = Rng::with_seed(plan.seed.wrapping_mul(31).wrapping_add(number as u64));
    let mut account = Account::default();
    for file in 1..=plan.operations {
        // Now and then one of many pages.
        let most = [20, 200, 2_000, 20_000][rng.usize(..4)];
        let bytes = chunk::record(number, u32::try_from(file)?, rng.usize(8..most));
        let writer = instance.writer();
        for piece in bytes.chunks(bytes.len().div_ceil(rng.usize(1..4))) {
            let written = writer.write(piece)?;
            ensure!(
                written == piece.len(),
                "a write of {} took {written}",
                piece.len()
            );
            account.writes += 1;
        }
        account.written += bytes.len() as u64;
        account.sum_written = account.sum_written.wrapping_add(chunk::sum(&bytes, true));
    }
    Ok(account)
}

/// Reads files until the instance is removed.
pub fn read(instance: &Instance) -> Result<Account> {
    let mut files = Files::default();
    let reader = instance.reader();
    loop {
        match reader.read(LONGEST) {
            Ok(bytes) if bytes.is_empty() => {
                files.end()?;
                match reader.next() {
                    Ok(()) => {}
                    Err(Errno::ENODEV) => break,
                    Err(errno) => return Err(errno).context("MYDEV_NEXT"),
                }
            }
            Ok(bytes) => {
                files.account.read += bytes.len() as u64;
                files.account.reads += 1;
                files.file.extend(bytes);
            }
            // Its last bytes may have come, and its end not.
            Err(Errno::ENODEV) if files.file.is_empty() => break,
            Err(Errno::ENODEV) => {
                files.end()?;
                break;
            }
            Err(errno) => return Err(errno).context("reading a file"),
        }
    }
    Ok(files.account)
}

/// What one reader has read.
#[derive(Default)]
struct Files {
    /// The file that it reads, as far as it has come.
    file: Vec<u8>,
    /// The last file of each writer.
    last: BTreeMap<usize, u32>,
    account: Account,
}

impl Files {
    /// A file is whole, and comes behind those that its writer began before it.
    fn end(&mut self) -> Result<()> {
        let whole = chunk::whole(&self.file)?;
        let (writer, number) = whole.context("a file that does not say whose it is")?;
        let last = self.last.insert(writer, number);
        ensure!(
            last.is_none_or(|last| last < number),
            "file {number} of process {writer} comes after {last:?}"
        );
        let sum = chunk::sum(&self.file, true);
        self.account.sum_read = self.account.sum_read.wrapping_add(sum);
        self.file.clear();
        Ok(())
    }
}
