# SPDX-License-Identifier: GPL-2.0

"""Each discipline, through the package."""

from __future__ import annotations

import errno

import pytest
from helpers import Make, fails

from mydevice import Device


def test_stream(make: Make) -> None:
    make("stream", capacity=4)
    with Device.open("py0", nonblocking=True) as device:
        assert device.write(b"12") == 2
        # What fits is taken, across the end of the ring.
        assert device.read(1) == b"1"
        assert device.write(b"34567") == 3
        with fails(errno.EAGAIN):
            device.write(b"x")
        assert device.read() == b"2345"
    with Device.writer("py0") as writer:
        writer.write_all(b"kept")
    with Device.reader("py0") as reader:
        assert reader.read() == b"kept"


def test_buffer(make: Make) -> None:
    make("buffer", capacity=10)
    with Device.open("py0") as one, Device.reader("py0") as two:
        assert one.write(b"first\n") == 6
        assert one.write(b"second") == 4
        with fails(errno.ENOSPC):
            one.write(b"x")
        for reader in one, two:
            assert reader.read(6) == b"first\n"
            assert reader.read() == b"seco"
            assert reader.read() == b""
        assert two.seek(-2, 2) == 8
        assert two.read() == b"co"
        one.clear()
        assert two.read() == b""


def test_log(make: Make) -> None:
    make("log", capacity=8)
    with Device.open("py0") as device, Device.reader("py0") as other:
        for record in b"123", b"456", b"78":
            device.write(record)
        assert [other.read(), other.read(2), other.read()] == [b"123", b"45", b"6"]
        device.write(b"9")
        assert device.read() == b"456"
        stats = device.stats()
        assert (stats.bytes_evicted, stats.bytes_missed, other.stats().bytes_missed) == (3, 3, 0)
        with fails(errno.EMSGSIZE):
            device.write(b"123456789")


def test_spool(make: Make) -> None:
    make("spool")
    with Device.reader("py0", nonblocking=True) as reader, Device.writer("py0") as one, Device.writer("py0") as two:
        one.write_all(b"one")
        two.write_all(b"two")
        one.write_all(b" and more")
        one.close()
        assert reader.read() == b"one and more"
        assert [reader.read(), reader.read()] == [b"", b""]
        reader.next_file()
        assert reader.read(2) == b"tw"
        two.write_all(b"more")
        with fails(errno.EBUSY) as raised:
            two.resize(4)
        assert "capacity 4" in str(raised.value)
        two.close()
        # What was not taken is at the head for the next.
        reader.next_file()
        assert reader.read() == b"omore"


def test_stack(make: Make) -> None:
    make("stack", max_capacity=8)
    with Device.open("py0", nonblocking=True) as device:
        device.write_all(b"old")
        device.write_all(b"hello")
        with fails(errno.EAGAIN):
            device.write(b"x")
        with fails(errno.EMSGSIZE):
            device.write(b"123456789")
        assert device.unread() == 5
        assert device.read(2) == b"he"
        device.write_all(b"nw")
        with fails(errno.EAGAIN):
            device.write(b"1")
        assert [device.read(), device.read(), device.read(), device.read()] == [b"nw", b"llo", b"old", b""]


@pytest.mark.parametrize("discipline", ["stream", "buffer", "log", "spool", "stack"])
def test_on_empty_says_what_a_reader_meets(make: Make, discipline: str) -> None:
    instance = make(discipline, on_empty="eof")
    with Device.reader("py0", nonblocking=True) as reader:
        assert reader.read() == b""
        instance.set_attribute("on_empty", "block")
        with fails(errno.EAGAIN):
            reader.read()
        instance.set_attribute("on_empty", "hangup")
        # Its open has seen no writer yet.
        with fails(errno.EAGAIN):
            reader.read()
        with Device.writer("py0") as writer:
            with fails(errno.EAGAIN):
                reader.read()
            writer.write_all(b"last")
        assert [reader.read(), reader.read()] == [b"last", b""]
