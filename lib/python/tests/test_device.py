# SPDX-License-Identifier: GPL-2.0

"""An open device: what its calls give, and which errno."""

from __future__ import annotations

import errno
import gc
import os
from functools import partial
from pathlib import Path
from typing import Callable

import pytest
from helpers import Make, fails

from mydevice import Device, Discipline, Instance, Target


def test_counters_are_those_of_proc(make: Make) -> None:
    instance = make()
    with Device.open(instance.name) as device:
        assert device.write(b"12345") == 5
        assert device.write(b"678") == 3
        assert device.read(2) == b"12"
        assert device.unread() == 6
        figures, status, stats = instance.figures(), device.status(), device.stats()
        assert status == (4096, 6, 1, 1, 2)
        assert figures == (*status, 2, 8, Discipline.STREAM)
        assert (stats.bytes_read, stats.bytes_written, stats.reads, stats.writes) == (2, 8, 1, 2)
        assert stats.high_water == 8
        device.resize(4)
        assert device.stats().bytes_truncated == 2
        device.clear()
        assert device.stats().bytes_cleared == 4
        assert device.status() == (4, 0, 1, 1, 2)


def test_a_device_is_opened_by_each_of_its_names(make: Make, tmp_path: Path) -> None:
    instance = make()
    link = tmp_path / "link"
    link.symlink_to(instance.nodes()[0])
    targets: list[Target] = ["py0", "mydevice-py0", "/dev/mydevice-py0", link, str(link)]
    for target in targets:
        with Device.open(target) as device:
            assert device.status().open_count == 1
    assert instance.figures().open_count == 0


def test_every_errno_is_the_kernels(make: Make) -> None:
    instance = make()
    with Device.open("py0", nonblocking=True) as both, Device.reader("py0") as reader, Device.writer("py0") as writer:
        calls: list[tuple[int, Callable[[], object]]] = [
            (errno.EAGAIN, lambda: both.read()),
            (errno.EAGAIN, lambda: both.readinto(bytearray(1))),
            (errno.EINVAL, lambda: both.resize(0)),
            (errno.EINVAL, lambda: both.resize(1_048_577)),
            (errno.ENOTTY, lambda: both.next_file()),
            (errno.ESPIPE, lambda: both.seek(0)),
            (errno.EBADF, lambda: reader.write(b"x")),
            (errno.EBADF, lambda: reader.clear()),
            (errno.EBADF, lambda: reader.resize(5)),
            (errno.EBADF, lambda: writer.read()),
            (errno.ENOENT, lambda: Device.open("nothing")),
            (errno.ENOENT, lambda: Device.open("/dev/nothing")),
        ]
        for number, call in calls:
            with fails(number):
                call()
        instance.remove()
        gone: list[Callable[[], object]] = [
            both.status,
            both.stats,
            both.unread,
            both.clear,
            both.next_file,
            reader.read,
            lambda: both.resize(5),
            lambda: reader.readinto(bytearray(1)),
            lambda: writer.write(b"x"),
        ]
        for call in gone:
            with fails(errno.ENODEV) as raised:
                call()
            assert raised.value.filename == "/dev/mydevice-py0"


def test_what_is_no_device_of_ours_says_so() -> None:
    with Device.open("/dev/null") as device:
        with fails(errno.ENOTTY):
            device.status()
        with fails(errno.ENOTTY):
            device.clear()


def test_an_error_names_the_file_and_the_value() -> None:
    with Device.open("mydevice") as device:
        with fails(errno.EINVAL) as raised:
            device.resize(1_048_577)
        assert str(raised.value) == "[Errno 22] Invalid argument: capacity 1048577: '/dev/mydevice'"
        for capacity in [-1, 2**32, "many", 1.5]:
            with pytest.raises(ValueError, match=f"the capacity {capacity!r} is no integer of 32 bits"):
                device.resize(capacity)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="the size -5 is negative"):
            device.read(-5)
    with pytest.raises(ValueError, match="'mydevice' can be opened for reading"):
        Device.open("mydevice", read=False, write=False)
    with pytest.raises(TypeError, match="'mydevice' is no descriptor; Device.open opens"):
        Device("mydevice")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="b'mydevice' is bytes, where a name or a path"):
        Device.open(b"mydevice")  # type: ignore[arg-type]


