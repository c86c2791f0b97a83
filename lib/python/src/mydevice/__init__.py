# SPDX-License-Identifier: GPL-2.0

"""Memory-backed queues in ``/dev``, from Python.

The kernel module ``mydevice`` puts queues into ``/dev``. What one process writes waits in the kernel and is read by
another. This package is a thin face of what the module offers to programs, and adds no behaviour of its own:

- `Device` is an open file: read, write, and the ioctl commands.
- `Instance` is a queue by its name: it can be found, listed, added and removed, and has attributes and figures. None of
  these opens the device.
- `Records` and `Files` give what a log, a stack or a spool keeps apart as iterators.
- `mydevice.aio` has devices for asyncio, `mydevice.ioctl` the numbers of the commands.

>>> from mydevice import Device, Discipline, Instance

As ``echo 'jobs discipline=stream' > /sys/class/mydevice_class/add``. This is for root alone.

>>> jobs = Instance.add("jobs", discipline=Discipline.STREAM)
>>> with Device.open("jobs") as device:
...     device.write(b"hello")
...     device.status().bytes_used
...     device.read()
5
5
b'hello'
>>> jobs.remove()

Errors
------

Whatever the kernel answers is handed on as it is: an `OSError` (or the kind of it that Python has for that errno, as
`BlockingIOError` for ``EAGAIN``) with the errno in ``errno``, the file in ``filename``, and the value that was refused
in the text. What each errno means is told by the manual of the module, and here where it matters. Only what cannot be
said to the kernel at all is refused here, with a `ValueError` or a `TypeError`.

>>> jobs.capacity()
Traceback (most recent call last):
    ...
FileNotFoundError: [Errno 2] No such file or directory: '/sys/class/mydevice_class/mydevice-jobs/capacity'

Names
-----

Where an instance is asked for, there are three ways to name it: in full (``mydevice``, ``mydevice1``,
``mydevice-jobs``), by the name that was given when it was added (``jobs``), and by the path of its node
(``/dev/mydevice-jobs``), or of any other node or link that leads to it. What contains a ``/`` is a path.

Threads and signals
-------------------

A call that waits in the kernel lets other threads run. A signal whose handler returns does not end it, as everywhere in
Python; one whose handler raises does, and nothing is lost by that.
"""

from .device import Device
from .figures import Figures
from .files import Files, SpoolFile
from .instance import CLASS, Instance
from .ioctl import Stats, Status
from .names import Target
from .records import Records
from .words import Attribute, Discipline, OnEmpty

__all__ = [
    "CLASS",
    "Attribute",
    "Device",
    "Discipline",
    "Figures",
    "Files",
    "Instance",
    "OnEmpty",
    "Records",
    "SpoolFile",
    "Stats",
    "Status",
    "Target",
]
