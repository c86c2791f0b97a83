# SPDX-License-Identifier: GPL-2.0

"""Waiting in an event loop until a descriptor is ready."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from typing import Any, Callable


class Readiness:
    """Tasks that wait for one direction of a descriptor, each to be woken in its turn.

    The loop keeps one callback a descriptor and direction, so all waiters of a device share one. It stays as long as
    anybody waits, and each call of it wakes one. A waiter that is cancelled after it was woken needs no care: what it
    left is still there, so that the loop calls again.
    """

    def __init__(self, add: str, remove: str) -> None:
        self._add, self._remove = add, remove
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._forget: Callable[[], Any] = lambda: None

    async def wait(self, fd: int) -> None:
        """Waits until the descriptor may be ready. That must be tried."""
        loop = asyncio.get_running_loop()
        if not self._waiters:
            getattr(loop, self._add)(fd, self._wake)
            self._forget = lambda: getattr(loop, self._remove)(fd)
        elif self._waiters[0].get_loop() is not loop:
            raise RuntimeError("tasks of another event loop wait for this device")
        waiter = loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                self._if_unwanted()

    def close(self) -> None:
        """Ends all waits with EBADF, as the descriptor is about to be closed."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(OSError(errno.EBADF, os.strerror(errno.EBADF)))
        self._if_unwanted()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break
        self._if_unwanted()

    def _if_unwanted(self) -> None:
        if not self._waiters:
            self._forget()
            self._forget = lambda: None
