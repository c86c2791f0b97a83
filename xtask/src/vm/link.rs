// SPDX-License-Identifier: GPL-2.0

//! The sockets behind the guest's virtio-console ports, and everything else that can happen while
//! a VM runs, as one stream of [`News`].

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use anyhow::{Context, Result};
use mydevice_init::{CONTROL_PORT, Event, Request, STDERR_PORT, STDOUT_PORT, TerminalSize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

/// One of the command's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or the terminal.
    Out = 0,
    /// Standard error.
    Err = 1,
}

/// Something that happened.
pub enum News {
    /// The command wrote something.
    Output(Stream, Vec<u8>),
    /// The guest said something.
    Event(Event),
    /// The terminal has a new size.
    Resized(TerminalSize),
    /// Somebody wants this process to end.
    Signal(i32),
    /// The control port is gone, and with it the VM.
    Hangup,
    /// The deadline has passed, and nothing happened.
    Late,
}

/// The host's side of the ports.
pub struct Link {
    sockets: Vec<(&'static str, PathBuf)>,
    news: Receiver<News>,
    control: Arc<OnceLock<UnixStream>>,
}

/// How many pieces of news may wait. Beyond that the guest waits, not the host's memory.
const QUEUE: usize = 64;

impl Link {
    /// Makes the sockets, for QEMU to connect to.
    pub fn listen(folder: &Path, terminal: bool) -> Result<Self> {
        let (sender, news) = sync_channel(QUEUE);
        let control = Arc::new(OnceLock::new());
        let mut sockets = Vec::new();
        let mut port =
            |name: &'static str, handle: Box<dyn FnOnce(UnixStream) + Send>| -> Result<()> {
                let path = folder.join(name);
                let listener = UnixListener::bind(&path).with_context(|| {
                    format!(
                        "make the socket {}: is TMPDIR too long a path?",
                        path.display()
                    )
                })?;
                sockets.push((name, path));
                std::thread::spawn(move || {
                    if let Ok((stream, _)) = listener.accept() {
                        handle(stream);
                    }
                });
                Ok(())
            };
        let (to, ours) = (sender.clone(), Arc::clone(&control));
        port(
            CONTROL_PORT,
            Box::new(move |stream| control_loop(stream, &ours, &to)),
        )?;
        let to = sender.clone();
        port(
            STDOUT_PORT,
            Box::new(move |stream| {
                if terminal && let Ok(keyboard) = stream.try_clone() {
                    std::thread::spawn(move || {
                        std::io::copy(&mut std::io::stdin().lock(), &mut { keyboard })
                    });
                }
                output_loop(stream, Stream::Out, &to);
            }),
        )?;
        let to = sender.clone();
        port(
            STDERR_PORT,
            Box::new(move |stream| output_loop(stream, Stream::Err, &to)),
        )?;
        watch_signals(sender)?;
        Ok(Self {
            sockets,
            news,
            control,
        })
    }

    /// The ports' names and sockets.
    pub fn sockets(&self) -> &[(&'static str, PathBuf)] {
        &self.sockets
    }

    /// Waits for the next piece of news.
    pub fn next(&self, deadline: Instant) -> News {
        match self
            .news
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(news) => news,
            Err(RecvTimeoutError::Timeout) => News::Late,
            Err(RecvTimeoutError::Disconnected) => News::Hangup,
        }
    }

    /// Tells the guest something, if it is there to hear it.
    pub fn send(&self, request: &Request) -> Result<()> {
        let Some(mut stream) = self.control.get() else {
            return Ok(());
        };
        let line = serde_json::to_string(request).context("encode a request")? + "\n";
        stream.write_all(line.as_bytes()).context("tell the guest")
    }
}

fn control_loop(stream: UnixStream, control: &OnceLock<UnixStream>, to: &SyncSender<News>) {
    if let Ok(copy) = stream.try_clone() {
        let _ = control.set(copy);
    }
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        // A line that is none of ours can only be a guest gone mad; its console will tell.
        if let Ok(event) = serde_json::from_str(&line)
            && to.send(News::Event(event)).is_err()
        {
            return;
        }
    }
    // Nobody is left to tell once the VM is done with.
    let _ = to.send(News::Hangup);
}

fn output_loop(mut stream: UnixStream, which: Stream, to: &SyncSender<News>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        if to.send(News::Output(which, buffer[..n].to_vec())).is_err() {
            return;
        }
    }
}

/// From here on signals are news, so that whoever receives them can clean up.
fn watch_signals(to: SyncSender<News>) -> Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP, SIGWINCH]).context("watch for signals")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let news = match signal {
                SIGWINCH => super::terminal_size().map(News::Resized),
                signal => Some(News::Signal(signal)),
            };
            if let Some(news) = news
                && to.send(news).is_err()
            {
                return;
            }
        }
    });
    Ok(())
}
