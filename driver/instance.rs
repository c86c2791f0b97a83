// SPDX-License-Identifier: GPL-2.0

//! One queue: its data, its counters, and who waits for what.
//!
//! # The lock
//!
//! There is one lock an instance, the spinlock around [`State`]. It is held for a few positions and counters
//! at a time, and for copies of a page at most that cannot wait: never while anything is allocated, zeroed or waited
//! for, or more than a page is freed. So nobody ever waits for it longer than that, a caller that must not sleep included.
//!
//! Locks are taken in this order: the registry's mutex; `State`; an open's cursor; a file of a spool; a block of
//! memory. Never two of one kind. The lock of a wait queue is taken inside `State` alone, by a sleeper that enters
//! or leaves.
//! Waking is done after it is given back.
//!
//! Who has a reference to a [`State`] has it by the lock: every method of `State`, here and in the modules below, is
//! called with the lock held, and none of them sleeps.
//!
//! # Copying without a lock
//!
//! A read or a write marks in the [`Gate`] that it copies, claims a region, gives the lock back, copies, and
//! commits under the lock what was really moved. The gate says who may be at work at the same time: one
//! writer; one reader that takes bytes away, or any number that do not; and CLEAR or RESIZE (an *overhaul*)
//! only when nobody copies. A task that is stalled in its copy, by a page that does not come, therefore
//! holds up those on its own side and overhauls, and nobody else.
//!
//! What is plain, and short enough, is done in fewer steps: see the module `short`.
//!
//! # Turns
//!
//! A write keeps the gate's write turn until its last byte is in, asleep for room included, so that writes
//! never interleave. It sleeps in `mid_writer`; the others sleep in `writers`, in the order in which they came.
//! As with a pipe, one that arrives when the turn is free and there is room goes first, also before one that was woken
//! and does not run yet.
//!
//! Where a write adds a whole record, it has no turn: the bytes are copied before the lock is taken, and what is
//! left to do is one step under it.
//!
//! An overhaul that finds somebody copying is noted as waiting. Whoever ends the last copy then begins the
//! overhaul in its name ([`State::settle`]). Copies that overlap without end could still keep it out, so for a
//! short time those who may sleep let it go first, before they begin to copy. Only for a short time: behind a
//! stalled copy it may wait for ever, and the other side has to go on meanwhile.
//!
//! # No wake-up is lost
//!
//! A sleeper is in its wait queue before it looks at the state under the lock. Whoever changes the state so that
//! somebody may go on calls [`State::settle`] before giving the lock back. Where one reader or writer can be
//! served, it names one by what the state allows *now*, whatever the change was; so if the one that is woken
//! does not take it, because of a signal or because another was faster, nothing is lost: the one that leaves
//! settles again. Where all can be served, all are named when there is news. One that was named is not named again
//! until somebody of its kind has looked: [`Unserved`].
//!
//! The state's lock is taken before that of a wait queue, by sleepers that enter or leave one. Waking is done
//! without it.

#![forbid(unsafe_code)]

use kernel::{
    new_spinlock,
    page::PAGE_SIZE,
    prelude::*,
    str::{BStr, CString},
    sync::{Arc, SpinLock},
    time::{Instant, Monotonic},
};

use crate::{
    discipline::{Closed, Cursor, OnEmpty, Rules, Store, CAPACITY_LIMIT},
    kapi::{
        fasync::{Band, Fasync},
        poll::{new_poll_queue, Events, PollQueue, PollTable, Reach},
        sched::{is_alone, CHUNK},
        wait::{new_wait_queue, WaitQueue},
    },
    params,
    queue::{counters::Counters, gate::Gate},
};

mod awake;
mod overhaul;
mod read;
mod record;
mod settings;
pub(crate) mod short;
mod spool;
mod wake;
mod write;

use awake::{Bell, Waits};
pub(crate) use settings::Settings;
use wake::{News, Sleepers, Unserved};

