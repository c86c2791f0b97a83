# SPDX-License-Identifier: GPL-2.0

"""An open device."""

from __future__ import annotations

import errno
import os
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Callable, TypeVar, Union

from . import ioctl, names

if TYPE_CHECKING:
    from .files import Files
    from .records import Records

T = TypeVar("T")
#: What can be written.
Bytes = Union[bytes, bytearray, memoryview]

# What a read asks for if it is not told.
_SIZE = 65536


class Device:
    """An open device.

    Reading and writing are ``read(2)`` and ``write(2)``, one call each. Threads may share a device. What a read or a
    write does is told by the `Discipline` of the instance.

    >>> from threading import Thread
    >>> with Device.open("mydevice") as device:
    ...     other = Thread(target=device.write, args=(b"from another thread",))
    ...     other.start()
    ...     device.read(4)
    ...     other.join()
    ...     device.clear()
    b'from'

    `Device.open`, `Device.reader` and `Device.writer` open one. ``Device(fd)`` takes over a descriptor that was opened
    elsewhere; if that is no such device, the ioctl commands give ``ENOTTY``. The path is for errors to tell.

    A device is closed by `close` or at the end of a ``with``. After that all calls give ``EBADF``.
    """

    def __init__(self, fd: int, path: str | None = None) -> None:
        if not isinstance(fd, int):
            raise TypeError(f"{fd!r} is no descriptor; Device.open opens by name or path")
        self._fd = fd
        self._path = path

    @classmethod
    def open(
        cls,
        target: names.Target,
        *,
        read: bool = True,
        write: bool = True,
        nonblocking: bool = False,
    ) -> Device:
        """Opens the node of an instance, by name, or any node, by path.

        By name, this takes the node of a split instance that leads in the right direction; there is none for both.
        With ``nonblocking``, calls that would wait fail with ``EAGAIN`` instead (``O_NONBLOCK``).

        >>> with Device.open("/dev/mydevice", write=False, nonblocking=True) as device:
        ...     device.read()
        Traceback (most recent call last):
            ...
        BlockingIOError: [Errno 11] Resource temporarily unavailable: '/dev/mydevice'

        Errors: what ``open(2)`` gives: ``ENOENT`` if there is no such node, ``EACCES`` without permission or against
        the direction of a split node, ``ENODEV`` or ``ENXIO`` if the instance was removed.
        """
        if not (read or write):
            raise ValueError(f"{target!r} can be opened for reading, for writing or for both, but not for neither")
        mode = os.O_RDWR if read and write else os.O_RDONLY if read else os.O_WRONLY
        path = _node(names.text(target), read, write)
        return cls(os.open(path, mode | (os.O_NONBLOCK if nonblocking else 0)), path)

    @classmethod
    def reader(cls, target: names.Target, *, nonblocking: bool = False) -> Device:
        """Opens a device for reading, as `Device.open` does."""
        return cls.open(target, write=False, nonblocking=nonblocking)

    @classmethod
    def writer(cls, target: names.Target, *, nonblocking: bool = False) -> Device:
        """Opens a device for writing, as `Device.open` does."""
        return cls.open(target, read=False, nonblocking=nonblocking)

    def read(self, size: int = _SIZE) -> bytes:
        """One read of at most ``size`` bytes. Nothing means that there is nothing (more): see `OnEmpty`.

        Errors: ``EAGAIN`` with ``O_NONBLOCK``, or after ``read_timeout_ms``; ``EBADF`` if the file was not opened for
        reading; ``ENODEV``.
        """
        if size < 0:
            raise ValueError(f"the size {size} is negative")
        return self._told(lambda: os.read(self._fd, size))

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """One read into a buffer that is there; the number of bytes. Errors: as `Device.read`."""
        return self._told(lambda: os.readv(self._fd, [buffer]))

    def write(self, data: Bytes) -> int:
        """One write; the number of bytes that were taken.

        A record (log, stack) is taken whole or not at all. Of bytes, fewer are taken with ``O_NONBLOCK``, after a
        signal, or where a buffer is full.

        Errors: ``EAGAIN`` with ``O_NONBLOCK``; ``EBADF`` if the file was not opened for writing; ``EMSGSIZE`` for a
        record that can never fit; ``ENOSPC`` in a buffer that is full; ``ENOMEM``; ``ENODEV``.
        """
        return self._told(lambda: os.write(self._fd, data))

    def write_all(self, data: Bytes) -> None:
        """Writes until all bytes are in: one write, and as many more as are needed.

        Errors: as `Device.write`. What was taken before an error is in.
        """
        left = memoryview(data).cast("B")
        done = self.write(left)
        while done < len(left):
            done += self.write(left[done:])

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves the reading position in a buffer, and tells it. Errors: elsewhere ``ESPIPE``."""
        return self._told(lambda: os.lseek(self._fd, offset, whence), f"to {offset}")

    def status(self) -> ioctl.Status:
        """The counters at one moment (``MYDEV_STATUS``).

        Errors: ``ENODEV`` if the instance was removed; ``ENOTTY`` if the file is no such device.
        """
        return self._told(lambda: ioctl.status(self._fd))

    def stats(self) -> ioctl.Stats:
        """The counters since the instance was made, whole, and what this open missed (``MYDEV_STATS``).

        >>> with Device.open("mydevice") as device:
        ...     before = device.stats().bytes_written
        ...     device.write_all(b"12345")
        ...     device.stats().bytes_written - before
        ...     device.clear()
        5

        Errors: as `Device.status`.
        """
        return self._told(lambda: ioctl.stats(self._fd))

    def unread(self) -> int:
        """The bytes that the next read could get now (``FIONREAD``): in a log or a stack, of one record.

        Errors: as `Device.status`.
        """
        return self._told(lambda: ioctl.unread(self._fd))

    def resize(self, capacity: int) -> None:
        """Sets the capacity (``MYDEV_RESIZE``). What does not fit any more is dropped, except in a spool.

        >>> with Device.open("mydevice") as device:
        ...     capacity = device.status().buffer_size
        ...     device.write_all(b"1234567890")
        ...     device.resize(5)
        ...     device.read()
        ...     device.resize(capacity)
        ...     device.resize(0)
        Traceback (most recent call last):
            ...
        OSError: [Errno 22] Invalid argument: capacity 0: '/dev/mydevice'

        Errors: ``EBADF`` if the file was not opened for writing; ``EPERM`` through a split node without
        ``CAP_SYS_ADMIN``; ``EINVAL`` for 0 or more than ``max_capacity``; ``EBUSY`` if a spool stores more;
        ``ENOMEM``; ``EAGAIN`` with ``O_NONBLOCK`` while somebody copies; ``ENODEV``.
        """
        self._told(lambda: ioctl.resize(self._fd, capacity), f"capacity {capacity}")

    def clear(self) -> None:
        """Drops what is stored and zeroes its memory (``MYDEV_CLEAR``).

        Errors: ``EBADF`` if the file was not opened for writing; ``EPERM`` through a split node without
        ``CAP_SYS_ADMIN``; ``EAGAIN`` with ``O_NONBLOCK`` while somebody copies; ``ENODEV``.
        """
        self._told(lambda: ioctl.clear(self._fd))

    def next_file(self) -> None:
        """Lets go of the file that this open reads, so that its next read takes the next one (``MYDEV_NEXT``).

        `Device.files` calls this after each file. Errors: ``ENOTTY`` if the instance is no spool; ``ENODEV``.
        """
        self._told(lambda: ioctl.next_file(self._fd))

    def records(self) -> Records:
        """The records of a log or a stack, one after the other."""
        from .records import Records

        return Records(self)

    def files(self) -> Files:
        """The files of a spool, one after the other."""
        from .files import Files

        return Files(self)

    def is_nonblocking(self) -> bool:
        """Whether calls that would wait fail with ``EAGAIN`` instead (``O_NONBLOCK``)."""
        return not self._told(lambda: os.get_blocking(self._fd))

    def set_nonblocking(self, nonblocking: bool) -> None:
        """Sets whether calls that would wait fail with ``EAGAIN`` instead, for all who share the open file."""
        self._told(lambda: os.set_blocking(self._fd, not nonblocking))

    def dup(self) -> Device:
        """Another descriptor of the same open file, which shares position, claimed file and ``O_NONBLOCK``."""
        return type(self)(self._told(lambda: os.dup(self._fd)), self._path)

    def fileno(self) -> int:
        """The descriptor, -1 after `close`."""
        return self._fd

    @property
    def path(self) -> str | None:
        """The path by which it was opened, if that is known."""
        return self._path

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._fd < 0

    def close(self) -> None:
        """Closes it. To do so twice is no error."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def detach(self) -> int:
        """Gives the descriptor away. After that this is as if closed, but the file is open."""
        fd, self._fd = self._fd, -1
        return fd

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, stacklevel=2, source=self)
            self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"fd {self._fd}"
        return f"<{type(self).__name__} {self._path!r} {state}>"

    def _told(self, call: Callable[[], T], value: str = "") -> T:
        """Makes a call, and has an error tell the file and the value."""
        try:
            if self.closed:
                # Python itself does not say the same for all calls.
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return call()
        except OSError as error:
            if self._path is not None:
                error.filename = self._path
            if value:
                error.strerror = f"{error.strerror}: {value}"
            raise


def _node(target: str, read: bool, write: bool) -> str:
    """The node to open."""
    if names.is_path(target):
        return target
    node = f"/dev/{names.full(target)}"
    directed = node + ("_w" if write else "_r")
    if read != write and not os.path.exists(node) and os.path.exists(directed):
        return directed
    return node
