# SPDX-License-Identifier: GPL-2.0

"""What the tests are written with."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Generic, TypeVar

import pytest

from mydevice import Instance

T = TypeVar("T")

#: How long anything may take before a test gives up, in seconds: far more than the slowest machine needs.
PATIENCE = 60

#: Numbers of system calls on amd64.
READ, WRITE, POLL = 0, 1, 7


class Make:
    """Makes instances."""

    def __init__(self) -> None:
        self.instances: list[Instance] = []

    def __call__(self, discipline: str = "stream", **keys: Any) -> Instance:
        instance = Instance.add(f"py{len(self.instances)}", discipline=discipline, **keys)
        self.instances.append(instance)
        return instance


@contextmanager
def fails(errno: int) -> Iterator[pytest.ExceptionInfo[OSError]]:
    """What is done here must fail with that errno."""
    with pytest.raises(OSError) as raised:
        yield raised
    assert raised.value.errno == errno, raised.value


def eventually(what: str, condition: Callable[[], bool]) -> None:
    """Waits for something that the kernel or another thread is about to do."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < PATIENCE, f"waited {PATIENCE} s in vain: {what}"
        time.sleep(0.001)


class Sleeper(Generic[T]):
    """A thread that makes one call, in which it is expected to fall asleep."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def asleep_in(self, number: int) -> Sleeper[T]:
        """Waits until it sleeps in that system call."""
        task = Path(f"/proc/self/task/{self._thread.native_id}/syscall")

        def asleep() -> bool:
            assert self._thread.is_alive(), f"it ended instead: {self._error!r} {self._result!r}"
            return task.read_text().split()[0] == str(number)

        eventually("the thread falls asleep in its call", asleep)
        return self

    def join(self) -> T:
        """What the call gave, or raised."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the thread still sleeps"
        if self._error is not None:
            raise self._error
        result: T = self._result  # type: ignore[assignment]
        return result

    def _run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error


#: Lengths around everything that might cut a record or a file.
LENGTHS = [1, 2, 4095, 4096, 4097, 65535, 65536, 65537, 1, 300_000]

#: Pieces of these lengths, each of a letter of its own.
PIECES = [bytes([ord("a") + number]) * length for number, length in enumerate(LENGTHS)]