/// A queue. It lives as long as its device or an open file, or until the removal of its `/proc` entry begins.
#[pin_data]
pub(crate) struct Instance {
    name: CString,
    #[pin]
    state: SpinLock<State>,
    /// Readers that wait for data, or for another reader's copy to end.
    #[pin]
    readers: WaitQueue,
    /// Readers that wait for the file that they read to go on.
    #[pin]
    followers: WaitQueue,
    /// Writers that wait for their turn, or for room to begin.
    #[pin]
    writers: WaitQueue,
    /// The writer that has the turn and waits for room to go on.
    #[pin]
    mid_writer: WaitQueue,
    /// CLEAR and RESIZE that wait for copies to end.
    #[pin]
    overhauls: WaitQueue,
    /// Callers that let a waiting CLEAR or RESIZE go first, for a short time.
    #[pin]
    passing: WaitQueue,
    /// For those who wait awake.
    bell: Bell,
    /// Who polls an open that can read.
    #[pin]
    data_pollers: PollQueue,
    /// Who polls an open that can write. Those who asked to be woken alone would else be told in place of readers.
    #[pin]
    room_pollers: PollQueue,
    /// Readers that want SIGIO, and writers.
    fasync: Arc<Fasync>,
}

/// What the lock guards.
///
/// # Invariants
///
/// - `overhauls_waiting` is the number of tasks that sleep in `overhauls`, or are about to look there.
/// - If `grant` is set, the gate is being overhauled in the name of one of them, and they were not woken in vain:
///   one that leaves has looked for the grant under the lock just before.
/// - `users.waiting_readers` is the number of tasks that sleep in `readers` and `followers`, `users.waiting_writers` that of
///   those in `writers` and `mid_writer`.
/// - Whoever has the gate's write turn sleeps in `mid_writer` or does not sleep; nobody else is in `mid_writer`.
struct State {
    store: Store,
    gate: Gate,
    counters: Counters,
    on_empty: OnEmpty,
    /// How long a read waits, in milliseconds; 0 for without end.
    read_timeout_ms: u32,
    /// The largest capacity that RESIZE may set, in bytes.
    max_capacity: usize,
    /// It was removed: nothing works any more, and nobody waits.
    dead: bool,
    users: Users,
    /// Opens for writing since the instance was made.
    writers_ever: u64,
    /// Overhauls that sleep until nobody copies.
    overhauls_waiting: usize,
    /// The gate was given to an overhaul that sleeps and has not woken yet; which number that grant has.
    grant: Option<u64>,
    /// The grants that there have been.
    grants: u64,
    /// When callers that may sleep last began to let overhauls go first.
    passes_since: Option<Instant<Monotonic>>,
    /// How readers have waited, and writers.
    readers_wait: Waits,
    writers_wait: Waits,
    /// Where there may be somebody to wake.
    unserved: Unserved,
    /// An open has begun to follow something, and of its callers others still sleep in `readers`, where nobody would tell
    /// them how that goes on.
    to_be_moved: bool,
    /// An open has begun to follow something that others may have found nothing in, so that they can have what is behind it.
    out_of_the_way: bool,
    /// Somebody was told that there is no room, or there was none, since pollers were last told of room.
    was_full: bool,
}

/// What an open has to do with the instance, from [`Instance::open`] to [`Instance::release`].
///
/// Its cursor is locked only while the instance's lock is held.
#[pin_data]
pub(crate) struct Opened {
    /// It can read.
    pub(crate) reads: bool,
    /// It can write.
    pub(crate) writes: bool,
    /// It reads from a position that the VFS keeps, and not from its cursor.
    pub(crate) seeks: bool,
    #[pin]
    cursor: SpinLock<Cursor>,
    /// There was a writer when it began, itself included.
    saw_writer: bool,
    /// [`State::writers_ever`] when it began.
    writers_ever: u64,
}

/// Who uses an instance now.
#[derive(Clone, Copy, Default)]
pub(crate) struct Users {
    /// Opens for reading. One that is for both is counted here and as a writer.
    pub(crate) readers: u64,
    /// Opens for writing.
    pub(crate) writers: u64,
    /// Tasks that sleep until a read can begin.
    pub(crate) waiting_readers: u64,
    /// Tasks that sleep until a write can begin or go on.
    pub(crate) waiting_writers: u64,
}

/// The figures of an instance at one moment.
pub(crate) struct Snapshot {
    /// The bytes of data that it may hold.
    pub(crate) capacity: usize,
    /// The bytes that wait to be read.
    pub(crate) used: usize,
    /// What it has counted.
    pub(crate) counters: Counters,
    /// Who uses it.
    pub(crate) users: Users,
    /// Its discipline.
    pub(crate) rules: &'static Rules,
}

