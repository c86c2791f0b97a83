// SPDX-License-Identifier: GPL-2.0

//! The settings of a modelled instance: what `add` takes and what the attributes say.

use nix::errno::Errno;

/// The rule by which an instance stores and hands out data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the contract's")]
pub enum Discipline {
    Stream,
    Buffer,
    Log,
    Spool,
    Stack,
}

/// What a reader meets when there is nothing for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the contract's")]
pub enum OnEmpty {
    Block,
    Eof,
    Hangup,
}

use Discipline::{Buffer, Log, Spool, Stack, Stream};

/// The default of the module's parameter `buffer_size`.
const BUFFER_SIZE: u64 = 4096;
/// The most that root may raise `max_capacity` to.
pub const LARGEST: u64 = 2147483647;
/// A page.
pub const PAGE: u64 = 4096;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `discipline`.
    pub discipline: Discipline,
    /// `capacity`; of a stack, what is reserved.
    pub capacity: u64,
    /// `max_capacity`.
    pub max_capacity: u64,
    /// `on_empty`.
    pub on_empty: OnEmpty,
    /// `read_timeout_ms`.
    pub read_timeout_ms: u64,
    /// `split`.
    pub split: bool,
}

impl Discipline {
    /// All of them.
    pub const ALL: [Self; 5] = [Stream, Buffer, Log, Spool, Stack];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Stream => "stream",
            Buffer => "buffer",
            Log => "log",
            Spool => "spool",
            Stack => "stack",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    fn max_capacity(self) -> u64 {
        match self {
            Stream | Buffer | Log => 1048576,
            Spool => 100000 * PAGE,
            Stack => LARGEST,
        }
    }

    fn capacity(self, max_capacity: u64) -> u64 {
        match self {
            Stream | Buffer | Log => BUFFER_SIZE.min(max_capacity),
            Spool => max_capacity,
            Stack => 1,
        }
    }

    fn on_empty(self) -> OnEmpty {
        match self {
            Buffer | Stack => OnEmpty::Eof,
            Stream | Log | Spool => OnEmpty::Block,
        }
    }
}

impl OnEmpty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Block, Self::Eof, Self::Hangup];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Eof => "eof",
            Self::Hangup => "hangup",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl Settings {
    /// The defaults of a discipline.
    pub fn of(discipline: Discipline) -> Self {
        let max_capacity = discipline.max_capacity();
        Self {
            discipline,
            capacity: discipline.capacity(max_capacity),
            max_capacity,
            on_empty: discipline.on_empty(),
            read_timeout_ms: 0,
            split: false,
        }
    }

    /// What `add` makes of its keys: each once, and each a good value.
    pub fn parse(keys: &[(&'static str, String)]) -> Result<Self, Errno> {
        let known = [
            "discipline",
            "capacity",
            "max_capacity",
            "on_empty",
            "read_timeout_ms",
            "split",
        ];
        if keys.iter().any(|(key, _)| !known.contains(key)) {
            return Err(Errno::EINVAL);
        }
        let value = |wanted: &str| {
            let mut given = keys.iter().filter(|(key, _)| *key == wanted);
            let first = given.next().map(|(_, value)| value.as_str());
            match given.next() {
                None => Ok(first),
                Some(_) => Err(Errno::EINVAL),
            }
        };
        let discipline = match value("discipline")? {
            None => Stream,
            Some(name) => Discipline::named(name).ok_or(Errno::EINVAL)?,
        };
        let mut made = Self::of(discipline);
        if let Some(text) = value("max_capacity")? {
            made.max_capacity = number(text, 1, LARGEST)?;
            made.capacity = discipline.capacity(made.max_capacity);
        }
        if let Some(text) = value("capacity")? {
            made.capacity = number(text, 1, made.max_capacity)?;
        }
        if let Some(text) = value("on_empty")? {
            made.on_empty = OnEmpty::named(text).ok_or(Errno::EINVAL)?;
        }
        if let Some(text) = value("read_timeout_ms")? {
            made.read_timeout_ms = number(text, 0, u32::MAX.into())?;
        }
        if let Some(text) = value("split")? {
            made.split = number(text, 0, 1)? == 1;
        }
        Ok(made)
    }
}

/// A plain number in a range.
pub fn number(text: &str, least: u64, most: u64) -> Result<u64, Errno> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Errno::EINVAL),
    }
}
