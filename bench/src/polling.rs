// SPDX-License-Identifier: GPL-2.0

//! What it costs to ask many at once which of them is ready.

use std::{
    fs::File,
    io::Write,
    os::fd::{AsFd, OwnedFd},
};

use anyhow::{Result, ensure};
use mydevice_figures::{Entry, Who, Work};
use mydevice_tests::Instance;
use nix::{
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    unistd::pipe2,
};

use crate::{
    book::Book,
    channel::{instance, open},
    plan::Plan,
};

/// `poll` and `epoll` on instances and on pipes, by turns.
pub fn measure(plan: &Plan, book: &mut Book) -> Result<()> {
    let most = plan.polled.iter().copied().max().unwrap_or(0);
    let instances = Sources::instances(most)?;
    let pipes = Sources::pipes(most)?;
    for &count in plan.polled {
        // About as long for many as for few.
        let calls = plan.scaled(20_000).div_ceil(count + 9).max(8);
        for _ in 0..plan.rounds {
            for (who, sources) in [(Who::MyDevice, &instances), (Who::Pipe, &pipes)] {
                sources.poll(book, Entry::new(Work::Poll, who).count(count), calls)?;
                sources.epoll(book, Entry::new(Work::Epoll, who).count(count), calls)?;
            }
        }
    }
    instances.end()
}

/// What is asked whether it is ready. Only the first is.
struct Sources {
    readers: Vec<OwnedFd>,
    /// Open, so that no pipe hangs up.
    writers: Vec<OwnedFd>,
    instances: Vec<Instance>,
}

impl Sources {
    fn instances(count: usize) -> Result<Self> {
        let instances: Vec<_> = (0..count)
            .map(|number| instance(&format!("polled{number}"), 4096))
            .collect::<Result<_>>()?;
        let all = |write| {
            let opened = instances
                .iter()
                .map(|instance| Ok(open(instance.node(), write)?.into()));
            opened.collect::<Result<Vec<OwnedFd>>>()
        };
        Self::ready(all(false)?, all(true)?, instances.clone())
    }

    fn pipes(count: usize) -> Result<Self> {
        let pipes = (0..count).map(|_| pipe2(OFlag::O_CLOEXEC));
        let pipes: Vec<_> = pipes.collect::<nix::Result<_>>()?;
        let (readers, writers) = pipes.into_iter().unzip();
        Self::ready(readers, writers, Vec::new())
    }

    fn ready(
        readers: Vec<OwnedFd>,
        writers: Vec<OwnedFd>,
        instances: Vec<Instance>,
    ) -> Result<Self> {
        if let Some(writer) = writers.first() {
            File::from(writer.try_clone()?).write_all(b"x")?;
        }
        Ok(Self {
            readers,
            writers,
            instances,
        })
    }

    fn poll(&self, book: &mut Book, entry: Entry, calls: usize) -> Result<()> {
        let count = entry.counted();
        let readers = self.readers[..count].iter();
        let mut fds: Vec<_> = readers
            .map(|reader| PollFd::new(reader.as_fd(), PollFlags::POLLIN))
            .collect();
        book.time(entry, calls, || {
            ensure!(poll(&mut fds, PollTimeout::ZERO)? == 1, "one is ready");
            Ok(())
        })
    }

    fn epoll(&self, book: &mut Book, entry: Entry, calls: usize) -> Result<()> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for reader in &self.readers[..entry.counted()] {
            epoll.add(reader, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        }
        let mut events = [EpollEvent::empty(); 8];
        book.time(entry, calls, || {
            let ready = epoll.wait(&mut events, EpollTimeout::ZERO)?;
            ensure!(ready == 1, "one is ready");
            Ok(())
        })
    }

    fn end(self) -> Result<()> {
        drop(self.readers);
        drop(self.writers);
        for instance in self.instances {
            instance.remove()?;
        }
        Ok(())
    }
}
