# SPDX-License-Identifier: GPL-2.0

"""The files of a spool, in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ..ahead import CHUNK, Ahead

if TYPE_CHECKING:
    from .device import AsyncDevice


class AsyncFile(AsyncIterator[bytes]):
    """One file of a spool, for reading; also an iterator over its lines: see `AsyncDevice.files`.

    It is read as it is asked for, some of it ahead, so that it need not fit into memory. What a cancelled call had read
    is kept for the next.
    """

    def __init__(self, device: AsyncDevice) -> None:
        self._device = device
        self._ahead = Ahead()
        self._closed = False

    async def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end alone; without a size, all that is left."""
        self._check()
        while not self._ahead.has(size):
            await self._more()
        return self._ahead.take(size)

    async def readline(self, size: int = -1) -> bytes:
        """A line with its end; with a size, so many bytes of it at most."""
        self._check()
        while not self._ahead.has_line(size):
            await self._more()
        return self._ahead.line(size)

    async def __anext__(self) -> bytes:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    def _check(self) -> None:
        if self._closed:
            raise ValueError("the next file was asked for")

    async def _more(self) -> None:
        self._ahead.feed(await self._device.read(CHUNK))

    async def _begin(self) -> bool:
        """Reads its first piece; whether there is one."""
        await self._more()
        return not self._ahead.ended

    async def _finish(self) -> None:
        """Reads what is left of it, and drops that."""
        while not self._ahead.ended:
            await self._more()
            self._ahead.take(-1)
        self._closed = True


class AsyncFiles(AsyncIterator[AsyncFile]):
    """The files of a spool, one after the other: see `AsyncDevice.files`.

    As `Files`, but that it waits in the event loop.

    >>> import asyncio
    >>> from mydevice import Device, Instance
    >>> from mydevice.aio import AsyncDevice
    >>> jobs = Instance.add("jobs", discipline="spool", on_empty="eof")
    >>> for job in b"first\\njob\\n", b"second\\n":
    ...     with Device.writer("jobs") as writer:
    ...         writer.write_all(job)
    >>> async def main():
    ...     async with AsyncDevice.reader("jobs") as reader:
    ...         return [[line async for line in file] async for file in reader.files()]
    >>> asyncio.run(main())
    [[b'first\\n', b'job\\n'], [b'second\\n']]
    >>> jobs.remove()
    """

    def __init__(self, device: AsyncDevice) -> None:
        self._device = device
        self._file: AsyncFile | None = None

    async def __anext__(self) -> AsyncFile:
        if self._file is not None:
            await self._file._finish()
            self._device.device.next_file()
            self._file = None
        # As in `Files`.
        for _ in range(2):
            file = AsyncFile(self._device)
            if await file._begin():
                self._file = file
                return file
            self._device.device.next_file()
        raise StopAsyncIteration
