# SPDX-License-Identifier: GPL-2.0

"""An instance by its name."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from . import names
from .figures import Figures
from .words import Attribute, Discipline, OnEmpty

#: The folder of the class in sysfs.
CLASS = "/sys/class/mydevice_class"


@dataclass(frozen=True)
class Instance:
    """An instance by its full name: one queue, with its nodes, attributes and figures.

    This holds a name and nothing else. The instance may be removed at any time, and then the calls here fail with
    ``ENOENT``; nor does anything here open the device.

    >>> for instance in Instance.all():
    ...     print(f"{instance}: {instance.bytes_used()} of {instance.capacity()} bytes")
    mydevice: 0 of 4096 bytes
    >>> Instance.find("/dev/mydevice").discipline()
    <Discipline.STREAM: 'stream'>
    """

    #: The full name: ``mydevice``, ``mydevice1``, ``mydevice-jobs``.
    name: str

    def __str__(self) -> str:
        return self.name

    @classmethod
    def add(
        cls,
        name: str,
        *,
        discipline: Discipline | str | None = None,
        capacity: int | None = None,
        max_capacity: int | None = None,
        on_empty: OnEmpty | str | None = None,
        read_timeout_ms: int | None = None,
        split: bool | None = None,
    ) -> Instance:
        """Makes an instance. What is not said is as the discipline has it.

        The name is 1 to 32 of ``a-z 0-9 _ -``; the full name has ``mydevice-`` before it. With ``split``, it has a node
        for each direction, ``<name>_w`` and ``<name>_r``, and none for both. When this returns, its node, attributes
        and figures are there.

        >>> boot = Instance.add("boot", discipline="log", capacity=65536, on_empty="eof")
        >>> boot
        Instance(name='mydevice-boot')
        >>> boot.capacity()
        65536
        >>> Instance.add("boot")
        Traceback (most recent call last):
            ...
        FileExistsError: [Errno 17] File exists: 'boot': '/sys/class/mydevice_class/add'
        >>> boot.remove()

        Errors: ``EINVAL`` for a bad name or value; ``EEXIST`` if the name is taken; ``ENOSPC`` if there are 4096 nodes
        already; ``ENOMEM``; ``EACCES`` if you are not root; ``ENOENT`` if the module is not loaded.
        """
        keys = {
            "discipline": discipline,
            "capacity": capacity,
            "max_capacity": max_capacity,
            "on_empty": on_empty,
            "read_timeout_ms": read_timeout_ms,
            "split": None if split is None else int(split),
        }
        words = [_word("name", name)]
        words += [f"{key}={_word(key, value)}" for key, value in keys.items() if value is not None]
        _write_once(f"{CLASS}/add", " ".join(words))
        return cls(names.full(name))

    @classmethod
    def all(cls) -> list[Instance]:
        """Every instance that there is, sorted by name.

        Errors: ``ENOENT`` if the module is not loaded.
        """
        # `add` and `remove` lie beside them, and so do the nodes of split instances.
        found = [instance for instance in map(cls, os.listdir(CLASS)) if instance._has_attributes()]
        return sorted(found, key=lambda instance: names.order(instance.name))

    @classmethod
    def find(cls, target: names.Target) -> Instance:
        """The instance of that name, or the one that the node at that path leads to.

        Errors: ``ENODEV`` if there is no such instance, or the path leads to something else; ``ENOENT`` if there is
        nothing at the path.
        """
        text = names.text(target)
        name = _of_node(text) if names.is_path(text) else names.full(text)
        candidates = [name, name[:-2]] if name.endswith(("_w", "_r")) else [name]
        for instance in map(cls, candidates):
            if instance._has_attributes():
                return instance
        raise _no_device(text)

    def remove(self) -> None:
        """Removes the instance, also while it is open. What is stored is lost.

        Errors: ``ENODEV`` if it is gone already; ``EACCES`` if you are not root; ``ENOENT`` if the module is not
        loaded.
        """
        _write_once(f"{CLASS}/remove", names.short(self.name))

    def nodes(self) -> list[Path]:
        """The nodes in ``/dev``: one, or of a split instance the one to write and the one to read."""
        suffixes = ("_w", "_r") if self.is_split() else ("",)
        return [Path("/dev", self.name + suffix) for suffix in suffixes]

    def is_split(self) -> bool:
        """Whether the instance has one node per direction."""
        # The plain name has a device number if it has a node.
        return self._has_attributes() and not os.path.exists(self._file("dev"))

    def figures(self) -> Figures:
        """What ``/proc/<name>`` tells, all of the same moment.

        Errors: ``ENOENT`` if there is no such instance; ``ENODEV`` or ``EIO`` if it went at that moment.
        """
        return Figures.parse(Path("/proc", self.name).read_text())

    def attribute(self, attribute: Attribute | str) -> str:
        """An attribute, as sysfs shows it.

        Errors: ``ENOENT`` if there is no such instance; ``ENODEV`` if it went at that moment.
        """
        return Path(self._file(Attribute(attribute))).read_text().rstrip("\n")

    def set_attribute(self, attribute: Attribute | str, value: object) -> None:
        """Sets an attribute, by one write.

        >>> Instance.find("mydevice").set_attribute("capacity", "many")
        Traceback (most recent call last):
            ...
        OSError: [Errno 22] Invalid argument: 'many': '/sys/class/mydevice_class/mydevice/capacity'

        Errors: ``EINVAL`` for a value that is not valid; ``EBUSY`` for the discipline while the instance is open or
        holds data, and for the capacity of a spool that stores more; ``ENOMEM``; ``EACCES``; ``ENOENT`` if there is no
        such instance.
        """
        _write_once(self._file(Attribute(attribute)), str(value))

    def discipline(self) -> Discipline:
        """The rule by which it stores and hands out data."""
        return Discipline.named(self.attribute(Attribute.DISCIPLINE))

    def capacity(self) -> int:
        """Bytes of data that it may hold now."""
        return int(self.attribute(Attribute.CAPACITY))

    def max_capacity(self) -> int:
        """The largest capacity that it may be given, or grow to."""
        return int(self.attribute(Attribute.MAX_CAPACITY))

    def on_empty(self) -> OnEmpty:
        """What a read meets when there is nothing for it."""
        return OnEmpty(self.attribute(Attribute.ON_EMPTY))

    def read_timeout_ms(self) -> int:
        """How long a read waits for data, in milliseconds; 0 is without end."""
        return int(self.attribute(Attribute.READ_TIMEOUT_MS))

    def bytes_used(self) -> int:
        """Bytes that wait to be read."""
        return int(self.attribute(Attribute.BYTES_USED))

    def high_water(self) -> int:
        """The most bytes that were ever stored at once."""
        return int(self.attribute(Attribute.HIGH_WATER))

    def readers(self) -> int:
        """Open files that can be read now. One that can be written as well counts in ``writers``, too."""
        return int(self.attribute(Attribute.READERS))

    def writers(self) -> int:
        """Open files that can be written now."""
        return int(self.attribute(Attribute.WRITERS))

    def waiting_readers(self) -> int:
        """Tasks that sleep in a read now. Who waits in poll, as asyncio does, is not one of them."""
        return int(self.attribute(Attribute.WAITING_READERS))

    def waiting_writers(self) -> int:
        """Tasks that sleep in a write now: for room, or for their turn."""
        return int(self.attribute(Attribute.WAITING_WRITERS))

    def _file(self, name: str) -> str:
        return f"{CLASS}/{self.name}/{name}"

    def _has_attributes(self) -> bool:
        return os.path.exists(self._file(Attribute.DISCIPLINE))


def _word(key: str, value: object) -> str:
    """A part of a command, which ends at a blank."""
    text = str(value)
    if any(character.isspace() for character in text):
        raise ValueError(f"the {key} {text!r} has a blank in it")
    return text


def _write_once(file: str, text: str) -> None:
    """Writes the text in one call: to sysfs, each call is a command of its own."""
    # The kernel never hears of a write of nothing, so that an empty text is sent as an empty line.
    command = text.encode() or b"\n"
    fd = os.open(file, os.O_WRONLY)
    try:
        written = os.write(fd, command)
    except OSError as error:
        error.strerror, error.filename = f"{error.strerror}: {text!r}", file
        raise
    finally:
        os.close(fd)
    if written != len(command):
        raise OSError(errno.EIO, f"took {written} of {len(command)} bytes: {text!r}", file)


def _of_node(path: str) -> str:
    """The name of the class entry to which the node at a path leads."""
    node = os.stat(path)
    if not stat.S_ISCHR(node.st_mode):
        raise _no_device(path)
    number = f"{os.major(node.st_rdev)}:{os.minor(node.st_rdev)}"
    entry = Path("/sys/dev/char", number).resolve()
    if entry.parent.name != Path(CLASS).name:
        raise _no_device(path)
    return entry.name


def _no_device(target: str) -> OSError:
    return OSError(errno.ENODEV, os.strerror(errno.ENODEV), target)
