// SPDX-License-Identifier: GPL-2.0

//! All instances and descriptors as the contract has them, and what it says of each operation.

use nix::errno::Errno;

use super::{
    instance::{Instance, Ready},
    operation::{DESCRIPTORS, NAMES, Operation, pattern},
    outcome::{Expected, Outcome},
    settings::{Discipline, LARGEST, OnEmpty, Settings, number},
};

/// What a descriptor leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The place of the instance.
    pub instance: usize,
    /// The number of the open.
    pub open: usize,
}

/// The model.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// All that were ever added.
    instances: Vec<Instance>,
    /// Which of them have names.
    names: [Option<usize>; NAMES.len()],
    descriptors: [Option<Descriptor>; DESCRIPTORS],
    opens: usize,
}

impl World {
    /// The instance of that name.
    pub fn named(&self, name: usize) -> Option<&Instance> {
        self.names[name].map(|place| &self.instances[place])
    }

    fn named_mut(&mut self, name: usize) -> Option<&mut Instance> {
        self.names[name].map(|place| &mut self.instances[place])
    }

    /// What a descriptor leads to.
    pub fn descriptor(&self, fd: usize) -> Option<Descriptor> {
        self.descriptors[fd]
    }

    /// The instance that a descriptor leads to.
    pub fn behind(&self, fd: usize) -> Option<&Instance> {
        Some(&self.instances[self.descriptors[fd]?.instance])
    }

    /// What the contract says of `operation` now. It counts as done. None: there is nothing to do it on.
    pub fn step(&mut self, operation: &Operation) -> Option<Expected> {
        let expected = match operation {
            Operation::Add { name, keys } => self.add(*name, keys),
            Operation::Remove { name } => match self.names[*name].take() {
                Some(place) => {
                    self.instances[place].alive = false;
                    Expected::exactly(Outcome::Done)
                }
                None => Expected::fails(Errno::ENODEV),
            },
            Operation::Open {
                fd,
                name,
                side,
                flags,
            } => {
                if self.descriptors[*fd].is_some() {
                    return None;
                }
                Expected::exactly(self.open(*fd, *name, side, *flags).into())
            }
            Operation::Close { fd } => {
                let closed = self.descriptors[*fd].take()?;
                if !self.descriptors.contains(&Some(closed)) {
                    self.instances[closed.instance].close(closed.open);
                }
                Expected::exactly(Outcome::Done)
            }
            Operation::Dup { from, to } => {
                if self.descriptors[*to].is_some() {
                    return None;
                }
                self.descriptors[*to] = Some(self.descriptors[*from]?);
                Expected::exactly(Outcome::Done)
            }
            Operation::Nonblock { fd, on } => {
                let (instance, open) = self.open_of(*fd)?;
                instance.open_mut(open).nonblock = *on;
                Expected::exactly(Outcome::Done)
            }
            Operation::Read { fd, transfer } => {
                let (instance, open) = self.open_of(*fd)?;
                instance.read(open, *transfer)
            }
            Operation::Write { fd, transfer, from } => {
                let (instance, open) = self.open_of(*fd)?;
                instance.write(open, *transfer, pattern(*from, transfer.len))
            }
            Operation::Seek { fd, whence, offset } => {
                let (instance, open) = self.open_of(*fd)?;
                instance.seek(open, *whence, *offset)
            }
            Operation::Poll { fd } => {
                let (instance, open) = self.open_of(*fd)?;
                instance.events(open)
            }
            Operation::Control { fd, command, bad } => {
                let (instance, open) = self.open_of(*fd)?;
                instance.control(open, *command, *bad)
            }
            Operation::Proc { name } => match self.named(*name) {
                Some(instance) => Expected::exactly(Outcome::Text(instance.proc())),
                None => Expected::fails(Errno::ENOENT),
            },
            Operation::Show { name, attribute } => match self.named(*name) {
                Some(instance) => Expected::exactly(Outcome::Text(instance.show(attribute))),
                None => Expected::fails(Errno::ENOENT),
            },
            Operation::Store {
                name,
                attribute,
                value,
            } => match self.named_mut(*name) {
                Some(instance) => Expected::exactly(instance.store(attribute, value).into()),
                None => Expected::fails(Errno::ENOENT),
            },
        };
        Some(expected)
    }

