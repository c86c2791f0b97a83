# SPDX-License-Identifier: GPL-2.0

"""An open device in an event loop."""

from __future__ import annotations

from types import TracebackType
from typing import Callable, TypeVar

from ..device import Bytes, Device
from ..names import Target
from .files import AsyncFiles
from .readiness import Readiness
from .records import AsyncRecords

T = TypeVar("T")


class AsyncDevice:
    """An open device that waits in an event loop instead of in the kernel.

    Reads and writes are those of the `Device`, one call each, so that boundaries are kept. In a stream, a write that
    does not fit at once comes in pieces, between which others may write: the promise that a write is contiguous is one
    of blocking writes. ``read_timeout_ms`` is for those who wait in the kernel; here there is ``asyncio.wait_for``.

    ``AsyncDevice(device)`` takes an open device, which becomes nonblocking for all who share the open file. Several
    tasks of one loop may share it. A call that need not wait does not let other tasks run, as everywhere in asyncio.
    """

    def __init__(self, device: Device) -> None:
        device.set_nonblocking(True)
        self._device = device
        self._readable = Readiness("add_reader", "remove_reader")
        self._writable = Readiness("add_writer", "remove_writer")

    @classmethod
    def open(cls, target: Target, *, read: bool = True, write: bool = True) -> AsyncDevice:
        """Opens a device by name or by path, as `Device.open` does."""
        return cls(Device.open(target, read=read, write=write, nonblocking=True))

    @classmethod
    def reader(cls, target: Target) -> AsyncDevice:
        """Opens a device for reading."""
        return cls.open(target, write=False)

    @classmethod
    def writer(cls, target: Target) -> AsyncDevice:
        """Opens a device for writing."""
        return cls.open(target, read=False)

    @property
    def device(self) -> Device:
        """The device, for its ioctl commands. None of them waits for data."""
        return self._device

    async def read(self, size: int = 65536) -> bytes:
        """One read, when there is something to read. Errors: those of `Device.read`, without ``EAGAIN``."""
        return await self.when_readable(lambda: self._device.read(size))

    async def write(self, data: Bytes) -> int:
        """One write, when there is room: of a record the whole, of bytes what fits; the number of bytes.

        Errors: those of `Device.write`, without ``EAGAIN``.
        """
        return await self._when(self._writable, lambda: self._device.write(data))

    async def drain(self, buffer: bytearray) -> None:
        """Writes until the buffer is empty, and removes from its front what was taken.

        So after a cancellation or an error it has what is not in yet, and can be handed in again.

        >>> import asyncio
        >>> async def main():
        ...     buffer = bytearray(b"x" * 5000)
        ...     async with AsyncDevice.open("mydevice") as device:
        ...         try:
        ...             await asyncio.wait_for(device.drain(buffer), 0.01)
        ...         except asyncio.TimeoutError:
        ...             print(len(buffer), "did not fit")
        ...         got = await device.read()
        ...         await device.drain(buffer)
        ...         return len(got + await device.read())
        >>> asyncio.run(main())
        904 did not fit
        5000
        """
        while buffer:
            del buffer[: await self.write(buffer)]

    async def write_all(self, data: Bytes) -> None:
        """Writes until all bytes are in. What a cancellation or an error leaves out of bytes is unknown: see `drain`.

        A record is in as a whole or not at all.
        """
        await self.drain(bytearray(data))

    def records(self) -> AsyncRecords:
        """The records of a log or a stack, one after the other."""
        return AsyncRecords(self)

    def files(self) -> AsyncFiles:
        """The files of a spool, one after the other."""
        return AsyncFiles(self)

    def fileno(self) -> int:
        """The descriptor, -1 after `close`."""
        return self._device.fileno()

    def close(self) -> None:
        """Closes the device. Tasks that wait for it get ``EBADF``."""
        self._release()
        self._device.close()

    def detach(self) -> Device:
        """Takes the device out of the event loop. It stays nonblocking. Tasks that wait for it get ``EBADF``."""
        self._release()
        return Device(self._device.detach(), self._device.path)

    async def __aenter__(self) -> AsyncDevice:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._device!r}>"

    async def when_readable(self, call: Callable[[], T]) -> T:
        """Makes a call that reads, when that would not wait."""
        return await self._when(self._readable, call)

    async def _when(self, readiness: Readiness, call: Callable[[], T]) -> T:
        while True:
            try:
                # Nothing is awaited between this and the end, so that no cancellation can come between.
                return call()
            except BlockingIOError:
                await readiness.wait(self.fileno())

    def _release(self) -> None:
        self._readable.close()
        self._writable.close()
