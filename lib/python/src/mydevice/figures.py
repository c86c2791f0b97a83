# SPDX-License-Identifier: GPL-2.0

"""What ``/proc/<name>`` tells."""

from __future__ import annotations

from typing import NamedTuple

from .words import Discipline


class Figures(NamedTuple):
    """What ``/proc/<name>`` tells: the figures of one instance, all of the same moment.

    Asking for them does not open the device: see `Instance.figures`.
    """

    #: Capacity, bytes.
    buffer_size: int
    #: Bytes that wait to be read.
    bytes_used: int
    #: Opens (open file descriptions) now.
    open_count: int
    #: Reads that moved at least one byte.
    read_count: int
    #: Writes that moved at least one byte.
    write_count: int
    #: Bytes that reads handed out.
    bytes_read: int
    #: Bytes that writes took in.
    bytes_written: int
    #: The discipline.
    discipline: Discipline

    @classmethod
    def parse(cls, text: str) -> Figures:
        """Understands the text. A newer module may have more: lines that are not known are passed over, and a
        discipline that is not known keeps its name.

        >>> from pathlib import Path
        >>> Figures.parse(Path("/proc/mydevice").read_text()).discipline
        <Discipline.STREAM: 'stream'>
        """
        values = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        missing = [key for key in cls._fields if key not in values]
        if missing:
            raise ValueError(f"there is no {missing[0]} in {text!r}")
        discipline = Discipline.named(values.pop("discipline"))
        return cls(**{key: _number(key, values[key]) for key in cls._fields[:-1]}, discipline=discipline)


def _number(key: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"{key} is {value!r}, which is no number")
    return int(value)
