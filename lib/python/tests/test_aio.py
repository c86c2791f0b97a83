# SPDX-License-Identifier: GPL-2.0

"""Devices in an event loop of asyncio."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from helpers import PIECES, Make, fails

from mydevice import Device
from mydevice.aio import AsyncDevice

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it in a loop of one thread, where a call that waits in the kernel would stop everything."""
    result = asyncio.run(work)
    assert threading.active_count() == 1, threading.enumerate()
    return result


async def waiting(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that has begun and now waits."""
    task = asyncio.ensure_future(work)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def watched(loop: asyncio.AbstractEventLoop, fd: int) -> bool:
    """Whether the loop watches the descriptor. True is checked as well, so that this cannot be always false."""
    return fd in loop._selector.get_map()  # type: ignore[attr-defined]


def test_more_than_fits_goes_through(make: Make) -> None:
    make("stream", capacity=1000)
    data = bytes(number % 251 for number in range(100_000))

    async def read_all(reader: AsyncDevice) -> bytes:
        got = b""
        while len(got) < len(data):
            got += await reader.read()
        return got

    async def main() -> None:
        async with AsyncDevice.reader("py0") as reader, AsyncDevice.writer("py0") as writer:
            got, _ = await asyncio.gather(read_all(reader), writer.write_all(data))
            assert got == data
            assert reader.device.status().bytes_used == 0

    run(main())


def test_a_cancelled_read_takes_nothing(make: Make) -> None:
    make("stream")

    async def main() -> None:
        async with AsyncDevice.open("py0") as device:
            task = await waiting(device.read())
            assert watched(asyncio.get_running_loop(), device.fileno())
            await cancel(task)
            assert not watched(asyncio.get_running_loop(), device.fileno())
            # One that was woken and is cancelled before it goes on.
            task = await waiting(device.read())
            await device.write(b"kept")
            while watched(asyncio.get_running_loop(), device.fileno()):
                await asyncio.sleep(0)
                if task.done():
                    pytest.fail("the task went on before it could be cancelled")
            await cancel(task)
            assert device.device.unread() == 4
            assert await device.read() == b"kept"

    run(main())


@pytest.mark.parametrize("discipline", ["stream", "spool", "stack"])
def test_a_cancelled_write_puts_nothing_in(make: Make, discipline: str) -> None:
    instance = make(discipline, capacity=4, max_capacity=4)

    async def main() -> None:
        async with AsyncDevice.writer("py0") as one, AsyncDevice.writer("py0") as two:
            await one.write_all(b"1234")
            task = await waiting(two.write(b"56"))
            await cancel(task)
            assert instance.bytes_used() == 4
            with Device.reader("py0", nonblocking=True) as reader:
                one.close()
                assert reader.read() == b"1234"
                assert await two.write(b"78") == 2
                two.close()
                if discipline == "spool":
                    reader.next_file()
                assert reader.read() == b"78"

    run(main())


def test_drain_goes_on_after_a_cancellation(make: Make) -> None:
    """It is cancelled again and again, and every byte arrives once."""
    make("stream", capacity=100)
    data = bytes(number % 251 for number in range(3_000))

    async def main() -> None:
        left, got = bytearray(data), bytearray()
        async with AsyncDevice.open("py0") as device:
            while len(left) > 100:
                await cancel(await waiting(device.drain(left)))
                got += await device.read(70)
            rest = asyncio.ensure_future(device.drain(left))
            while len(got) < len(data):
                got += await device.read()
            await rest
        assert got == data

    run(main())


def test_a_time_limit_of_asyncio_loses_nothing(make: Make) -> None:
    """Reads with time limits that end at any moment, beside a writer."""
    make("log", capacity=1 << 20)
    count = 300

    async def write(writer: AsyncDevice) -> None:
        for number in range(count):
            await writer.write(b"%d" % number)
            await asyncio.sleep(0.0003 * (number % 4))

    async def main() -> None:
        got: list[bytes] = []
        async with AsyncDevice.reader("py0") as reader, AsyncDevice.writer("py0") as writer:
            writing = asyncio.ensure_future(write(writer))
            limit = 0
            while len(got) < count:
                limit = (limit + 1) % 7
                try:
                    got.append(await asyncio.wait_for(reader.records().__anext__(), limit / 10_000))
                except asyncio.TimeoutError:
                    await asyncio.sleep(0)
            await writing
        assert got == [b"%d" % number for number in range(count)]

    run(main())


def test_several_tasks_share_a_device(make: Make) -> None:
    make("stack", on_empty="block")

    async def main() -> None:
        async with AsyncDevice.open("py0") as device:
            readers = [await waiting(device.read()) for _ in range(10)]
            # The first ones leave, and are passed over.
            for reader in readers[:3]:
                await cancel(reader)
            for number in range(7):
                await device.write(b"%d" % number)
            got = await asyncio.gather(*readers[3:])
            assert sorted(got) == [b"%d" % number for number in range(7)]
            assert not watched(asyncio.get_running_loop(), device.fileno())

    run(main())


def test_a_removal_ends_what_waits(make: Make) -> None:
    instance = make("stack", on_empty="block", max_capacity=4)

    async def main() -> None:
        async with AsyncDevice.reader("py0") as reader, AsyncDevice.open("py0") as both:
            reading = [await waiting(reader.read()), await waiting(both.read())]
            reading.append(await waiting(reader.records().__anext__()))
            instance.remove()
            for task in reading:
                with fails(errno.ENODEV) as raised:
                    await task
                assert raised.value.filename == "/dev/mydevice-py0"
            with fails(errno.ENODEV):
                await both.write(b"x")

    run(main())


def test_a_removal_ends_a_write_that_waits(make: Make) -> None:
    instance = make("stream", capacity=4)

    async def main() -> None:
        async with AsyncDevice.writer("py0") as writer:
            buffer = bytearray(b"123456")
            task = await waiting(writer.drain(buffer))
            instance.remove()
            with fails(errno.ENODEV):
                await task
            assert buffer == b"56"

    run(main())


def test_closing_ends_what_waits(make: Make) -> None:
    make("stream", capacity=4)

    async def main() -> None:
        device = AsyncDevice.open("py0")
        reading = await waiting(device.read())
        fd = device.fileno()
        device.close()
        device.close()
        with fails(errno.EBADF):
            await reading
        with fails(errno.EBADF):
            await device.write(b"x")
        assert not watched(asyncio.get_running_loop(), fd)

    run(main())


def test_a_device_comes_and_goes(make: Make) -> None:
    make()
    with Device.open("py0") as blocking:
        device = AsyncDevice(blocking.dup())
        # For all who share the open file.
        assert blocking.is_nonblocking()

        async def main() -> bytes:
            reading = await waiting(device.read())
            await device.write(b"hello")
            return await reading

        assert run(main()) == b"hello"
        # In another loop as well.
        assert run(main()) == b"hello"
        with device.detach() as detached:
            assert detached.path == "/dev/mydevice-py0"
            with fails(errno.EAGAIN):
                detached.read()


def test_two_loops_at_a_time_are_refused(make: Make) -> None:
    make()
    device = AsyncDevice.open("py0")
    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(waiting(device.read()))
    with pytest.raises(RuntimeError, match="tasks of another event loop wait for this device"):
        run(device.read())
    loop.run_until_complete(cancel(task))
    loop.close()
    device.close()


@pytest.mark.parametrize("discipline", ["log", "stack"])
def test_records_come_whole(make: Make, discipline: str) -> None:
    make(discipline, capacity=1 << 20, on_empty="block")

    async def main() -> None:
        async with AsyncDevice.open("py0") as device:
            records = device.records()
            for record in PIECES:
                reading = await waiting(records.__anext__())
                await device.write_all(record)
                assert await reading == record
            await cancel(await waiting(records.__anext__()))
            await device.write_all(b"last")
            async for record in records:
                assert record == b"last"
                break

    run(main())


def test_files_come_whole(make: Make) -> None:
    make("spool", on_empty="eof")

    async def main() -> None:
        for file in PIECES:
            async with AsyncDevice.writer("py0") as writer:
                await writer.write_all(file)
        async with AsyncDevice.reader("py0") as reader:
            assert [await file.read() async for file in reader.files()] == PIECES
            assert [file async for file in reader.files()] == []

    run(main())


def test_a_cancelled_read_of_a_file_keeps_what_it_had(make: Make) -> None:
    make("spool")

    async def main() -> None:
        async with AsyncDevice.reader("py0") as reader, AsyncDevice.writer("py0") as writer:
            files = reader.files()
            await cancel(await waiting(files.__anext__()))
            await writer.write_all(b"first li")
            file = await files.__anext__()
            await cancel(await waiting(file.readline()))
            await writer.write_all(b"ne\nsecond")
            assert await file.readline() == b"first line\n"
            await cancel(await waiting(file.read()))
            assert await file.read(3) == b"sec"
            # Asking for the next one, which drops what is left of this one, waits for its end.
            await cancel(await waiting(files.__anext__()))
            writer.close()
            async with AsyncDevice.writer("py0") as other:
                await other.write_all(b"next")
            assert await (await files.__anext__()).read() == b"next"
            with pytest.raises(ValueError, match="the next file was asked for"):
                await file.read()

    run(main())


def test_what_is_no_device_of_ours_is_an_error(make: Make) -> None:
    async def main() -> None:
        with fails(errno.ENOENT):
            AsyncDevice.open("nothing")
        async with AsyncDevice.reader("/dev/null") as device:
            assert await device.read() == b""
            with fails(errno.ENOTTY):
                device.device.status()

    run(main())
