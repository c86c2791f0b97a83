// SPDX-License-Identifier: GPL-2.0

use std::{
    fs::File,
    io::{self, Read, Write},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use mydevice::{Device, Discipline, OnEmpty};
use serde::Serialize;

use super::list::seconds;
use crate::{
    failure::{Attempt, Result},
    output::{self, Cell, Column, Format},
    scratch::Scratch,
    size::{self, human},
};

/// Measures a stream beside a pipe, here and now.
///
/// One thread writes and one reads, as fast as they can. The stream is made for this and has the capacity of the pipe, 64K. This is a
/// quick figure on a machine that does other things as well: look at the ratio, and at more than one run.
#[derive(Args, Debug)]
pub struct Bench {
    /// Bytes of a write and of a read, one measurement each.
    #[arg(long = "size", value_name = "SIZE", value_delimiter = ',', default_value = "64,4K,64K", value_parser = block)]
    sizes: Vec<u32>,
    /// How long each measurement takes.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    time: Duration,
    #[command(flatten)]
    format: Format,
}

/// What a pipe holds by default.
const CAPACITY: u32 = 65536;

/// A size of writes and reads.
fn block(text: &str) -> Result<u32, String> {
    match size::parse(text)? {
        0 => Err("0 bytes move nothing".to_owned()),
        n if n > 1 << 30 => Err("that is more than 1G".to_owned()),
        n => Ok(n),
    }
}

/// What was measured with one size.
#[derive(Debug, Serialize)]
struct Figure {
    size: u32,
    pipe_bytes_per_second: f64,
    stream_bytes_per_second: f64,
}

impl Bench {
    pub fn run(self) -> Result<()> {
        let scratch = Scratch::new("bench", |add| {
            let stream = add.discipline(Discipline::Stream).capacity(CAPACITY);
            // So that the reader's end is that of a pipe.
            stream.on_empty(OnEmpty::Hangup)
        })?;
        let name = scratch.instance().name();
        let mut figures = Vec::new();
        for &size in &self.sizes {
            let pipe = io::pipe().and_then(|(reader, writer)| {
                measure(
                    File::from(std::os::fd::OwnedFd::from(reader)),
                    File::from(std::os::fd::OwnedFd::from(writer)),
                    size,
                    self.time,
                )
            });
            let stream = Device::writer(name)
                .and_then(|writer| measure(Device::reader(name)?, writer, size, self.time));
            figures.push(Figure {
                size,
                pipe_bytes_per_second: pipe.attempt(|| "measure a pipe")?,
                stream_bytes_per_second: stream.attempt(|| format!("measure {name}"))?,
            });
        }
        if self.format.json {
            output::json(&figures)?;
        } else {
            let rows: Vec<_> = figures.iter().map(Figure::cells).collect();
            output::table(COLUMNS, &rows)?;
        }
        Ok(())
    }
}

/// Bytes a second through what the two ends belong to.
fn measure(
    mut reader: impl Read,
    mut writer: impl Write + Send,
    size: u32,
    time: Duration,
) -> io::Result<f64> {
    let block = vec![b'x'; size as usize];
    let mut buffer = vec![0; size as usize];
    let start = Instant::now();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            // Once at least, however late this thread begins.
            loop {
                writer.write_all(&block)?;
                if start.elapsed() >= time {
                    return io::Result::Ok(());
                }
            }
        });
        let mut bytes = 0_u64;
        let read = loop {
            match reader.read(&mut buffer) {
                Ok(0) => break Ok(bytes),
                Ok(n) => bytes += n as u64,
                Err(error) => break Err(error),
            }
        };
        let taken = start.elapsed();
        match writing.join() {
            Ok(written) => written?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(read? as f64 / taken.as_secs_f64())
    })
}

impl Figure {
    fn cells(&self) -> Vec<Cell> {
        let rate = |rate: f64| Cell::new(format!("{}/s", human(rate as u64)));
        let ratio = self.stream_bytes_per_second / self.pipe_bytes_per_second;
        vec![
            Cell::new(human(self.size.into())),
            rate(self.pipe_bytes_per_second),
            rate(self.stream_bytes_per_second),
            Cell::new(format!("{ratio:.2}")),
        ]
    }
}

const COLUMNS: &[Column] = &[
    Column::Right("SIZE"),
    Column::Right("PIPE"),
    Column::Right("STREAM"),
    Column::Right("RATIO"),
];
