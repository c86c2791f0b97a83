// SPDX-License-Identifier: GPL-2.0

//! The instances that the world can see, and the commands that add and remove them.
//!
//! An instance is published under its full name: a device of the class, with the attributes; an entry in
//! `/proc`; and its node, or one node per direction (`split`). Publishing and removing are done one at a
//! time, under a mutex, so that a name is free exactly when nothing of it is left.
//!
//! # Removal
//!
//! First the instance dies, which wakes everybody who sleeps in it ([`Instance::kill`]). So what the
//! driver core then waits for, a file in sysfs that is being read or written, ends by itself, at the latest when a
//! `capacity` has its memory and what was stored has been copied there.
//!
//! The `/proc` entry is another matter: the kernel waits for its readers, who may be copying to a page that never
//! comes. So it is taken away by a work item of its own, in a queue that has a worker for each. Its name goes when
//! that begins, the waiting comes after it. What is made and then fails goes in the same way, since somebody may be
//! reading it already.
//!
//! # Locks
//!
//! The mutex is the outermost of the driver's locks. Under it are, apart from an instance's own, the two of a
//! [`ProcEntry`]: each is taken alone, for a move.

#![forbid(unsafe_code)]

use kernel::{
    current, new_mutex, new_spinlock,
    prelude::*,
    str::{BStr, CString},
    sync::{
        aref::ARef,
        atomic::{Acquire, Atomic, Release},
        Arc, Completion, Mutex, SpinLock,
    },
    task::Task,
    time::{delay::fsleep, Delta},
    workqueue::{impl_has_work, new_work, Work, WorkItem},
};

use crate::{
    attributes,
    discipline::{Kind, OnEmpty},
    file::{Direction, Endpoint, OpenFile},
    instance::{Instance, Settings},
    kapi::{
        attribute::parse,
        class::{Class, Command},
        device::{DeviceNumber, Numbers, Registration},
        proc,
        sched::is_asleep,
        workqueue::OwnedQueue,
    },
    params,
    proc::Summary,
    queue::command::{self, Add},
};

/// The most nodes that there can be at once: as many minor numbers are reserved.
pub(crate) const MAX_NODES: u32 = 4096;

/// The most `/proc` entries that one work queue has to remove. Each keeps a worker for as long as a reader is stalled. A queue
/// has `WQ_MAX_ACTIVE` of them, 2048, of which each NUMA node gets as many as it has of the CPUs: so where a node has a 32nd of them at
/// least, no entry waits for a worker that another keeps.
const MAX_REMOVALS: usize = 64;

/// How long a removal lets that of the `/proc` entry go on before it looks again, in microseconds.
const PROC_LOOK_US: i64 = 100;

/// All instances that have a name.
#[pin_data]
pub(crate) struct Registry {
    #[pin]
    state: Mutex<State>,
    numbers: Arc<Numbers>,
    class: Arc<Class>,
}

/// What the mutex guards.
struct State {
    published: KVec<Published>,
    removals: KVec<Removals>,
}

/// A work queue that removes `/proc` entries. When it is dropped, it is empty, and the last entry gone.
struct Removals {
    queue: OwnedQueue,
    /// Those that it is there for, [`MAX_REMOVALS`] at most: shown, being removed, or gone since somebody last looked.
    entries: KVec<Arc<ProcEntry>>,
}

/// An instance that the world can see.
struct Published {
    instance: Arc<Instance>,
    devices: KVec<Device>,
    proc: Arc<ProcEntry>,
    /// Which of [`State::removals`] removes it.
    removals: usize,
}

/// One device of an instance.
struct Device {
    name: CString,
    direction: Direction,
    /// The node's number, until it is shown; none for a device without a node, which only carries the attributes.
    number: Option<DeviceNumber>,
    /// What shows it to the world, once that is done.
    registration: Option<Registration<OpenFile>>,
}

impl Registry {
    /// Nothing is published yet. Registers the device numbers; may sleep.
    pub(crate) fn new(class: &Arc<Class>) -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                state <- new_mutex!(
                    State {
                        published: KVec::new(),
                        removals: KVec::new(),
                    },
                    "mydevice registry"
                ),
                numbers: Numbers::new(c"mydevice", MAX_NODES)?,
                class: class.clone(),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// The major number of all nodes.
    pub(crate) fn major(&self) -> u32 {
        self.numbers.major()
    }

