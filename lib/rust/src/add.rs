// SPDX-License-Identifier: GPL-2.0

use std::{fmt, fmt::Write, io};

use crate::{Discipline, Instance, OnEmpty, instance::command};

/// An instance to be made. What is not said is as the discipline has it.
///
/// ```
/// use mydevice::{Add, Discipline, OnEmpty};
///
/// # fn main() -> std::io::Result<()> {
/// let boot = Add::new("boot")
///     .discipline(Discipline::Log)
///     .capacity(65536)
///     .on_empty(OnEmpty::Eof)
///     .add()?;
/// assert_eq!(boot.name(), "mydevice-boot");
/// assert_eq!(boot.capacity()?, 65536);
///
/// let error = Add::new("boot").add().expect_err("the name is taken");
/// assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
/// # boot.remove()
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `add` is called"]
pub struct Add {
    name: String,
    keys: String,
}

impl Add {
    /// One of that name, which is 1 to 32 of `a-z 0-9 _ -`; its full name has `mydevice-` before it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            keys: String::new(),
        }
    }

    /// The rule by which it stores and hands out data. Default: the module's parameter of that name.
    pub fn discipline(self, discipline: Discipline) -> Self {
        self.key("discipline", discipline)
    }

    /// Bytes of data that it may hold.
    pub fn capacity(self, bytes: u32) -> Self {
        self.key("capacity", bytes)
    }

    /// The largest capacity that it may be given later, or grow to.
    pub fn max_capacity(self, bytes: u32) -> Self {
        self.key("max_capacity", bytes)
    }

    /// What a read meets when there is nothing for it.
    pub fn on_empty(self, on_empty: OnEmpty) -> Self {
        self.key("on_empty", on_empty)
    }

    /// How long a read waits for data, in milliseconds; 0 is without end.
    pub fn read_timeout_ms(self, milliseconds: u32) -> Self {
        self.key("read_timeout_ms", milliseconds)
    }

    /// Whether it has a node for each direction, `<name>_w` and `<name>_r`, and none for both.
    pub fn split(self, split: bool) -> Self {
        self.key("split", u8::from(split))
    }

    /// The command, as it is written to sysfs.
    pub fn command(&self) -> String {
        format!("{}{}", self.name, self.keys)
    }

    /// Makes it. When this returns, its node, attributes and figures are there.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a bad name or value, or something said twice; the same kind,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput), without an errno for a name with a blank in it, which the kernel
    /// would take for a name and what comes after it; `EEXIST` if the name is taken; `ENOSPC` if there
    /// are 4096 nodes already; `ENOMEM`; `EACCES` if you are not root; `ENOENT` if the module is not loaded.
    pub fn add(&self) -> io::Result<Instance> {
        // Values cannot have one: they are numbers and words of this crate.
        if self.name.contains(char::is_whitespace) {
            let what = format!("the name {:?} has a blank in it", self.name);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        command("add", &self.command())?;
        Ok(Instance::added(&self.name))
    }

    fn key(mut self, key: &str, value: impl fmt::Display) -> Self {
        // A String takes whatever is written to it.
        let _ = write!(self.keys, " {key}={value}");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_what_echo_would_write() {
        let add = Add::new("jobs")
            .discipline(Discipline::Spool)
            .capacity(4096)
            .max_capacity(8192)
            .on_empty(OnEmpty::Hangup)
            .read_timeout_ms(5)
            .split(true);
        assert_eq!(
            add.command(),
            "jobs discipline=spool capacity=4096 max_capacity=8192 on_empty=hangup read_timeout_ms=5 split=1"
        );
        assert_eq!(Add::new("jobs").command(), "jobs");
    }

    #[test]
    fn a_name_carries_no_keys() {
        for name in [
            "a split=1",
            "a\tsplit=1",
            "a\n",
            "a\r",
            " a",
            "a\u{a0}b",
            " ",
        ] {
            let error = Add::new(name).add().expect_err("no name");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(
                error.to_string(),
                format!("the name {name:?} has a blank in it")
            );
        }
    }
}
