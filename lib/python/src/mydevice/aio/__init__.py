# SPDX-License-Identifier: GPL-2.0

"""Devices for asyncio. They need nothing but its ``add_reader`` and ``add_writer``, and no threads.

>>> import asyncio
>>> from mydevice.aio import AsyncDevice
>>> async def main():
...     async with AsyncDevice.reader("mydevice") as reader, AsyncDevice.writer("mydevice") as writer:
...         # The reader waits in the event loop, and not in the kernel.
...         got, _ = await asyncio.gather(reader.read(), writer.write_all(b"hello"))
...         return got
>>> asyncio.run(main())
b'hello'

Cancelling loses nothing
------------------------

A task that waits here waits for readiness alone; what it reads or writes, it reads or writes when it goes on. So a
cancelled `AsyncDevice.read` has taken nothing, a cancelled `AsyncDevice.write` has put nothing in, and what a cancelled
read of an `AsyncFile` had taken is kept for its next read. `AsyncDevice.drain` is a write of more than fits at once
that can be cancelled and gone on with.

>>> async def patiently():
...     async with AsyncDevice.open("mydevice") as device:
...         try:
...             await asyncio.wait_for(device.read(), 0.01)
...         except asyncio.TimeoutError:
...             await device.write_all(b"late")
...         return await device.read()
>>> asyncio.run(patiently())
b'late'
"""

from .device import AsyncDevice
from .files import AsyncFile, AsyncFiles
from .records import AsyncRecords

__all__ = ["AsyncDevice", "AsyncFile", "AsyncFiles", "AsyncRecords"]
