# SPDX-License-Identifier: GPL-2.0

"""Calls that wait in the kernel, in a thread: what ends them, and that others run meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import Any

import pytest
from helpers import POLL, READ, WRITE, Make, Sleeper, eventually, fails

from mydevice import Device

ALL = ["stream", "buffer", "log", "spool", "stack"]


@pytest.mark.parametrize("discipline", ALL)
def test_a_read_waits_for_a_write_and_lets_other_threads_run(make: Make, discipline: str) -> None:
    make(discipline, on_empty="block")
    with Device.reader("py0") as reader, Device.writer("py0") as writer:
        sleeper = Sleeper(reader.read).asleep_in(READ)
        writer.write_all(b"from another thread")
        assert sleeper.join() == b"from another thread"
        assert reader.stats().reader_waits == 1


@pytest.mark.parametrize("discipline", ["stream", "spool", "stack"])
def test_a_write_waits_for_room(make: Make, discipline: str) -> None:
    make(discipline, capacity=4, max_capacity=4)
    with Device.writer("py0") as one, Device.writer("py0") as two, Device.reader("py0") as reader:
        one.write_all(b"1234")
        sleeper = Sleeper(lambda: two.write(b"5678")).asleep_in(WRITE)
        one.close()
        assert reader.read() == b"1234"
        assert sleeper.join() == 4
        assert two.stats().writer_waits == 1
        two.close()
        if discipline == "spool":
            reader.next_file()
        assert reader.read() == b"5678"


@pytest.mark.parametrize("discipline", ALL)
def test_a_removal_ends_a_read_that_waits(make: Make, discipline: str) -> None:
    instance = make(discipline, on_empty="block")
    with Device.reader("py0") as reader:
        sleeper = Sleeper(reader.read).asleep_in(READ)
        instance.remove()
        with fails(errno.ENODEV):
            sleeper.join()


def test_a_removal_ends_a_write_that_waits(make: Make) -> None:
    instance = make("stack", max_capacity=4)
    with Device.open("py0") as device:
        device.write_all(b"1234")
        sleeper = Sleeper(lambda: device.write(b"5")).asleep_in(WRITE)
        instance.remove()
        with fails(errno.ENODEV):
            sleeper.join()


def test_a_write_that_a_removal_cuts_short_tells_its_count(make: Make) -> None:
    instance = make("stream", capacity=4)
    with Device.open("py0") as device:
        sleeper = Sleeper(lambda: device.write(b"123456")).asleep_in(WRITE)
        instance.remove()
        assert sleeper.join() == 4


@pytest.mark.parametrize("discipline", ["log", "stack"])
def test_a_removal_ends_an_iterator_that_waits(make: Make, discipline: str) -> None:
    instance = make(discipline, on_empty="block")
    with Device.reader("py0") as reader:
        records = reader.records()
        sleeper = Sleeper(lambda: next(records)).asleep_in(POLL)
        instance.remove()
        with fails(errno.ENODEV):
            sleeper.join()


@pytest.mark.parametrize("discipline", ALL)
def test_a_read_gives_up_after_its_time(make: Make, discipline: str) -> None:
    instance = make(discipline, on_empty="block", read_timeout_ms=20)
    with Device.open("py0") as device:
        with fails(errno.EAGAIN) as raised:
            device.read()
        assert isinstance(raised.value, BlockingIOError)
        if discipline == "spool":
            with fails(errno.EAGAIN):
                next(device.files())
        device.write_all(b"there")
        assert device.read() == b"there"
    assert instance.read_timeout_ms() == 20


@pytest.fixture
def handler() -> Iterator[list[Any]]:
    """Handles SIGUSR1: each signal calls what is in the list, or nothing."""
    calls: list[Any] = []

    def handle(number: int, frame: FrameType | None) -> None:
        for call in calls:
            call()

    before = signal.signal(signal.SIGUSR1, handle)
    yield calls
    signal.signal(signal.SIGUSR1, before)


def when_main_sleeps_in(number: int, call: Any) -> threading.Thread:
    """A thread that makes a call when the main thread sleeps in that system call."""
    main = f"/proc/{os.getpid()}/syscall"

    def asleep() -> bool:
        with open(main) as file:
            return file.read().split()[0] == str(number)

    def wait() -> None:
        eventually("the main thread falls asleep", asleep)
        call()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_signal_that_is_handled_does_not_end_a_read(make: Make, handler: list[Any]) -> None:
    make()
    with Device.open("py0") as device:
        # What is written by the handler is what the read then gets.
        handler.append(lambda: device.write_all(b"by the handler"))
        thread = when_main_sleeps_in(READ, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        assert device.read() == b"by the handler"
        thread.join()


def test_a_handler_that_raises_ends_a_read_and_nothing_is_lost(make: Make, handler: list[Any]) -> None:
    instance = make()

    def give_up() -> None:
        raise KeyboardInterrupt

    with Device.open("py0") as device:
        handler.append(give_up)
        thread = when_main_sleeps_in(READ, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(KeyboardInterrupt):
            device.read()
        thread.join()
        assert instance.figures().bytes_read == 0
        device.write_all(b"later")
        assert device.read() == b"later"


def test_a_signal_cuts_a_write_short_and_write_all_goes_on(make: Make, handler: list[Any]) -> None:
    make("stream", capacity=4)
    got = []
    with Device.open("py0") as device:
        handler.append(lambda: got.append(device.read()))

        def interrupt() -> None:
            os.kill(os.getpid(), signal.SIGUSR1)

        thread = when_main_sleeps_in(WRITE, interrupt)
        assert device.write(b"123456") == 4
        thread.join()
        assert got == [b"1234"]

        thread = when_main_sleeps_in(WRITE, interrupt)
        device.write_all(b"abcdef")
        thread.join()
        assert got == [b"1234", b"abcd"]
        assert device.read() == b"ef"


def test_many_threads_share_a_device(make: Make) -> None:
    make("stack", on_empty="block")
    with Device.open("py0") as device:
        records = [b"%d" % number for number in range(200)]
        readers = [Sleeper(lambda: [device.read() for _ in range(50)]).asleep_in(READ) for _ in range(4)]

        def write(some: list[bytes]) -> None:
            for record in some:
                device.write_all(record)

        writers = [Sleeper(partial(write, records[n::2])) for n in range(2)]
        for writer in writers:
            writer.join()
        got = [record for reader in readers for record in reader.join()]
        assert sorted(got) == sorted(records)