    /// Makes instances, all with the same settings, and their names: from here on, they can be opened.
    ///
    /// Errors: EEXIST if one of the names is taken, EINVAL if the settings are not possible, ENOSPC if there are
    /// too many nodes, ENOMEM. Then nothing has changed. May sleep.
    pub(crate) fn publish(&self, names: &[CString], settings: &Settings, split: bool) -> Result {
        let mut new = KVec::with_capacity(names.len(), GFP_KERNEL)?;
        for name in names {
            new.push(Device::all(name, split)?, GFP_KERNEL)?;
        }
        {
            let state = self.state.lock();
            new.iter().try_for_each(|devices| state.is_free(devices))?;
        }
        // What they hold may take its time to come, and to go: both without the mutex, for which removals wait.
        let mut instances = KVec::with_capacity(names.len(), GFP_KERNEL)?;
        for name in names {
            instances.push(Instance::new(name, settings)?, GFP_KERNEL)?;
        }

        let mut guard = self.state.lock();
        let state = &mut *guard;
        let before = state.published.len();
        let mut result = new
            .into_iter()
            .zip(&instances)
            .try_for_each(|(devices, instance)| state.add(devices, instance));
        if result.is_ok() {
            let mut new = state.published.iter_mut().skip(before);
            result = new.try_for_each(|one| one.prepare(&self.numbers));
        }
        // The nodes come last: what can fail before them, fails before anybody can open one. A failure after
        // that is one of the driver core's.
        if result.is_ok() {
            let mut new = state.published.iter_mut().skip(before);
            result = new.try_for_each(|one| one.register(&self.class));
        }
        if result.is_err() {
            while state.published.len() > before {
                if let Some(one) = state.published.pop() {
                    drop(state.unpublish(one));
                }
            }
        }
        result
    }

    /// Wakes everybody who sleeps in an instance, for good: nothing works any more.
    pub(crate) fn kill(&self) {
        let state = self.state.lock();
        state.published.iter().for_each(|one| one.instance.kill());
    }

    /// Removes the instance with this full name, whoever uses it. ENODEV if there is none.
    ///
    /// Sleeps, but waits for no user of the instance.
    pub(crate) fn remove(&self, name: &[u8]) -> Result {
        let mut state = self.state.lock();
        let mut published = state.published.iter();
        let index = published.position(|one| one.instance.name().to_bytes() == name);
        let one = index.and_then(|index| state.published.remove(index).ok());
        let one = one.ok_or(ENODEV)?;

        let instance = state.unpublish(one);
        drop(state);
        // What it holds goes with whoever lets go of it last. If that is this, it takes its time without the mutex.
        drop(instance);
        Ok(())
    }
}

impl State {
    /// EEXIST if one of these has the name of one that is there.
    fn is_free(&self, devices: &[Device]) -> Result {
        let mut names = devices.iter().map(|device| &device.name);
        match names.any(|name| self.published.iter().any(|one| one.has_name(name))) {
            true => Err(EEXIST),
            false => Ok(()),
        }
    }

    /// Adds an instance, of which the world sees nothing yet. Whatever fails after that is taken back by
    /// [`Self::unpublish`].
    fn add(&mut self, devices: KVec<Device>, instance: &Arc<Instance>) -> Result {
        self.is_free(&devices)?;
        self.published.reserve(1, GFP_KERNEL)?;
        let (proc, removals) = self.proc_entry()?;
        let one = Published {
            instance: instance.clone(),
            devices,
            proc,
            removals,
        };
        Ok(self.published.push(one, GFP_KERNEL)?)
    }

    /// Makes a `/proc` entry that is not shown yet, and says which queue will remove it: then a removal needs no memory.
    fn proc_entry(&mut self) -> Result<(Arc<ProcEntry>, usize)> {
        let entry = ProcEntry::new()?;
        let has_room = |one: &Removals| one.entries.len() < MAX_REMOVALS;
        let mut index = self.removals.iter().position(has_room);
        if index.is_none() {
            for one in self.removals.iter_mut() {
                one.entries.retain(|entry| !entry.gone.load(Acquire));
            }
            index = self.removals.iter().position(has_room);
        }
        let index = match index {
            Some(index) => index,
            None => {
                let one = Removals {
                    queue: OwnedQueue::new(c"mydevice")?,
                    entries: KVec::new(),
                };
                self.removals.push(one, GFP_KERNEL)?;
                self.removals.len().saturating_sub(1)
            }
        };
        let removals = self.removals.get_mut(index).ok_or(ENOMEM)?;
        removals.entries.push(entry.clone(), GFP_KERNEL)?;
        Ok((entry, index))
    }