    /// Has the model agree with what was seen of an operation, where the contract left something open.
    /// `before` is the model as it was.
    pub fn saw(&mut self, before: Option<Self>, operation: &Operation, outcome: &Outcome) {
        if let (Operation::Write { fd, .. }, Outcome::Number(n), Some(before)) =
            (operation, outcome, before)
        {
            *self = before;
            self.cut(*fd, Some(*n as u64));
            self.step(operation);
            self.cut(*fd, None);
            // Whether it slept was not seen.
            if let Some((instance, _)) = self.open_of(*fd) {
                instance.counters.writer_waits.1 += 1;
            }
        }
        if let (Operation::Control { fd, .. }, Outcome::Stats(words)) = (operation, outcome)
            && let Some((instance, _)) = self.open_of(*fd)
        {
            instance.counters.reader_waits = (words[4], words[4]);
            instance.counters.writer_waits = (words[5], words[5]);
        }
    }

    /// Has the next write through a descriptor end there.
    fn cut(&mut self, fd: usize, cut: Option<u64>) {
        if let Some((instance, _)) = self.open_of(fd) {
            instance.cut = cut;
        }
    }

    /// Whether the contract leaves open how far an operation goes.
    pub fn is_open(&self, operation: &Operation) -> bool {
        let Operation::Write { fd, transfer, .. } = operation else {
            return false;
        };
        self.descriptors[*fd].is_some_and(|it| {
            let instance = &self.instances[it.instance];
            instance.may_end_early(it.open, *transfer).is_some()
        })
    }

    fn open_of(&mut self, fd: usize) -> Option<(&mut Instance, usize)> {
        let descriptor = self.descriptors[fd]?;
        Some((&mut self.instances[descriptor.instance], descriptor.open))
    }

    /// The node names that an instance has, or would have.
    fn nodes(name: usize, split: bool) -> Vec<String> {
        let sides: &[&str] = if split { &["", "_w", "_r"] } else { &[""] };
        sides
            .iter()
            .map(|side| format!("{}{side}", NAMES[name]))
            .collect()
    }