def test_waiting_can_be_switched_off_and_on(make: Make) -> None:
    make()
    with Device.open("py0") as device, device.dup() as other:
        assert not device.is_nonblocking()
        device.set_nonblocking(True)
        assert other.is_nonblocking()
        with fails(errno.EAGAIN):
            other.read()
        other.set_nonblocking(False)
        assert not device.is_nonblocking()
        assert device.status().open_count == 1


def test_a_descriptor_comes_and_goes(make: Make) -> None:
    make("buffer")
    device = Device.open("py0")
    device.write_all(b"text")
    fd = device.detach()
    assert device.closed and device.fileno() == -1
    with Device(fd) as again:
        assert again.seek(1) == 1
        assert again.read() == b"ext"
        with fails(errno.EINVAL) as raised:
            again.resize(0)
        assert str(raised.value) == "[Errno 22] Invalid argument: capacity 0"
    with pytest.raises(OSError):
        os.fstat(fd)


def test_a_closed_device_gives_ebadf(make: Make) -> None:
    make()
    with Device.open("py0") as device:
        assert repr(device) == f"<Device '/dev/mydevice-py0' fd {device.fileno()}>"
    device.close()
    assert device.closed
    assert repr(device) == "<Device '/dev/mydevice-py0' closed>"
    write = partial(device.write, b"x")
    calls: list[Callable[[], object]] = [
        device.read,
        write,
        device.status,
        device.clear,
        device.is_nonblocking,
        device.dup,
    ]
    for call in calls:
        with fails(errno.EBADF):
            call()


def test_a_device_that_is_forgotten_is_closed_with_a_warning(make: Make) -> None:
    instance = make()
    device = Device.open("py0")
    with pytest.warns(ResourceWarning, match="<Device '/dev/mydevice-py0' fd .*> was not closed"):
        del device
        gc.collect()
    assert instance.figures().open_count == 0


def test_a_split_instance_is_opened_by_direction(make: Make) -> None:
    instance = make(split=True)
    with Device.writer("py0") as writer, Device.reader("mydevice-py0") as reader:
        assert (writer.path, reader.path) == ("/dev/mydevice-py0_w", "/dev/mydevice-py0_r")
        writer.write_all(b"hello")
        assert reader.read() == b"hello"
    with fails(errno.ENOENT):
        Device.open("py0")
    with fails(errno.EACCES):
        Device.reader("/dev/mydevice-py0_w")
    assert instance.is_split()


def test_reading_into_a_buffer_that_is_there(make: Make) -> None:
    make()
    with Device.open("py0") as device:
        device.write_all(memoryview(b"-hello-")[1:6])
        buffer = bytearray(b"........")
        assert device.readinto(memoryview(buffer)[2:5]) == 3
        assert buffer == b"..hel..."
        assert device.readinto(buffer) == 2
        assert buffer == b"lohel..."


def test_nothing_read_or_written_changes_nothing(make: Make) -> None:
    instance = make()
    with Device.open("py0") as device:
        assert device.write(b"") == 0
        device.write_all(b"")
        assert device.read(0) == b""
    assert instance.figures() == (4096, 0, 0, 0, 0, 0, 0, "stream")


def test_all_is_written_though_one_write_takes_a_part(make: Make) -> None:
    make("buffer", capacity=10)
    with Device.open("py0") as device:
        assert device.write(b"1234567") == 7
        # One write takes 3, and the next one is told that there is no room.
        with fails(errno.ENOSPC):
            device.write_all(b"890ab")
        assert device.read() == b"1234567890"


def test_instances_find_what_a_device_has_open(make: Make) -> None:
    make()
    with Device.open("py0") as device:
        assert device.path is not None
        assert Instance.find(device.path).name == "mydevice-py0"