    /// Takes an instance from the world, as far as it was shown, and gives the numbers of its nodes back once these are
    /// gone. Waits for no user of it. Returns what it was.
    fn unpublish(&mut self, one: Published) -> Arc<Instance> {
        one.instance.kill();
        drop(one.devices);
        if let Some(removals) = self.removals.get(one.removals) {
            one.proc.remove(&removals.queue);
        }
        one.instance
    }
}

impl Published {
    /// Gives its nodes numbers, and makes its `/proc` entry.
    fn prepare(&mut self, numbers: &Arc<Numbers>) -> Result {
        let has_node = |device: &&mut Device| device.direction != Direction::None;
        for device in self.devices.iter_mut().filter(has_node) {
            device.number = Some(DeviceNumber::take(numbers)?);
        }
        self.proc.show(&self.instance)
    }

    /// Shows its devices to the world.
    fn register(&mut self, class: &Arc<Class>) -> Result {
        let mut devices = self.devices.iter_mut();
        devices.try_for_each(|device| device.register(class, &self.instance))
    }

    fn has_name(&self, name: &CStr) -> bool {
        let mut devices = self.devices.iter();
        devices.any(|device| device.name.to_bytes() == name.to_bytes())
    }
}

impl Device {
    /// Those of an instance with this name.
    fn all(name: &CStr, split: bool) -> Result<KVec<Self>> {
        let directions: &[Direction] = match split {
            true => &[Direction::None, Direction::Write, Direction::Read],
            false => &[Direction::Both],
        };
        let mut devices = KVec::with_capacity(directions.len(), GFP_KERNEL)?;
        for &direction in directions {
            devices.push(Self::new(name, direction)?, GFP_KERNEL)?;
        }
        Ok(devices)
    }

    /// The device of an instance that serves this direction.
    fn new(name: &CStr, direction: Direction) -> Result<Self> {
        let suffix = match direction {
            Direction::Both | Direction::None => "",
            Direction::Write => "_w",
            Direction::Read => "_r",
        };
        let name = BStr::from_bytes(name.to_bytes());
        Ok(Self {
            name: CString::try_from_fmt(fmt!("{name}{suffix}"))?,
            direction,
            number: None,
            registration: None,
        })
    }

    /// Shows it to the world.
    fn register(&mut self, class: &Arc<Class>, instance: &Arc<Instance>) -> Result {
        let endpoint = Endpoint {
            instance: instance.clone(),
            direction: self.direction,
        };
        let number = self.number.take();
        let (name, fasync) = (&self.name, instance.fasync().clone());
        self.registration = Some(match self.direction {
            Direction::Both | Direction::None => {
                Registration::new::<attributes::All>(class, number, name, endpoint, fasync)?
            }
            Direction::Write | Direction::Read => {
                Registration::new::<attributes::None>(class, number, name, endpoint, fasync)?
            }
        });
        Ok(())
    }
}

/// A `/proc` entry, and the work that removes it.
#[pin_data]
struct ProcEntry {
    /// It, and what it shows, from when it is shown until its removal begins.
    #[pin]
    entry: SpinLock<Option<(proc::Entry<Summary>, Arc<Summary>)>>,
    /// Its removal has begun, and `remover` does it.
    #[pin]
    begun: Completion,
    #[pin]
    remover: SpinLock<Option<ARef<Task>>>,
    /// Its removal has ended, or it was never shown and will not be.
    gone: Atomic<bool>,
    #[pin]
    work: Work<ProcEntry>,
}

impl_has_work! {
    impl HasWork<Self> for ProcEntry { self.work }
}

