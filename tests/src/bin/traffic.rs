// SPDX-License-Identifier: GPL-2.0

//! `traffic`: writers and readers at full speed on one device, and an account of every byte.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Parser;
use mydevice_tests::traffic::{self, Plan};

/// Sends chunks from several writers to several readers through DEVICE at the same time, and prints for each
/// writer how many of its bytes arrived. Succeeds if every byte arrived once, in order.
#[derive(Parser)]
struct Arguments {
    /// The device, empty and used by nobody else: /dev/mydevice
    device: PathBuf,
    /// Writers, 1 to 4
    #[arg(long, default_value_t = Plan::CONTRACT.writers)]
    writers: usize,
    /// Readers
    #[arg(long, default_value_t = Plan::CONTRACT.readers)]
    readers: usize,
    /// Chunks that each writer sends, one write each
    #[arg(long, default_value_t = Plan::CONTRACT.chunks)]
    chunks: u32,
    /// Bytes of a chunk, 1 to 32
    #[arg(long, default_value_t = Plan::CONTRACT.size)]
    size: usize,
}

fn main() -> Result<ExitCode> {
    let Arguments {
        device,
        writers,
        readers,
        chunks,
        size,
    } = Arguments::parse();
    let account = traffic::run(
        &device,
        &Plan {
            writers,
            readers,
            chunks,
            size,
            disturbed: false,
        },
    )?;
    println!("{account}");
    Ok(if account.faults().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