    fn add(&mut self, name: usize, keys: &[(&'static str, String)]) -> Expected {
        let settings = Settings::parse(keys);
        let split = keys
            .iter()
            .any(|(key, value)| *key == "split" && value == "1");
        let wanted = Self::nodes(name, split);
        let taken = (0..NAMES.len()).any(|other| {
            self.named(other).is_some_and(|instance| {
                let taken = Self::nodes(other, instance.settings.split);
                taken.iter().any(|node| wanted.contains(node))
            })
        });
        match settings {
            Ok(_) if taken => Expected::fails(Errno::EEXIST),
            Ok(settings) => {
                self.names[name] = Some(self.instances.len());
                self.instances.push(Instance::new(settings));
                Expected::exactly(Outcome::Done)
            }
            // Which of two errors is found first is left open.
            Err(errno) => {
                let both = taken.then_some(Outcome::Fails(Errno::EEXIST));
                Expected::one_of([Outcome::Fails(errno)].into_iter().chain(both))
            }
        }
    }

    fn open(&mut self, fd: usize, name: usize, side: &str, flags: i32) -> Result<(), Errno> {
        let path = format!("{}{side}", NAMES[name]);
        // A split instance has no node of its plain name.
        let found = (0..NAMES.len()).find_map(|other| {
            let split = self.named(other)?.settings.split;
            let side = path.strip_prefix(NAMES[other])?;
            (if split {
                ["_w", "_r"].contains(&side)
            } else {
                side.is_empty()
            })
            .then_some((other, side.to_owned()))
        });
        let (name, side) = found.ok_or(Errno::ENOENT)?;
        // The kernel itself refuses that.
        if flags & libc::O_DIRECTORY != 0 {
            return Err(Errno::ENOTDIR);
        }
        let mode = flags & libc::O_ACCMODE;
        match side.as_str() {
            "_w" if mode != libc::O_WRONLY => return Err(Errno::EACCES),
            "_r" if mode != libc::O_RDONLY => return Err(Errno::EACCES),
            _ => {}
        }
        let place = self.names[name].expect("it was found by its name");
        self.opens += 1;
        self.instances[place].open(
            self.opens,
            mode == libc::O_RDONLY || mode == libc::O_RDWR,
            mode == libc::O_WRONLY || mode == libc::O_RDWR,
            flags & libc::O_NONBLOCK != 0,
        );
        self.descriptors[fd] = Some(Descriptor {
            instance: place,
            open: self.opens,
        });
        Ok(())
    }
}

impl Instance {
    fn seek(&mut self, number: usize, whence: i32, offset: i64) -> Expected {
        if self.settings.discipline != Discipline::Buffer {
            return Expected::fails(Errno::ESPIPE);
        }
        let (alive, end) = (self.alive, self.used() as i64);
        let open = self.open_mut(number);
        let base = match whence {
            libc::SEEK_SET => 0,
            libc::SEEK_CUR => open.position as i64,
            _ => end,
        };
        let position = base + offset;
        let expected = if position < 0 {
            Outcome::Fails(Errno::EINVAL)
        } else {
            open.position = position as u64;
            Outcome::Number(position)
        };
        // Reads, writes and ioctls of a removed instance fail; of `lseek` the contract does not speak.
        let gone = (!alive).then_some(Outcome::Fails(Errno::ENODEV));
        Expected::one_of([expected].into_iter().chain(gone))
    }

    /// An attribute's text.
    fn show(&self, attribute: &str) -> String {
        let text = match attribute {
            "discipline" => self.settings.discipline.name().to_owned(),
            "capacity" => self.capacity().to_string(),
            "max_capacity" => self.settings.max_capacity.to_string(),
            "on_empty" => self.settings.on_empty.name().to_owned(),
            "read_timeout_ms" => self.settings.read_timeout_ms.to_string(),
            "bytes_used" => self.used().to_string(),
            "high_water" => self.counters.high_water.to_string(),
            "readers" => self.readers().to_string(),
            "writers" => self.writers().to_string(),
            // Calls are made one by one, so whoever looks is no sleeper and finds none.
            "waiting_readers" | "waiting_writers" => "0".to_owned(),
            _ => panic!("no attribute {attribute}"),
        };
        text + "\n"
    }

    /// Sets an attribute.
    fn store(&mut self, attribute: &str, value: &str) -> Result<(), Errno> {
        let value = value.strip_suffix('\n').unwrap_or(value);
        match attribute {
            "discipline" => {
                let discipline = Discipline::named(value).ok_or(Errno::EINVAL)?;
                if self.used() > 0 || !self.opens.is_empty() {
                    return Err(Errno::EBUSY);
                }
                self.settings = Settings {
                    read_timeout_ms: self.settings.read_timeout_ms,
                    split: self.settings.split,
                    ..Settings::of(discipline)
                };
            }
            "capacity" => self.resize(number(value, 1, u64::MAX)?)?,
            "max_capacity" => {
                self.settings.max_capacity = number(value, self.capacity(), LARGEST)?;
            }
            "on_empty" => self.settings.on_empty = OnEmpty::named(value).ok_or(Errno::EINVAL)?,
            "read_timeout_ms" => {
                self.settings.read_timeout_ms = number(value, 0, u32::MAX.into())?;
            }
            // The others cannot be written, by root neither.
            _ => return Err(Errno::EACCES),
        }
        Ok(())
    }

    /// The bytes that a read through an open would find, for who looks for interesting sizes.
    pub fn there(&self, number: usize) -> usize {
        match self.ready(&self.opens[&number], None) {
            Ready::Bytes(bytes) => bytes,
            _ => 0,
        }
    }
}
