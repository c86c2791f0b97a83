# SPDX-License-Identifier: GPL-2.0

"""What all tests have. They need the module, loaded without parameters, and root."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from helpers import PATIENCE, Make

from mydevice import Instance


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Turns a test that hangs into one that fails. No test passes or fails by speed."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"waited {PATIENCE} s in vain")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes instances, and removes them when the test has ended."""
    made = Make()
    yield made
    for instance in set(made.instances).intersection(Instance.all()):
        instance.remove()
