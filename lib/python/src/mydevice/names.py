# SPDX-License-Identifier: GPL-2.0

"""The names of instances."""

from __future__ import annotations

import os
import re
from typing import Union

#: An instance: its full name, the name that was given to ``add``, or the path of a node.
Target = Union[str, "os.PathLike[str]"]

# What every full name begins with.
_FULL = "mydevice"
# What the full name of an instance begins with that was added while the system runs.
_ADDED = "mydevice-"


def text(target: Target) -> str:
    """The name or path."""
    found = os.fspath(target)
    if not isinstance(found, str):
        raise TypeError(f"{target!r} is {type(target).__name__}, where a name or a path was expected")
    return found


def is_path(target: str) -> bool:
    """Whether this is a path, and no name."""
    return "/" in target


def full(name: str) -> str:
    """The full name, of a full one or of one that was given to ``add``.

    The two cannot be mixed up: ``add`` takes no name that begins with ``mydevice``.

    >>> full("jobs"), full("mydevice-jobs"), full("mydevice7")
    ('mydevice-jobs', 'mydevice-jobs', 'mydevice7')
    """
    return name if name.startswith(_FULL) else _ADDED + name


def short(name: str) -> str:
    """What ``remove`` takes: the name that was given to ``add``, or the full one of an instance made at load.

    >>> short("mydevice-jobs"), short("mydevice7")
    ('jobs', 'mydevice7')
    """
    return name[len(_ADDED) :] if name.startswith(_ADDED) else name


def order(name: str) -> tuple[str, int, str]:
    """The key by which names are sorted.

    >>> sorted(["mydevice10", "mydevice-b", "mydevice2", "mydevice"], key=order)
    ['mydevice', 'mydevice2', 'mydevice10', 'mydevice-b']
    """
    digits = re.search("[0-9]*$", name)
    number = digits.group() if digits else ""
    return name[: len(name) - len(number)], int(number or 0), name