impl Instance {
    /// Makes an empty instance. May sleep.
    ///
    /// Errors: EINVAL if the capacities are not possible, ENOMEM.
    pub(crate) fn new(name: &CStr, settings: &Settings) -> Result<Arc<Self>> {
        let possible = 1..=settings.max_capacity.min(CAPACITY_LIMIT);
        if !possible.contains(&settings.capacity) || settings.max_capacity > CAPACITY_LIMIT {
            return Err(EINVAL);
        }
        let name = name.try_into()?;
        let fasync = Arc::pin_init(Fasync::new(), GFP_KERNEL)?;
        let mut store = Store::new(settings.kind, settings.capacity)?;
        store.set_max_capacity(settings.max_capacity);
        let state = State {
            gate: Gate::new(),
            counters: Counters::default(),
            on_empty: settings.on_empty,
            read_timeout_ms: settings.read_timeout_ms,
            max_capacity: settings.max_capacity,
            dead: false,
            users: Users::default(),
            writers_ever: 0,
            overhauls_waiting: 0,
            grant: None,
            grants: 0,
            passes_since: None,
            readers_wait: Waits::default(),
            writers_wait: Waits::default(),
            unserved: Unserved::default(),
            to_be_moved: false,
            out_of_the_way: false,
            was_full: false,
            store,
        };
        Arc::pin_init(
            pin_init!(Self {
                name,
                state <- new_spinlock!(state, "mydevice state"),
                readers <- new_wait_queue!("mydevice readers"),
                followers <- new_wait_queue!("mydevice followers"),
                writers <- new_wait_queue!("mydevice writers"),
                mid_writer <- new_wait_queue!("mydevice mid_writer"),
                overhauls <- new_wait_queue!("mydevice overhauls"),
                data_pollers <- new_poll_queue!("mydevice data pollers"),
                room_pollers <- new_poll_queue!("mydevice room pollers"),
                passing <- new_wait_queue!("mydevice passing"),
                bell: Bell::default(),
                fasync,
            }),
            GFP_KERNEL,
        )
    }

    /// Its full name.
    pub(crate) fn name(&self) -> &CStr {
        &self.name
    }

    /// Its full name, as log lines show it.
    pub(crate) fn label(&self) -> &BStr {
        BStr::from_bytes(self.name.to_bytes())
    }

    /// An open begins, to be ended by [`Instance::release`]. The discipline stays the same until then. ENODEV if
    /// the instance was removed.
    pub(crate) fn open(&self, reads: bool, writes: bool) -> Result<impl PinInit<Opened>> {
        let mut state = self.state.lock();
        state.alive()?;
        state.counters.opened();
        if reads {
            state.users.readers = state.users.readers.saturating_add(1);
        }
        if writes {
            state.users.writers = state.users.writers.saturating_add(1);
            state.writers_ever = state.writers_ever.saturating_add(1);
        }
        let count = state.counters.opens;
        let seeks = state.store.rules().seeks;
        let saw_writer = state.users.writers > 0;
        let writers_ever = state.writers_ever;
        let cursor = state.store.cursor();
        self.give_back(state, News::NONE);
        let opened = pin_init!(Opened {
            reads,
            writes,
            seeks,
            saw_writer,
            writers_ever,
            cursor <- new_spinlock!(cursor, "mydevice cursor"),
        });
        if params::log_events() {
            pr_info!("{}: open (count now {count})\n", self.label());
        }
        Ok(opened)
    }

    /// An open ends.
    pub(crate) fn release(&self, opened: &Opened) {
        let mut state = self.state.lock();
        state.counters.closed();
        let count = state.counters.opens;
        let Closed { data, room, spare } = state.store.close(&mut opened.cursor.lock());
        let mut news = News { data, room };
        if opened.reads {
            state.users.readers = state.users.readers.saturating_sub(1);
        }
        if opened.writes {
            state.users.writers = state.users.writers.saturating_sub(1);
            // With `hangup`, the last writer's close is what readers wait for.
            news.data |= state.writers_have_left();
        }
        self.give_back(state, news);
        drop(spare);
        if params::log_events() {
            pr_info!("{}: release (count now {count})\n", self.label());
        }
    }

