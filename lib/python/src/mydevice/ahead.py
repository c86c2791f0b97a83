# SPDX-License-Identifier: GPL-2.0

"""What was read of a file and is not asked for yet."""

from __future__ import annotations

# What is read at once.
CHUNK = 65536


class Ahead:
    """What was read of a file and is not asked for yet. It stays here when a read fails or is given up.

    >>> ahead = Ahead()
    >>> ahead.feed(b"one\\ntw")
    >>> ahead.has_line(-1), ahead.line(-1), ahead.has_line(-1)
    (True, b'one\\n', False)
    >>> ahead.feed(b"")
    >>> ahead.has_line(-1), ahead.line(-1)
    (True, b'tw')
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        # So many have no end of a line among them.
        self._searched = 0
        #: Whether nothing more will come.
        self.ended = False

    def __len__(self) -> int:
        return len(self._bytes)

    def feed(self, piece: bytes) -> None:
        """What a read has got: nothing at the end."""
        self._bytes += piece
        self.ended = not piece

    def has(self, size: int) -> bool:
        """Whether so many bytes are here, or will never be. A negative size is all."""
        return self.ended or 0 <= size <= len(self._bytes)

    def take(self, size: int) -> bytes:
        """So many bytes, or fewer if there are no more. A negative size is all."""
        piece = bytes(self._bytes if size < 0 else self._bytes[:size])
        del self._bytes[: len(piece)]
        self._searched = 0
        return piece

    def has_line(self, limit: int) -> bool:
        """Whether a line is here, or as much of it as was asked for. A negative limit is none."""
        return self._line_length() is not None or self.has(limit)

    def line(self, limit: int) -> bytes:
        """That line."""
        length = self._line_length()
        if length is None or 0 <= limit < length:
            length = limit
        return self.take(length)

    def _line_length(self) -> int | None:
        found = self._bytes.find(b"\n", self._searched)
        if found < 0:
            self._searched = len(self._bytes)
            return None
        return found + 1