impl ProcEntry {
    /// One that is not shown yet.
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                entry <- new_spinlock!(None, "mydevice proc entry"),
                begun <- Completion::new(),
                remover <- new_spinlock!(None, "mydevice proc remover"),
                gone: Atomic::new(false),
                work <- new_work!("mydevice proc work"),
            }),
            GFP_KERNEL,
        )
    }

    /// Shows it. From here on it may have readers.
    fn show(&self, instance: &Arc<Instance>) -> Result {
        let summary = Summary::new(instance)?;
        let entry = proc::Entry::new(instance.name(), summary.clone())?;
        *self.entry.lock() = Some((entry, summary));
        Ok(())
    }

    /// Removes it, if it is shown, without waiting for its readers.
    fn remove(self: Arc<Self>, removals: &OwnedQueue) {
        if self.entry.lock().is_none() {
            self.gone.store(true, Release);
            return;
        }
        // It cannot be queued already: an instance is removed once.
        let _ = removals.enqueue(self.clone());
        // The name must be free when this returns: a second entry of a name that is not would have the kernel
        // warn. It goes without a sleep (`remove_proc_subtree`) right after the work has begun. So if the worker
        // sleeps, be it for a reader or for other work, the name has gone.
        self.begun.wait_for_completion();
        let remover = self.remover.lock().clone();
        while !self.gone.load(Acquire) && !remover.as_ref().is_none_or(|task| is_asleep(task)) {
            fsleep(Delta::from_micros(PROC_LOOK_US));
        }
        // Else this would be kept, once it is gone, for as long as its queue has room for others.
        *self.remover.lock() = None;
    }
}

impl WorkItem for ProcEntry {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let shown = this.entry.lock().take();
        if let Some((_, summary)) = &shown {
            // Whoever removes the instance has a reference yet, so that this is not the last one.
            summary.end();
        }
        *this.remover.lock() = Some(ARef::from(&**current!()));
        this.begun.complete_all();
        // Nothing may sleep from here until the name has gone, which is the first thing that this does.
        drop(shown);
        this.gone.store(true, Release);
    }
}

/// `add`: makes an instance and its names.
pub(crate) struct AddCommand;

impl Command for AddCommand {
    type Data = Registry;
    const NAME: &'static CStr = c"add";

    fn run(registry: &Registry, text: &str) -> Result {
        let add = Add::parse(text).map_err(|_| EINVAL)?;
        let kind = match add.discipline {
            Some(name) => Kind::from_name(name).ok_or(EINVAL)?,
            None => params::discipline(),
        };
        let mut settings = Settings::new(kind);
        if let Some(text) = add.max_capacity {
            settings.max_capacity = parse(text)?;
            // A capacity that starts at the largest one goes up with it, too.
            settings.capacity = match kind.rules().capacity {
                Some(all) if all == kind.rules().max_capacity => settings.max_capacity,
                _ => settings.capacity.min(settings.max_capacity),
            };
        }
        if let Some(text) = add.capacity {
            settings.capacity = parse(text)?;
        }
        if let Some(text) = add.on_empty {
            settings.on_empty = OnEmpty::from_name(text).ok_or(EINVAL)?;
        }
        if let Some(text) = add.read_timeout_ms {
            settings.read_timeout_ms = parse(text)?;
        }
        let split = match add.split {
            Some(text) => switch(text)?,
            None => false,
        };
        let name = CString::try_from_fmt(fmt!("{}-{}", command::PREFIX, add.name))?;
        registry.publish(&[name], &settings, split)
    }
}

/// A word that the kernel takes for a switch. It would take any other that begins like one, too: EINVAL.
fn switch(text: &str) -> Result<bool> {
    match text {
        "1" | "y" | "Y" | "yes" | "on" | "true" => Ok(true),
        "0" | "n" | "N" | "no" | "off" | "false" => Ok(false),
        _ => Err(EINVAL),
    }
}

/// `remove`: takes an instance away, whoever uses it.
pub(crate) struct RemoveCommand;

impl Command for RemoveCommand {
    type Data = Registry;
    const NAME: &'static CStr = c"remove";

    fn run(registry: &Registry, text: &str) -> Result {
        if command::is_loaded_name(text) {
            return registry.remove(text.as_bytes());
        }
        if !command::is_name(text) {
            return Err(EINVAL);
        }
        let name = CString::try_from_fmt(fmt!("{}-{text}", command::PREFIX))?;
        registry.remove(name.to_bytes())
    }
}
