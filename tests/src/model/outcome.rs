// SPDX-License-Identifier: GPL-2.0

//! What an operation brings, and what the contract lets it bring.

use std::fmt;

use nix::errno::Errno;

/// What a caller sees of one operation.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and there is nothing to see.
    Done,
    /// What the call returned.
    Number(i64),
    /// What a read brought.
    Bytes(Vec<u8>),
    /// What a file of text says.
    Text(String),
    /// The words of `struct mydev_status`.
    Status([u32; 6]),
    /// The words of `struct mydev_stats`.
    Stats([u64; 16]),
    /// What poll says.
    Events(i16),
    /// An error.
    Fails(Errno),
}

/// What the model expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// One of these.
    pub allowed: Vec<Outcome>,
    /// Also a smaller number than the first of these, but no smaller than this.
    pub down_to: Option<i64>,
    /// The call sleeps first, and nobody will wake it: a signal has to.
    pub sleeps: bool,
}

impl Expected {
    /// Just that, at once.
    pub fn exactly(outcome: Outcome) -> Self {
        Self::one_of([outcome])
    }

    /// One of those, at once: only for what the contract leaves open.
    pub fn one_of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        Self {
            allowed: outcomes.into_iter().collect(),
            down_to: None,
            sleeps: false,
        }
    }

    /// That error, at once.
    pub fn fails(errno: Errno) -> Self {
        Self::exactly(Outcome::Fails(errno))
    }

    /// That number, at once.
    pub fn number(number: impl TryInto<i64>) -> Self {
        let number = number.try_into().ok().expect("a number that fits");
        Self::exactly(Outcome::Number(number))
    }

    /// Whether the contract allows that.
    pub fn allows(&self, seen: &Outcome) -> bool {
        let range = match (self.down_to, self.allowed.first()) {
            (Some(least), Some(Outcome::Number(most))) => least..=*most,
            _ => return self.allowed.contains(seen),
        };
        matches!(seen, Outcome::Number(n) if range.contains(n)) || self.allowed.contains(seen)
    }

    /// The same after a sleep that a signal ended.
    pub fn after_a_signal(self) -> Self {
        Self {
            sleeps: true,
            ..self
        }
    }
}

impl From<Result<(), Errno>> for Outcome {
    fn from(result: Result<(), Errno>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(errno) => Self::Fails(errno),
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => write!(f, "done"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bytes(bytes) => {
                let first = &bytes[..bytes.len().min(16)];
                let sum = bytes.iter().fold(0u32, |sum, byte| {
                    sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
                });
                write!(f, "{} bytes {first:02x?} (sum {sum:08x})", bytes.len())
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Status([size, used, opens, reads, writes, reserved]) => write!(
                f,
                "size {size} used {used} opens {opens} reads {reads} writes {writes} reserved {reserved}"
            ),
            Self::Stats(words) => {
                let names = "read written reads writes reader_waits writer_waits truncated cleared evicted missed high";
                for (name, word) in names.split(' ').zip(words) {
                    write!(f, "{name} {word} ")?;
                }
                write!(f, "spare {:?}", &words[11..])
            }
            Self::Events(events) => {
                write!(f, "events")?;
                for (event, name) in [
                    (libc::POLLIN, "IN"),
                    (libc::POLLRDNORM, "RDNORM"),
                    (libc::POLLOUT, "OUT"),
                    (libc::POLLWRNORM, "WRNORM"),
                    (libc::POLLHUP, "HUP"),
                    (libc::POLLERR, "ERR"),
                    (libc::POLLNVAL, "NVAL"),
                ] {
                    if events & event != 0 {
                        write!(f, " {name}")?;
                    }
                }
                Ok(())
            }
            Self::Fails(errno) => write!(f, "{errno:?}"),
        }
    }
}
