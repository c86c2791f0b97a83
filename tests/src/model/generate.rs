// SPDX-License-Identifier: GPL-2.0

//! Draws operations, the same ones from the same seed, with a liking for sizes at which something changes.

use fastrand::Rng;

use super::{
    operation::{Command, DESCRIPTORS, LONGEST, NAMES, Operation, Transfer},
    settings::{Discipline, OnEmpty},
    world::World,
};
use crate::instance::ATTRIBUTES;

/// Commands beyond the last, with a valid number and another size or direction, with another letter.
const WRONG: [u32; 10] = [
    0x4d05, 0x4d01, 0x40044d00, 0x80044d01, 0x40084d01, 0x80144d02, 0x40184d02, 0x80184d03,
    0x40044d04, 0x4e00,
];

/// The source of operations.
#[derive(Debug)]
pub struct Generator {
    rng: Rng,
    /// All instances are of this discipline.
    discipline: Option<Discipline>,
}

impl Generator {
    /// The one of that seed.
    pub fn new(seed: u64, discipline: Option<Discipline>) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            discipline,
        }
    }

    /// The next operation, given where the model is.
    pub fn draw(&mut self, world: &World) -> Operation {
        let name = self.name();
        let open: Vec<_> = (0..DESCRIPTORS)
            .filter(|fd| world.descriptor(*fd).is_some())
            .collect();
        let free = (0..DESCRIPTORS).find(|fd| world.descriptor(*fd).is_none());
        if world.named(0).is_none() && self.one_in(4) {
            return self.add(0);
        }
        // Few opens are opened to, and many are closed.
        if let Some(fd) = free
            && self.rng.usize(..40)
                < 6usize.saturating_sub(open.len()) + usize::from(self.one_in(12))
        {
            return self.open(world, fd, name);
        }
        let Some(fd) = self.rng.choice(&open).copied() else {
            return match self.rng.u8(..10) {
                0..3 => self.store(world, name),
                3 => self.add(name),
                4 => Operation::Proc { name },
                _ => self.open(world, 0, name),
            };
        };
        match self.rng.u16(..1000) {
            0..330 => Operation::Read {
                fd,
                transfer: self.transfer(world, fd),
            },
            330..700 => Operation::Write {
                fd,
                transfer: self.transfer(world, fd),
                from: self.rng.u16(..),
            },
            700..760 => Operation::Poll { fd },
            760..880 => self.control(world, fd),
            880..900 => Operation::Proc { name },
            900..915 => Operation::Show {
                name,
                attribute: self.pick(&ATTRIBUTES),
            },
            915..930 => self.store(world, name),
            930..955 => Operation::Close { fd },
            955..965 => match free {
                Some(to) => Operation::Dup { from: fd, to },
                None => Operation::Close { fd },
            },
            965..975 => Operation::Nonblock {
                fd,
                on: !self.one_in(4),
            },
            975..992 => self.seek(world, fd),
            992..996 => self.add(name),
            _ => Operation::Remove { name },
        }
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        self.rng.choice(choices).copied().expect("a choice")
    }

    /// The first instance gets most of it, so that much happens to it.
    fn name(&mut self) -> usize {
        match self.rng.u8(..16) {
            0..11 => 0,
            11..13 => 1,
            13..15 => 2,
            _ => NAMES.len() - 1,
        }
    }

    /// A capacity: mostly so small that full and empty are often met.
    fn capacity(&mut self) -> u64 {
        match self.rng.u8(..20) {
            0 => 1,
            1 => 2,
            2 => 31,
            3..11 => self.rng.u64(1..64),
            11..15 => self.rng.u64(64..1024),
            15 => self.rng.u64(4095..=4097),
            16 => 4096 * self.rng.u64(1..=8),
            17 => self.rng.u64(65535..=65537),
            18 => self.rng.u64(1..=131072),
            _ => self.pick(&[1048576, 1048575, 262144]),
        }
    }

    fn add(&mut self, name: usize) -> Operation {
        let mut keys = Vec::new();
        let discipline = match self.discipline {
            Some(discipline) => discipline,
            None => self.pick(&Discipline::ALL),
        };
        keys.push(("discipline", discipline.name().to_owned()));
        if !self.one_in(6) {
            keys.push(("capacity", self.capacity().to_string()));
        }
        if self.one_in(3) || discipline == Discipline::Stack && !self.one_in(3) {
            let most = match self.one_in(8) {
                true => self.pick(&[0, 2147483647, 2147483648]),
                false => self.capacity(),
            };
            keys.push(("max_capacity", most.to_string()));
        }
        if self.one_in(3) {
            keys.push(("on_empty", self.pick(&OnEmpty::ALL).name().to_owned()));
        }
        if self.one_in(8) {
            keys.push(("read_timeout_ms", self.timeout()));
        }
        if self.one_in(4) {
            keys.push(("split", self.pick(&["0", "1"]).to_owned()));
        }
        if self.one_in(20) {
            let (key, value) = self.pick(&[
                ("capacity", "0"),
                ("capacity", "x"),
                ("colour", "red"),
                ("discipline", "heap"),
                ("on_empty", "never"),
                ("split", "2"),
            ]);
            keys.push((key, value.to_owned()));
        }
        self.rng.shuffle(&mut keys);
        Operation::Add { name, keys }
    }

    fn timeout(&mut self) -> String {
        self.pick(&["0", "0", "1", "2", "60000"]).to_owned()
    }

    fn open(&mut self, world: &World, fd: usize, name: usize) -> Operation {
        let split = world.named(name).is_some_and(|it| it.settings.split);
        let side = match (split, self.one_in(20)) {
            (true, false) => self.pick(&["_w", "_r"]),
            _ => self.pick(&["", "", "_w", "_r"]),
        };
        let mut flags = match side {
            "_w" if !self.one_in(16) => libc::O_WRONLY,
            "_r" if !self.one_in(16) => libc::O_RDONLY,
            _ => self.pick(&[libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR, libc::O_RDWR]),
        };
        if self.one_in(40) {
            flags = libc::O_ACCMODE;
        }
        if !self.one_in(5) {
            flags |= libc::O_NONBLOCK;
        }
        for (odds, flag) in [
            (10, libc::O_APPEND),
            (10, libc::O_TRUNC),
            (60, libc::O_DIRECTORY),
        ] {
            if self.one_in(odds) {
                flags |= flag;
            }
        }
        Operation::Open {
            fd,
            name,
            side,
            flags,
        }
    }

    /// A length: those around the sizes at which something changes for this open.
    fn len(&mut self, world: &World, fd: usize) -> usize {
        let near = |rng: &mut Rng, size: usize| (size + rng.usize(..3)).saturating_sub(1);
        let (Some(instance), Some(it)) = (world.behind(fd), world.descriptor(fd)) else {
            return 1;
        };
        let capacity = instance.capacity() as usize;
        let used = instance.used() as usize;
        let size = match self.rng.u8(..64) {
            0 => 0,
            1..5 => 1,
            5..28 => self.rng.usize(1..=16),
            28..36 => near(&mut self.rng, capacity),
            36..42 => near(&mut self.rng, capacity.saturating_sub(used)),
            42..47 => near(&mut self.rng, used),
            47..52 => near(&mut self.rng, instance.there(it.open)),
            52..59 => self.rng.usize(1..=capacity.clamp(1, 4096)),
            59 => self.rng.usize(4095..=4097),
            60 => 4096 * self.rng.usize(1..=8),
            61 => self.rng.usize(65535..=65537),
            62 => self.rng.usize(1..=LONGEST),
            _ => near(&mut self.rng, instance.settings.max_capacity as usize),
        };
        match size <= LONGEST {
            true => size,
            false => self.rng.usize(1..=64),
        }
    }

    fn transfer(&mut self, world: &World, fd: usize) -> Transfer {
        let len = self.len(world, fd);
        let mut transfer = Transfer::plain(len);
        if self.one_in(12) {
            transfer.good = match self.one_in(3) {
                true => 0,
                false => self.len(world, fd).min(len),
            };
        }
        let buffer = world
            .behind(fd)
            .is_some_and(|it| it.settings.discipline == Discipline::Buffer);
        match self.rng.u8(..20) {
            0..4 => transfer.pieces = self.rng.usize(1..=8),
            4 => transfer.pieces = self.pick(&[1, 64, 1024]),
            5 if buffer || self.one_in(8) => {
                transfer.at = Some(match self.one_in(10) {
                    true => self.pick(&[-1, i64::MAX - 200_000]),
                    false => self.len(world, fd) as i64,
                });
            }
            6 => {
                transfer.pieces = 1;
                transfer.nowait = true;
            }
            _ => {}
        }
        transfer
    }

    fn control(&mut self, world: &World, fd: usize) -> Operation {
        let most = world
            .behind(fd)
            .map_or(1, |it| it.settings.max_capacity)
            .min(u64::from(u32::MAX) - 1);
        let command = match self.rng.u8(..100) {
            0..12 => Command::Clear,
            12..30 => Command::Resize(self.capacity() as u32),
            30..32 => Command::Resize(0),
            32..36 => Command::Resize(self.pick(&[most as u32 + 1, u32::MAX])),
            36..40 if most < 2_000_000 => Command::Resize(most as u32),
            36..58 => Command::Next,
            58..80 => Command::Unread,
            80..86 => Command::Status,
            86..92 => Command::Stats,
            _ => Command::Wrong(self.pick(&WRONG)),
        };
        Operation::Control {
            fd,
            command,
            bad: self.one_in(12),
        }
    }

    fn seek(&mut self, world: &World, fd: usize) -> Operation {
        Operation::Seek {
            fd,
            whence: self.pick(&[
                libc::SEEK_SET,
                libc::SEEK_SET,
                libc::SEEK_CUR,
                libc::SEEK_END,
            ]),
            offset: self.len(world, fd) as i64 * self.pick(&[1, 1, -1]),
        }
    }

    fn store(&mut self, world: &World, name: usize) -> Operation {
        let attribute = self.pick(&ATTRIBUTES);
        let most = world.named(name).map_or(1, |it| it.settings.max_capacity);
        let mut value = match attribute {
            "discipline" => match self.discipline {
                Some(discipline) => discipline.name().to_owned(),
                None => self.pick(&Discipline::ALL).name().to_owned(),
            },
            "capacity" => match self.one_in(8) {
                true if most < 2_000_000 => (most + self.rng.u64(..2)).to_string(),
                _ => self.capacity().to_string(),
            },
            "max_capacity" => match self.one_in(4) {
                true => self.pick(&["2147483647", "2147483648", "0"]).to_owned(),
                false => self.capacity().to_string(),
            },
            "on_empty" => self.pick(&OnEmpty::ALL).name().to_owned(),
            "read_timeout_ms" => self.timeout(),
            _ => "1".to_owned(),
        };
        if self.one_in(16) {
            value = self
                .pick(&["x", "-1", "4k", " ", "99999999999999999999"])
                .to_owned();
        }
        if self.one_in(3) {
            value.push('\n');
        }
        Operation::Store {
            name,
            attribute,
            value,
        }
    }
}
