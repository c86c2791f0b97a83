# SPDX-License-Identifier: GPL-2.0

"""The files of a spool."""

from __future__ import annotations

import io
from collections.abc import Iterator

from .ahead import CHUNK, Ahead
from .device import Device


class SpoolFile(io.BufferedIOBase):
    """One file of a spool, as a file object for reading: see `Device.files`.

    It is read as it is asked for, some of it ahead, so that it need not fit into memory. ``io.TextIOWrapper`` makes
    text of it. Where nothing more is there yet of a file that is still being written, it does what a read does: it
    waits, or with ``O_NONBLOCK`` gives ``EAGAIN``. After an error it may be asked again, and nothing is lost.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._ahead = Ahead()

    @property
    def name(self) -> str | None:
        """The path of the device."""
        return self._device.path

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, fewer at the end alone; without a size, all that is left."""
        size = self._checked(size)
        while not self._ahead.has(size):
            self._more()
        return self._ahead.take(size)

    def read1(self, size: int = -1) -> bytes:
        """So many bytes at most, with one read at most."""
        size = self._checked(size)
        if not self._ahead and not self._ahead.has(size):
            self._more()
        return self._ahead.take(size)

    def readline(self, size: int | None = -1) -> bytes:
        """A line with its end; with a size, so many bytes of it at most."""
        size = self._checked(size)
        while not self._ahead.has_line(size):
            self._more()
        return self._ahead.line(size)

    def _checked(self, size: int | None) -> int:
        if self.closed:
            raise ValueError("the file was closed, or the next one was asked for")
        return -1 if size is None else size

    def _more(self) -> None:
        self._ahead.feed(self._device.read(CHUNK))

    def _begin(self) -> bool:
        """Reads its first piece; whether there is one."""
        self._more()
        return not self._ahead.ended

    def _finish(self) -> None:
        """Reads what is left of it, and drops that."""
        while not self._ahead.ended:
            self._more()
            self._ahead.take(-1)
        self.close()


class Files(Iterator[SpoolFile]):
    """The files of a spool, one after the other: see `Device.files`.

    Each item is a file object. Where there is no file, the iterator does what a read does: it waits, or with
    ``O_NONBLOCK`` gives ``EAGAIN``, or, where a read returns nothing, ends. It may be asked again after each of these.

    >>> from mydevice import Discipline, Instance, OnEmpty
    >>> jobs = Instance.add("jobs", discipline=Discipline.SPOOL, on_empty=OnEmpty.EOF)

    What is written through one open is one file.

    >>> for job in b"first\\njob\\n", b"second\\n":
    ...     with Device.writer("jobs") as writer:
    ...         writer.write_all(job)
    >>> with Device.reader("jobs") as reader:
    ...     for file in reader.files():
    ...         list(file)
    [b'first\\n', b'job\\n']
    [b'second\\n']
    >>> jobs.remove()

    Asking for the next file ends the one before: what was not read of that is read and dropped, and it is closed. Where
    the iterator is left instead, by ``break`` or an error, the rest of the file is for the next reader, but for what
    was read ahead. With ``on_empty=eof``, a file that is still being written ends where its writer has come to.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._file: SpoolFile | None = None

    def __next__(self) -> SpoolFile:
        if self._file is not None:
            self._file._finish()
            self._device.next_file()
            self._file = None
        # The first may be the end of a file that was read before this began, or that CLEAR has taken away.
        for _ in range(2):
            file = SpoolFile(self._device)
            if file._begin():
                self._file = file
                return file
            self._device.next_file()
        raise StopIteration
