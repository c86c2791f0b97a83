# SPDX-License-Identifier: GPL-2.0

"""Enums whose values are words in sysfs and ``/proc``. Each value is its word, too."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """One of the words that are known."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def _missing_(cls, value: object) -> Word:
        known = ", ".join(word.value for word in cls)
        raise ValueError(f"{value!r} is none of {known}")


class Discipline(Word):
    """The rule by which an instance stores and hands out data.

    >>> Discipline("spool")
    <Discipline.SPOOL: 'spool'>
    >>> print(Discipline.SPOOL)
    spool
    >>> Discipline("heap")
    Traceback (most recent call last):
        ...
    ValueError: 'heap' is none of stream, buffer, log, spool, stack

    A newer module may have more; what the kernel says goes through `named`, which knows those by their names alone:

    >>> Discipline.named("heap")
    <Discipline.OTHER: 'heap'>
    """

    #: Bytes, first in first out, each read once.
    STREAM = "stream"
    #: One growing text, which every reader reads from its beginning.
    BUFFER = "buffer"
    #: The newest records; every reader sees each.
    LOG = "log"
    #: Whole files, each for one reader.
    SPOOL = "spool"
    #: Records, the newest first.
    STACK = "stack"

    @classmethod
    def named(cls, name: str) -> Discipline:
        """The one that the kernel calls so. If it is not known here, what it keeps apart and takes is not, either."""
        try:
            return cls(name)
        except ValueError:
            other = str.__new__(cls, name)
            other._name_, other._value_ = "OTHER", name
            return other

    @property
    def keeps_records(self) -> bool:
        """Whether each write is a record that reads keep apart: see `Records`."""
        return self in (Discipline.LOG, Discipline.STACK)

    @property
    def keeps_files(self) -> bool:
        """Whether what is written through one open is a file that reads keep apart: see `Files`."""
        return self is Discipline.SPOOL

    @property
    def takes(self) -> bool:
        """Whether reading takes away what was read."""
        return self in (Discipline.STREAM, Discipline.SPOOL, Discipline.STACK)


class OnEmpty(Word):
    """What a read meets when there is nothing (more) for it."""

    #: It waits.
    BLOCK = "block"
    #: It returns nothing at once.
    EOF = "eof"
    #: As in a named pipe: it waits until its open has seen a writer, and returns nothing after the last writer's close.
    HANGUP = "hangup"


class Attribute(Word):
    """A file of an instance in sysfs."""

    #: The rule by which the instance stores and hands out data.
    DISCIPLINE = "discipline"
    #: Bytes of data that the instance may hold now.
    CAPACITY = "capacity"
    #: The largest capacity that it may be given, or grow to.
    MAX_CAPACITY = "max_capacity"
    #: What a read meets when there is nothing for it.
    ON_EMPTY = "on_empty"
    #: How long a read waits for data, in milliseconds; 0 is without end.
    READ_TIMEOUT_MS = "read_timeout_ms"
    #: Bytes that wait to be read.
    BYTES_USED = "bytes_used"
    #: The most bytes that were ever stored at once.
    HIGH_WATER = "high_water"
    #: Open files that can be read.
    READERS = "readers"
    #: Open files that can be written.
    WRITERS = "writers"
    #: Tasks that sleep in a read now.
    WAITING_READERS = "waiting_readers"
    #: Tasks that sleep in a write now.
    WAITING_WRITERS = "waiting_writers"

    @property
    def is_writable(self) -> bool:
        """Whether root can set it."""
        return self in (
            Attribute.DISCIPLINE,
            Attribute.CAPACITY,
            Attribute.MAX_CAPACITY,
            Attribute.ON_EMPTY,
            Attribute.READ_TIMEOUT_MS,
        )
