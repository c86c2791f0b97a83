# SPDX-License-Identifier: GPL-2.0

"""The records of a log or a stack."""

from __future__ import annotations

import select
from collections.abc import Iterator

from .device import Device

# A buffer at least, and at most if nothing is known to be longer.
_SMALL = 4096
_LARGE = 1 << 20


class Records(Iterator[bytes]):
    """The records of a log or a stack, one after the other: see `Device.records`.

    Each item is what one write had put in. Where there is nothing, the iterator does what a read does: it waits, or
    with ``O_NONBLOCK`` gives ``EAGAIN``, or, where a read returns nothing, ends. It may be asked again after each of
    these.

    >>> from mydevice import Discipline, Instance
    >>> undo = Instance.add("undo", discipline=Discipline.STACK)
    >>> with Device.open("undo") as device:
    ...     for step in b"one", b"two", b"three":
    ...         device.write_all(step)
    ...     # A stack hands out the newest first, and its reads return nothing when it is empty.
    ...     list(device.records())
    [b'three', b'two', b'one']
    >>> undo.remove()

    How a record comes whole: a read with too small a buffer cuts a record. So before each read the iterator waits with
    ``poll(2)``, which means that ``read_timeout_ms`` does not end the wait, and then asks how long the next record is.
    Another reader of a stack may take that record first. Then the read meets another one, and cuts it if it is longer
    than that, than the capacity, and than 4096 bytes; in a log the same can happen only if the capacity grows at that
    moment.
    """

    def __init__(self, device: Device) -> None:
        self._device = device

    def __next__(self) -> bytes:
        if not self._device.is_nonblocking():
            _wait_readable(self._device)
        record = read_record(self._device)
        if not record:
            raise StopIteration
        return record


def read_record(device: Device) -> bytes:
    """One read, of a size into which the next record fits."""
    capacity = device.status().buffer_size
    return device.read(max(device.unread(), _SMALL, min(capacity, _LARGE)))


def _wait_readable(device: Device) -> None:
    """Waits until a read would not wait, or the instance was removed."""
    poll = select.poll()
    poll.register(device.fileno(), select.POLLIN)
    poll.poll()
