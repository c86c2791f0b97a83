# SPDX-License-Identifier: GPL-2.0

"""The records of a log or a stack, in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ..records import read_record

if TYPE_CHECKING:
    from .device import AsyncDevice


class AsyncRecords(AsyncIterator[bytes]):
    """The records of a log or a stack, one after the other: see `AsyncDevice.records`.

    As `Records`, but that it waits in the event loop.

    >>> import asyncio
    >>> from mydevice import Instance
    >>> from mydevice.aio import AsyncDevice
    >>> steps = Instance.add("steps", discipline="log", on_empty="eof")
    >>> async def main():
    ...     async with AsyncDevice.open("steps") as device:
    ...         for step in b"one", b"two":
    ...             await device.write_all(step)
    ...         return [record async for record in device.records()]
    >>> asyncio.run(main())
    [b'one', b'two']
    >>> steps.remove()
    """

    def __init__(self, device: AsyncDevice) -> None:
        self._device = device

    async def __anext__(self) -> bytes:
        record = await self._device.when_readable(lambda: read_record(self._device.device))
        if not record:
            raise StopAsyncIteration
        return record