    /// Removes it from under whoever uses it: everybody who sleeps wakes, and whatever is asked of it from now
    /// on gives ENODEV. What has it open keeps its memory until the last close.
    ///
    /// Does not sleep.
    pub(crate) fn kill(&self) {
        self.state.lock().dead = true;
        self.bell.ring();
        self.readers.wake_all();
        self.followers.wake_all();
        self.writers.wake_all();
        self.mid_writer.wake_all();
        self.overhauls.wake_all();
        self.passing.wake_all();
        // Which everybody polls for who polls for anything.
        self.data_pollers.wake(Events::GONE, Reach::All);
        self.room_pollers.wake(Events::GONE, Reach::All);
        self.fasync.signal(Band::In);
        self.fasync.signal(Band::Out);
    }

    /// ENODEV if it was removed.
    pub(crate) fn alive(&self) -> Result {
        self.state.lock().alive()
    }

    /// All figures, taken together.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.state.lock().snapshot()
    }

    /// All figures, taken together; ENODEV if it was removed.
    pub(crate) fn snapshot_alive(&self) -> Result<Snapshot> {
        let state = self.state.lock();
        state.alive()?;
        Ok(state.snapshot())
    }

    /// The bytes that the next read of this open, at this position, could get; ENODEV if it was removed.
    pub(crate) fn available(&self, opened: &Opened, position: u64) -> Result<usize> {
        let state = self.state.lock();
        state.alive()?;
        Ok(
            opened.with_cursor(&mut opened.own_cursor(position), |cursor| {
                state.store.available(cursor)
            }),
        )
    }

    /// An open lets go of the file that it reads, so that its next read takes the next one. ENOTTY where there are no
    /// files.
    pub(crate) fn next(&self, opened: &Opened) -> Result {
        let mut state = self.state.lock();
        if !state.store.let_go(&mut opened.cursor.lock()) {
            return Err(ENOTTY);
        }
        self.give_back(state, News::DATA);
        Ok(())
    }

    /// All figures, taken together, and the bytes that this open missed; ENODEV if it was removed.
    pub(crate) fn snapshot_for(&self, opened: &Opened) -> Result<(Snapshot, u64)> {
        let state = self.state.lock();
        state.alive()?;
        let missed = state.store.missed(&opened.cursor.lock());
        Ok((state.snapshot(), missed))
    }

    /// Registers a poller, then says what would not wait. Does not sleep.
    pub(crate) fn poll<'file>(
        &'file self,
        opened: &Opened,
        position: u64,
        table: &PollTable<'file>,
    ) -> Events {
        if opened.writes {
            table.register(&self.room_pollers);
        }
        // One that can do neither learns of the removal.
        if opened.reads || !opened.writes {
            table.register(&self.data_pollers);
        }
        self.state.lock().events(opened, position)
    }

    /// The files that want SIGIO when there is something to read, or room to write.
    pub(crate) fn fasync(&self) -> &Arc<Fasync> {
        &self.fasync
    }
}

impl Opened {
    /// A cursor of the call's own, at the position that the VFS gave, where files have one.
    fn own_cursor(&self, position: u64) -> Option<Cursor> {
        self.seeks.then(|| Cursor::at(position))
    }

    /// Calls `work` with the cursor that a read goes by: the call's own, or the open's. The instance's lock is held.
    fn with_cursor<R>(&self, own: &mut Option<Cursor>, work: impl FnOnce(&mut Cursor) -> R) -> R {
        match own {
            Some(own) => work(own),
            None => work(&mut self.cursor.lock()),
        }
    }
}

/// How many bytes are copied at most before they are handed on: a part of the capacity, so that both sides copy at once,
/// and neither waits until the other has copied all that there is or all that there is room for. Where there is one
/// processor they never copy at once, and each hand-over is one more switch between them.
fn piece(capacity: usize) -> usize {
    match is_alone() {
        true => CHUNK,
        false => (capacity / 4).clamp(PAGE_SIZE, CHUNK),
    }
}

impl State {
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            capacity: self.store.capacity(),
            used: self.store.used(),
            counters: self.counters,
            users: self.users,
            rules: self.store.rules(),
        }
    }

    /// How many bytes are copied at most before they are handed on.
    fn piece(&self) -> usize {
        piece(self.store.capacity())
    }

    /// ENODEV if the instance was removed.
    fn alive(&self) -> Result {
        match self.dead {
            true => Err(ENODEV),
            false => Ok(()),
        }
    }
}
