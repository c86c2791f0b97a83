# SPDX-License-Identifier: GPL-2.0

"""The ioctl commands: their numbers, and each as a function on a descriptor.

C header: ``uapi/mydevice_ioctl.h``. The numbers are put together as the machine's ``asm/ioctl.h`` does it.

>>> hex(MYDEV_STATUS & 0xffffff)
'0x184d02'
"""

from __future__ import annotations

import fcntl
import platform
import struct
import termios
from typing import NamedTuple

# Where a machine puts a command's direction, and its values there; most have those of asm-generic/ioctl.h.
if platform.machine().startswith(("alpha", "mips", "ppc", "sparc")):
    _SHIFT, _NONE, _WRITE, _READ = 29, 1, 4, 2
else:
    _SHIFT, _NONE, _WRITE, _READ = 30, 0, 1, 2


def _ioc(direction: int, number: int, size: int) -> int:
    return direction << _SHIFT | size << 16 | MYDEV_MAGIC << 8 | number


_CAPACITY = struct.Struct("=I")
_STATUS = struct.Struct("=6I")
_STATS = struct.Struct("=16Q")
_INT = struct.Struct("=i")

#: The letter of all these commands.
MYDEV_MAGIC = ord("M")
#: Drops what is stored and zeroes the memory.
MYDEV_CLEAR = _ioc(_NONE, 0, 0)
#: Sets the capacity in bytes.
MYDEV_RESIZE = _ioc(_WRITE, 1, _CAPACITY.size)
#: The counters of `Status`.
MYDEV_STATUS = _ioc(_READ, 2, _STATUS.size)
#: The counters of `Stats`.
MYDEV_STATS = _ioc(_READ, 3, _STATS.size)
#: Lets go of this open's file, so that its next read takes the next one.
MYDEV_NEXT = _ioc(_NONE, 4, 0)
#: The bytes that the next read could get.
FIONREAD = termios.FIONREAD


class Status(NamedTuple):
    """The counters at one moment. Each stays at its largest value where the true one does not fit."""

    #: Capacity: the bytes of data that the instance may hold now.
    buffer_size: int
    #: The bytes that wait to be read.
    bytes_used: int
    #: Opens (open file descriptions) on the instance now.
    open_count: int
    #: Reads that moved at least one byte, since the instance was made.
    read_count: int
    #: Writes that moved at least one byte, since the instance was made.
    write_count: int


class Stats(NamedTuple):
    """The counters since the instance was made, whole."""

    #: Bytes that reads handed out.
    bytes_read: int
    #: Bytes that writes took in.
    bytes_written: int
    #: Reads that moved at least one byte.
    reads: int
    #: Writes that moved at least one byte.
    writes: int
    #: Times a reader had to wait for data or for its turn.
    reader_waits: int
    #: Times a writer had to wait for room or for its turn.
    writer_waits: int
    #: Bytes that a shrinking `MYDEV_RESIZE` dropped.
    bytes_truncated: int
    #: Bytes that `MYDEV_CLEAR` dropped.
    bytes_cleared: int
    #: Bytes that newer ones pushed out (log).
    bytes_evicted: int
    #: Bytes that this open missed: evicted or cleared before it read them, or left by a read that failed (log).
    bytes_missed: int
    #: The most bytes that ever waited at once.
    high_water: int


def clear(fd: int) -> None:
    """`MYDEV_CLEAR`"""
    _call(fd, MYDEV_CLEAR)


def resize(fd: int, capacity: int) -> None:
    """`MYDEV_RESIZE`"""
    try:
        argument = _CAPACITY.pack(capacity)
    except struct.error:
        raise ValueError(f"the capacity {capacity!r} is no integer of 32 bits, 1 to {2**32 - 1}") from None
    _call(fd, MYDEV_RESIZE, argument)


def status(fd: int) -> Status:
    """`MYDEV_STATUS`"""
    *counters, _reserved = _STATUS.unpack(_call(fd, MYDEV_STATUS, bytes(_STATUS.size)))
    return Status(*counters)


def stats(fd: int) -> Stats:
    """`MYDEV_STATS`"""
    counters = _STATS.unpack(_call(fd, MYDEV_STATS, bytes(_STATS.size)))
    return Stats(*counters[: len(Stats._fields)])


def unread(fd: int) -> int:
    """`FIONREAD`"""
    (number,) = _INT.unpack(_call(fd, FIONREAD, bytes(_INT.size)))
    return int(number)


def next_file(fd: int) -> None:
    """`MYDEV_NEXT`"""
    _call(fd, MYDEV_NEXT)


def _call(fd: int, command: int, argument: bytes = b"") -> bytes:
    while True:
        try:
            return fcntl.ioctl(fd, command, argument)
        except InterruptedError:
            # A handler that raises has done so by now. Else the call is made again, as Python does it with all others.
            continue
