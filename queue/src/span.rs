// SPDX-License-Identifier: GPL-2.0

//! Regions of a memory that somebody else owns, as offsets and lengths in bytes.
//!
//! A region of a ring may wrap, so it is at most two [`Span`]s, in the order in which its bytes
//! come: [`Spans`].

use core::ops::Range;

/// A run of bytes without a break. Any two numbers make a valid value; those that this crate hands
/// out lie within the capacity that they were asked of, the empty ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Where it begins, in bytes from the beginning of the memory.
    pub offset: usize,
    /// How many bytes it has.
    pub len: usize,
}

impl Span {
    /// Whether it has no byte.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The offsets of its bytes, to index the memory with. An end beyond `usize::MAX` is cut there.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset.saturating_add(self.len)
    }

    /// Its first `n` bytes; all of it if it has fewer.
    pub fn take(self, n: usize) -> Span {
        Span {
            offset: self.offset,
            len: self.len.min(n),
        }
    }

    /// What comes after its first `n` bytes; the empty span at its end if it has no more than `n`.
    pub fn skip(self, n: usize) -> Span {
        let n = self.len.min(n);
        Span {
            offset: self.offset.saturating_add(n),
            len: self.len.saturating_sub(n),
        }
    }
}

/// A region of a memory in at most two runs, in the order in which its bytes come.
///
/// # Invariants
///
/// `second` is empty unless `first` is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spans {
    first: Span,
    second: Span,
}

impl Spans {
    /// The region of `first`'s bytes, then `second`'s. Either may be empty.
    pub fn new(first: Span, second: Span) -> Spans {
        if first.is_empty() {
            Spans {
                first: second,
                second: Span::default(),
            }
        } else {
            Spans { first, second }
        }
    }

    /// How many bytes it has. A sum beyond `usize::MAX`, which no real memory has, is cut there.
    pub const fn len(&self) -> usize {
        self.first.len.saturating_add(self.second.len)
    }

    /// Whether it has no byte.
    pub const fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Its only run, or an empty one where it has none; `None` if it has two.
    pub const fn straight(&self) -> Option<Span> {
        match self.second.is_empty() {
            true => Some(self.first),
            false => None,
        }
    }

    /// Its runs, in order: none, one or two, each with at least one byte.
    pub const fn iter(&self) -> Iter {
        Iter { left: *self }
    }

    /// Its first `n` bytes; all of it if it has fewer.
    pub fn take(self, n: usize) -> Spans {
        Spans::new(
            self.first.take(n),
            self.second.take(n.saturating_sub(self.first.len)),
        )
    }

    /// What comes after its first `n` bytes; nothing if it has no more than `n`.
    pub fn skip(self, n: usize) -> Spans {
        Spans::new(
            self.first.skip(n),
            self.second.skip(n.saturating_sub(self.first.len)),
        )
    }
}

impl From<Span> for Spans {
    fn from(span: Span) -> Spans {
        Spans::new(span, Span::default())
    }
}

impl IntoIterator for Spans {
    type Item = Span;
    type IntoIter = Iter;

    fn into_iter(self) -> Iter {
        self.iter()
    }
}

impl IntoIterator for &Spans {
    type Item = Span;
    type IntoIter = Iter;

    fn into_iter(self) -> Iter {
        self.iter()
    }
}

/// The runs of a [`Spans`], in order, none of them empty.
#[derive(Clone, Debug)]
pub struct Iter {
    left: Spans,
}

impl Iterator for Iter {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let Spans { first, second } = self.left;
        if first.is_empty() {
            return None;
        }
        self.left = second.into();
        Some(first)
    }
}
