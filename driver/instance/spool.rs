// SPDX-License-Identifier: GPL-2.0

//! Writing into files.

#![forbid(unsafe_code)]

use kernel::{iov::IovIterSource, prelude::*};

use super::{write::is_cut, Instance, News, Opened, Sleepers, State};
use crate::{
    discipline::{Block, File, Filled, Inlet},
    kapi::{memory::Memory, sched::cond_resched, wait::Patience},
    queue::{backlog::Piece, extent::Extent},
};

/// What a write into a file does next.
enum Next {
    /// The open needs a new file.
    File,
    /// A piece was begun.
    Piece(Piece),
}

impl Instance {
    /// Takes bytes, never none, from a writer into its open's file, and returns how many.
    ///
    /// One write through an open goes on at a time; writes through other opens go into other files and do not
    /// wait for it. Each piece, of a page at most, is copied before it is added, without the lock.
    ///
    /// Errors, each only if no byte was taken: ENODEV if the instance was removed; EAGAIN if it would have to
    /// wait and must not; ERESTARTSYS for a signal in a wait; ENOMEM; EFAULT.
    pub(super) fn write_file(
        &self,
        opened: &Opened,
        iov: &mut IovIterSource<'_>,
        nonblocking: bool,
    ) -> Result<usize> {
        let now = self.begin_file_write(opened, nonblocking)?;
        let mut done: usize = 0;
        let result = loop {
            match self.write_piece(opened, iov, nonblocking, &mut done) {
                // Short only once something was moved.
                Ok(true) if done == 0 => cond_resched(),
                Ok(true) if !iov.is_empty() && !is_cut(done < now) => cond_resched(),
                Ok(_) => break Ok(()),
                Err(error) => break Err(error),
            }
        };

        let state = self.state.lock();
        opened.cursor.lock().writing = false;
        self.give_back(state, News::ROOM);
        match (done, result) {
            (0, Err(error)) => Err(error),
            (0, Ok(())) => Err(EFAULT),
            (done, _) => Ok(done),
        }
    }

    /// Waits until no other write through this open is under way. Returns how many bytes fit into its file then.
    fn begin_file_write(&self, opened: &Opened, nonblocking: bool) -> Result<usize> {
        let begin = |state: &mut State| {
            if let Err(gone) = state.alive() {
                return Some(Err(gone));
            }
            let mut cursor = opened.cursor.lock();
            if core::mem::replace(&mut cursor.writing, true) {
                return None;
            }
            Some(match state.store.inlet() {
                Inlet::Files(files) => Ok(files.allowance(&cursor)),
                _ => Ok(0),
            })
        };
        let mut state = self.state.lock();
        if let Some(begun) = begin(&mut state) {
            return begun;
        }
        if nonblocking {
            return Err(EAGAIN);
        }
        state.counters.writer_waited();
        let (state, result) = self.wait(Sleepers::Writers, state, Patience::ENDLESS, begin);
        drop(state);
        result.unwrap_or(Err(ERESTARTSYS))
    }

    /// Writes one piece. Says whether there may be another.
    fn write_piece(
        &self,
        opened: &Opened,
        iov: &mut IovIterSource<'_>,
        nonblocking: bool,
        done: &mut usize,
    ) -> Result<bool> {
        let wanted = iov.len();
        let mut state = self.state.lock();
        let next = match state.next_piece(opened, wanted) {
            Some(next) => next?,
            None if nonblocking => {
                state.was_full = true;
                return Err(EAGAIN);
            }
            None => {
                state.counters.writer_waited();
                let (locked, result) =
                    self.wait(Sleepers::Writers, state, Patience::ENDLESS, |state| {
                        state.next_piece(opened, wanted)
                    });
                state = locked;
                result.unwrap_or(Err(ERESTARTSYS))?
            }
        };
        drop(state);
        let piece = match next {
            Next::File => {
                let file = File::new()?;
                let mut state = self.state.lock();
                if let Inlet::Files(files) = state.store.inlet() {
                    files.give_file(&mut opened.cursor.lock(), file);
                }
                return Ok(true);
            }
            Next::Piece(piece) => piece,
        };

        let filled = fill(&piece, iov);
        let (filled, n, result) = match filled {
            Ok((filled, n)) => (Some((filled, n)), n, Ok(n == piece.len)),
            Err(error) => (None, 0, Err(error)),
        };

        let mut state = self.state.lock();
        let dropped = state.end_piece(opened, &piece, filled);
        let used = state.store.used();
        state.counters.write(n, *done == 0, used);
        state.counters.cleared(dropped);
        *done = done.saturating_add(n);
        let news = News {
            data: true,
            // It was kept free for what came too late.
            room: dropped > 0,
        };
        self.give_back(state, news);
        result
    }
}

/// Copies a piece from the writer; returns it and how many bytes came. Sleeps. ENOMEM.
fn fill(piece: &Piece, iov: &mut IovIterSource<'_>) -> Result<(Filled, usize)> {
    let memory = Memory::new(piece.memory)?;
    let n = memory.copy_from_iter(0, piece.len, iov);
    Ok(match piece.fills {
        true => (Filled::More(memory), n),
        false => {
            let page = Extent::plain(piece.memory);
            (Filled::Page(Block::new(memory, page, n)?), n)
        }
    })
}

impl State {
    /// Begins the next piece of a write into an open's file, if there is room; or says what stands in its way.
    fn next_piece(&mut self, opened: &Opened, wanted: usize) -> Option<Result<Next>> {
        if let Err(gone) = self.alive() {
            return Some(Err(gone));
        }
        // Else a CLEAR could drop files for ever, while as many come, and keep readers out for as long.
        if self.gate.overhauling() {
            return None;
        }
        let Inlet::Files(files) = self.store.inlet() else {
            return Some(Err(EINVAL));
        };
        let mut cursor = opened.cursor.lock();
        if files.needs_file(&cursor) {
            return Some(Ok(Next::File));
        }
        files
            .begin(&mut cursor, wanted)
            .map(|piece| Ok(Next::Piece(piece)))
    }

    /// Ends a piece; returns how many of its bytes were dropped at once.
    fn end_piece(
        &mut self,
        opened: &Opened,
        piece: &Piece,
        filled: Option<(Filled, usize)>,
    ) -> usize {
        match self.store.inlet() {
            Inlet::Files(files) => files.end(&mut opened.cursor.lock(), piece, filled),
            _ => 0,
        }
    }
}
