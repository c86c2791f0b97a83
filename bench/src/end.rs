// SPDX-License-Identifier: GPL-2.0

//! One end of a channel.

use std::{
    fs::File,
    io::{Read, Write},
};

use anyhow::{Context, Result, bail, ensure};
use nix::mqueue::{MqdT, mq_receive, mq_send};

/// Where messages go in, or come out.
pub enum End {
    /// Of what has `read` and `write`: bytes.
    File(File),
    /// Of a message queue: messages.
    Queue(MqdT),
}

impl End {
    /// The file that it is.
    pub fn into_file(self) -> Result<File> {
        match self {
            Self::File(file) => Ok(file),
            Self::Queue(_) => bail!("a message queue is no file"),
        }
    }

    /// Sends all of a message.
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        match self {
            Self::File(file) => file.write_all(message).context("writing"),
            Self::Queue(queue) => mq_send(queue, message, 0).context("sending"),
        }
    }

    /// Receives exactly so many bytes.
    pub fn receive(&mut self, message: &mut [u8]) -> Result<()> {
        match self {
            Self::File(file) => file.read_exact(message).context("reading"),
            Self::Queue(queue) => receive(queue, message),
        }
    }

    /// Receives until the last writer is gone; from a queue, which has no end, so many messages.
    pub fn receive_all(&mut self, buffer: &mut [u8], messages: usize) -> Result<()> {
        match self {
            Self::File(file) => while file.read(buffer).context("reading")? > 0 {},
            Self::Queue(queue) => {
                for _ in 0..messages {
                    receive(queue, buffer)?;
                }
            }
        }
        Ok(())
    }
}

fn receive(queue: &MqdT, message: &mut [u8]) -> Result<()> {
    let n = mq_receive(queue, message, &mut 0).context("receiving")?;
    ensure!(n == message.len(), "a message of {n} bytes");
    Ok(())
}
