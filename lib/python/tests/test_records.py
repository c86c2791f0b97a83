# SPDX-License-Identifier: GPL-2.0

"""Records, one after the other."""

from __future__ import annotations

import errno

import pytest
from helpers import PIECES, POLL, Make, Sleeper, fails

from mydevice import Device

BOTH = pytest.mark.parametrize("discipline", ["log", "stack"])


@BOTH
def test_records_of_every_length_come_whole(make: Make, discipline: str) -> None:
    make(discipline, capacity=1 << 20, on_empty="eof")
    with Device.open("py0") as device:
        for record in PIECES:
            device.write_all(record)
        got = list(device.records())
    if discipline == "stack":
        got.reverse()
    assert got == PIECES


@BOTH
def test_a_record_that_is_waited_for_comes_whole(make: Make, discipline: str) -> None:
    """It is longer than anything that the reader could have made room for."""
    make(discipline, on_empty="block", max_capacity=1 << 22)
    with Device.open("py0") as device:
        records = device.records()
        sleeper = Sleeper(lambda: next(records)).asleep_in(POLL)
        if discipline == "log":
            device.resize(1 << 22)
        device.write_all(b"x" * 3_000_000)
        assert len(sleeper.join()) == 3_000_000


@BOTH
def test_without_waiting_the_end_is_eagain_and_not_the_last(make: Make, discipline: str) -> None:
    make(discipline, on_empty="block")
    with Device.open("py0", nonblocking=True) as device:
        records = device.records()
        for record in b"one", b"two", b"three":
            with fails(errno.EAGAIN):
                next(records)
            device.write_all(record)
            assert next(records) == record


@BOTH
def test_where_reads_return_nothing_it_ends_and_can_be_asked_again(make: Make, discipline: str) -> None:
    make(discipline, on_empty="eof")
    with Device.open("py0") as device:
        records = device.records()
        assert list(records) == []
        device.write_all(b"one")
        assert list(records) == [b"one"]
        assert list(records) == []


def test_what_is_left_of_a_record_is_the_next(make: Make) -> None:
    make("log", on_empty="eof")
    with Device.open("py0") as device:
        for record in b"first", b"second":
            device.write_all(record)
        assert device.read(2) == b"fi"
        assert list(device.records()) == [b"rst", b"second"]


def test_a_log_shows_everything_to_each_iterator(make: Make) -> None:
    make("log", on_empty="eof")
    with Device.writer("py0") as writer, Device.reader("py0") as one, Device.reader("py0") as two:
        for record in b"first", b"second":
            writer.write_all(record)
        assert list(one.records()) == list(two.records()) == [b"first", b"second"]


def test_the_time_limit_of_reads_does_not_end_the_wait(make: Make) -> None:
    make("log", read_timeout_ms=1)
    with Device.open("py0") as device:
        with fails(errno.EAGAIN):
            device.read()
        records = device.records()
        sleeper = Sleeper(lambda: next(records)).asleep_in(POLL)
        device.write_all(b"after a while")
        assert sleeper.join() == b"after a while"
