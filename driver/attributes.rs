// SPDX-License-Identifier: GPL-2.0

//! An instance's files in `/sys/class/mydevice_class/<name>/`.

#![forbid(unsafe_code)]

use kernel::{fmt, prelude::*};

use crate::{
    discipline::{Kind, OnEmpty},
    file::{Endpoint, OpenFile},
    kapi::attribute::{parse, Attribute, AttributeList, Entry},
};

/// All of them.
pub(crate) struct All;

impl AttributeList<OpenFile> for All {
    const LIST: &'static [&'static Entry<OpenFile>] = &[
        &Entry::new::<Discipline>(),
        &Entry::new::<Capacity>(),
        &Entry::new::<MaxCapacity>(),
        &Entry::new::<OnEmptyAttribute>(),
        &Entry::new::<ReadTimeout>(),
        &Entry::new::<BytesUsed>(),
        &Entry::new::<HighWater>(),
        &Entry::new::<Readers>(),
        &Entry::new::<Writers>(),
        &Entry::new::<WaitingReaders>(),
        &Entry::new::<WaitingWriters>(),
    ];
}

/// `discipline`: its name. Can be changed only while the instance is empty and nothing has it open (EBUSY).
struct Discipline;

impl Attribute<OpenFile> for Discipline {
    const NAME: &'static CStr = c"discipline";
    const WRITABLE: bool = true;

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        text(out, endpoint.instance.snapshot().rules.name)
    }

    fn store(endpoint: &Endpoint, text: &str) -> Result {
        endpoint
            .instance
            .set_discipline(Kind::from_name(text).ok_or(EINVAL)?)
    }
}

/// `capacity`: in bytes. Writing it is what `MYDEV_RESIZE` does.
struct Capacity;

impl Attribute<OpenFile> for Capacity {
    const NAME: &'static CStr = c"capacity";
    const WRITABLE: bool = true;

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, endpoint.instance.snapshot().capacity as u64)
    }

    fn store(endpoint: &Endpoint, text: &str) -> Result {
        endpoint.instance.resize(parse(text)?, false)
    }
}

/// `max_capacity`: the largest capacity, in bytes: from `capacity` to 2147483647.
struct MaxCapacity;

impl Attribute<OpenFile> for MaxCapacity {
    const NAME: &'static CStr = c"max_capacity";
    const WRITABLE: bool = true;

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, endpoint.instance.max_capacity() as u64)
    }

    fn store(endpoint: &Endpoint, text: &str) -> Result {
        endpoint.instance.set_max_capacity(parse(text)?)
    }
}

/// `on_empty`: what a read meets when there is nothing for it: `block`, `eof` or `hangup`.
struct OnEmptyAttribute;

impl Attribute<OpenFile> for OnEmptyAttribute {
    const NAME: &'static CStr = c"on_empty";
    const WRITABLE: bool = true;

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        text(out, endpoint.instance.on_empty().name())
    }

    fn store(endpoint: &Endpoint, text: &str) -> Result {
        endpoint
            .instance
            .set_on_empty(OnEmpty::from_name(text).ok_or(EINVAL)?);
        Ok(())
    }
}

/// `read_timeout_ms`: how long a read waits, in milliseconds; 0 for without end.
struct ReadTimeout;

impl Attribute<OpenFile> for ReadTimeout {
    const NAME: &'static CStr = c"read_timeout_ms";
    const WRITABLE: bool = true;

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, u64::from(endpoint.instance.read_timeout_ms()))
    }

    fn store(endpoint: &Endpoint, text: &str) -> Result {
        endpoint.instance.set_read_timeout_ms(parse(text)?);
        Ok(())
    }
}

/// `bytes_used`: the bytes that wait to be read.
struct BytesUsed;

impl Attribute<OpenFile> for BytesUsed {
    const NAME: &'static CStr = c"bytes_used";

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, endpoint.instance.snapshot().used as u64)
    }
}

/// `high_water`: the most bytes that ever waited at once.
struct HighWater;

impl Attribute<OpenFile> for HighWater {
    const NAME: &'static CStr = c"high_water";

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, endpoint.instance.snapshot().counters.high_water)
    }
}

/// `readers`: the open files that can be read.
struct Readers;

impl Attribute<OpenFile> for Readers {
    const NAME: &'static CStr = c"readers";

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, endpoint.instance.snapshot().users.readers)
    }
}

/// `writers`: the open files that can be written.
struct Writers;

impl Attribute<OpenFile> for Writers {
    const NAME: &'static CStr = c"writers";

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, endpoint.instance.snapshot().users.writers)
    }
}

/// `waiting_readers`: the tasks that sleep until a read can begin.
struct WaitingReaders;

impl Attribute<OpenFile> for WaitingReaders {
    const NAME: &'static CStr = c"waiting_readers";

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, endpoint.instance.snapshot().users.waiting_readers)
    }
}

/// `waiting_writers`: the tasks that sleep until a write can begin or go on.
struct WaitingWriters;

impl Attribute<OpenFile> for WaitingWriters {
    const NAME: &'static CStr = c"waiting_writers";

    fn show(endpoint: &Endpoint, out: &mut dyn fmt::Write) -> Result {
        number(out, endpoint.instance.snapshot().users.waiting_writers)
    }
}

/// No attributes: what the nodes of a split instance have beside it.
pub(crate) struct None;

impl AttributeList<OpenFile> for None {
    const LIST: &'static [&'static Entry<OpenFile>] = &[];
}

fn text(out: &mut dyn fmt::Write, text: &str) -> Result {
    out.write_str(text).map_err(|_| EIO)
}

fn number(out: &mut dyn fmt::Write, number: u64) -> Result {
    write!(out, "{number}").map_err(|_| EIO)
}
