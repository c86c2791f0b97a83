# SPDX-License-Identifier: GPL-2.0

"""Finding, listing, adding and removing, and the attributes."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from helpers import Make, fails

from mydevice import Attribute, Device, Discipline, Instance, OnEmpty


def names() -> list[str]:
    return [str(instance) for instance in Instance.all()]


@pytest.fixture
def three(make: Make) -> None:
    """One named jobs, one that is split, and one whose name looks like a part of a split one."""
    made = [Instance.add("jobs"), Instance.add("in", split=True), Instance.add("x_w")]
    make.instances.extend(made)


def test_a_list_has_every_instance_once_and_numbers_in_order(three: None, make: Make) -> None:
    make.instances.extend(Instance.add(name) for name in ("jobs10", "jobs9"))
    jobs = ["mydevice-jobs", "mydevice-jobs9", "mydevice-jobs10"]
    assert names() == ["mydevice", "mydevice-in", *jobs, "mydevice-x_w"]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("mydevice", "mydevice"),
        ("/dev/mydevice", "mydevice"),
        ("jobs", "mydevice-jobs"),
        ("mydevice-jobs", "mydevice-jobs"),
        (Path("/dev/mydevice-jobs"), "mydevice-jobs"),
        ("in", "mydevice-in"),
        ("in_w", "mydevice-in"),
        ("/dev/mydevice-in_r", "mydevice-in"),
        ("x_w", "mydevice-x_w"),
        ("/dev/mydevice-x_w", "mydevice-x_w"),
    ],
)
def test_an_instance_is_found_by_each_of_its_names(three: None, tmp_path: Path, target: Any, name: str) -> None:
    assert Instance.find(target) == Instance(name)
    if "/" in str(target):
        link = tmp_path / "link"
        link.symlink_to(target)
        assert Instance.find(link).name == name


def test_what_is_none_is_enodev(three: None) -> None:
    for target in ["nothing", "/dev/null", "/tmp", "x", ""]:
        with fails(errno.ENODEV) as raised:
            Instance.find(target)
        assert raised.value.filename == target
    with fails(errno.ENOENT):
        Instance.find("/dev/nothing")


def test_nodes_are_one_or_two(three: None) -> None:
    for name, nodes in [("mydevice", ["mydevice"]), ("in", ["mydevice-in_w", "mydevice-in_r"])]:
        found = Instance.find(name).nodes()
        assert found == [Path("/dev", node) for node in nodes]
        assert all(node.is_char_device() for node in found)


def test_attributes_are_read_and_set(make: Make) -> None:
    instance = make()
    assert instance.capacity() == 4096
    assert instance.max_capacity() == 1 << 20
    assert instance.on_empty() is OnEmpty.BLOCK
    for attribute, value in [
        (Attribute.DISCIPLINE, Discipline.STACK),
        (Attribute.CAPACITY, 100),
        (Attribute.MAX_CAPACITY, 1000),
        (Attribute.ON_EMPTY, OnEmpty.HANGUP),
        (Attribute.READ_TIMEOUT_MS, 7),
    ]:
        assert attribute.is_writable
        instance.set_attribute(attribute, value)
        assert instance.attribute(attribute) == str(value)
    assert instance.discipline() is Discipline.STACK
    assert (instance.capacity(), instance.max_capacity(), instance.read_timeout_ms()) == (100, 1000, 7)
    assert (instance.bytes_used(), instance.high_water()) == (0, 0)
    with Device.open("py0") as device:
        device.write_all(b"123")
        assert (instance.readers(), instance.writers()) == (1, 1)
        with Device.reader("py0"):
            assert (instance.readers(), instance.writers()) == (2, 1)
    assert (instance.bytes_used(), instance.high_water()) == (3, 3)
    assert (instance.readers(), instance.writers()) == (0, 0)
    assert (instance.waiting_readers(), instance.waiting_writers()) == (0, 0)


def test_a_refused_attribute_is_named(make: Make) -> None:
    instance = make()
    for value in ["0", "1048577", "many", ""]:
        with fails(errno.EINVAL) as raised:
            instance.set_attribute("capacity", value)
        assert repr(value) in str(raised.value)
        assert raised.value.filename == "/sys/class/mydevice_class/mydevice-py0/capacity"
    with Device.open("py0"), fails(errno.EBUSY):
        instance.set_attribute(Attribute.DISCIPLINE, Discipline.LOG)
    with pytest.raises(ValueError, match="'colour' is none of discipline"):
        instance.set_attribute("colour", "blue")
    assert instance.capacity() == 4096


def test_all_that_can_be_said_when_adding(make: Make) -> None:
    instance = make(Discipline.LOG, capacity=100, max_capacity=200, on_empty=OnEmpty.EOF, read_timeout_ms=5, split=True)
    assert {a.value: instance.attribute(a) for a in Attribute} == {
        "discipline": "log",
        "capacity": "100",
        "max_capacity": "200",
        "on_empty": "eof",
        "read_timeout_ms": "5",
        "bytes_used": "0",
        "high_water": "0",
        "readers": "0",
        "writers": "0",
        "waiting_readers": "0",
        "waiting_writers": "0",
    }
    assert instance.is_split()


def test_adding_and_removing_say_what_echo_would_be_told(make: Make) -> None:
    for name in ["", "Jobs", "mydevice-jobs", "a/b", "a" * 33, "grün"]:
        with fails(errno.EINVAL) as raised:
            Instance.add(name)
        assert repr(name) in str(raised.value)
    keys: list[tuple[str, Any]] = [("capacity", 0), ("capacity", "4k"), ("discipline", "heap"), ("read_timeout_ms", -1)]
    for key, value in keys:
        with fails(errno.EINVAL) as raised:
            Instance.add("a", **{key: value})
        assert f"{key}={value}" in str(raised.value)
    # What a command cannot say.
    for name in ["a b", "a\n", "a discipline=heap"]:
        with pytest.raises(ValueError, match="the name .* has a blank in it"):
            Instance.add(name)
    with pytest.raises(ValueError, match="the discipline 'log split=1' has a blank in it"):
        Instance.add("a", discipline="log split=1")
    assert names() == ["mydevice"]
    instance = make()
    with fails(errno.EEXIST):
        Instance.add("py0")
    instance.remove()
    with fails(errno.ENODEV) as raised:
        instance.remove()
    assert str(raised.value) == "[Errno 19] No such device: 'py0': '/sys/class/mydevice_class/remove'"
    for call in instance.figures, instance.capacity, instance.discipline:
        with fails(errno.ENOENT):
            call()
    assert not instance.is_split()


def test_an_open_device_outlives_its_instance(make: Make) -> None:
    instance = make()
    with Device.open("py0") as device:
        instance.remove()
        make.instances.append(Instance.add("py0"))
        with fails(errno.ENODEV):
            device.status()
        with Device.open("py0") as new:
            assert new.status().open_count == 1
