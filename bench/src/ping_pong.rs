// SPDX-License-Identifier: GPL-2.0

//! A message that goes to another process, and one that comes back.

use std::{
    fs::File,
    io::{Read, Write},
    time::Instant,
};

use anyhow::{Result, ensure};
use mydevice_figures::{Entry, Sample, Who, Work};
use nix::{fcntl::OFlag, unistd::pipe2};

use crate::{book::Book, channel::Channel, crew::Crew, plan::Plan};

/// The bytes of the message.
const SIZE: usize = 64;
/// The bytes that each of the two channels holds.
const CAPACITY: usize = 4096;

/// So many rounds of all contenders; of each the median, and what 99 of 100 did not exceed.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    let messages = plan.scaled(2_000);
    for _ in 0..plan.ping_pong_rounds {
        for &who in &plan.contenders {
            let times = Sample::new(ping_pong(who, messages)?);
            let entry = |work| Entry::new(work, who).size(SIZE);
            book.note(entry(Work::PingPong), times.median());
            book.note(entry(Work::PingPongTail), times.at(0.99));
            book.note_windows(entry(Work::PingPong), messages);
        }
    }
    Ok(())
}

/// Sends a message to and fro between two processes; returns how many nanoseconds each of so many times took.
fn ping_pong(who: Who, messages: usize) -> Result<Vec<f64>> {
    // The times have to fit into a pipe, so that the process that sends them ends.
    ensure!(8 * messages <= 64 << 10, "{messages} are too many");
    let mut there = Channel::new(who, CAPACITY, SIZE, "there")?;
    let mut back = Channel::new(who, CAPACITY, SIZE, "back")?;
    let (times, say_times) = pipe2(OFlag::O_CLOEXEC)?;
    let mut crew = Crew::new()?;
    crew.fork(|| {
        let (mut writer, mut reader) = (there.writer(CAPACITY)?, back.reader()?);
        Ok(move || {
            let mut message = [1; SIZE];
            let mut nanos = Vec::with_capacity(8 * messages);
            for _ in 0..messages {
                let start = Instant::now();
                writer.send(&message)?;
                reader.receive(&mut message)?;
                nanos.extend((start.elapsed().as_secs_f64() * 1e9).to_ne_bytes());
            }
            Ok(File::from(say_times).write_all(&nanos)?)
        })
    })?;
    crew.fork(|| {
        // In the order in which the other opens them: opening a named pipe waits for the other end.
        let (mut reader, mut writer) = (there.reader()?, back.writer(CAPACITY)?);
        Ok(move || {
            let mut message = [0; SIZE];
            for _ in 0..messages {
                reader.receive(&mut message)?;
                writer.send(&message)?;
            }
            Ok(())
        })
    })?;
    there.close_ends();
    back.close_ends();
    crew.run()?;
    there.remove()?;
    back.remove()?;
    let mut bytes = vec![0; 8 * messages];
    File::from(times).read_exact(&mut bytes)?;
    let times = bytes.as_chunks().0.iter().copied();
    Ok(times.map(f64::from_ne_bytes).collect())
}
