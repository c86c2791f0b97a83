# SPDX-License-Identifier: GPL-2.0

"""The files of a spool, one after the other, as file objects."""

from __future__ import annotations

import errno
import io
import shutil
from pathlib import Path

import pytest
from helpers import PIECES, READ, Make, Sleeper, fails

from mydevice import Device, Files


def put(*files: bytes) -> None:
    """Each is a file."""
    for file in files:
        with Device.writer("py0") as writer:
            writer.write_all(file)


def test_files_come_whole_and_in_order(make: Make) -> None:
    make("spool", on_empty="eof")
    for file in PIECES:
        with Device.writer("py0") as writer:
            # In several writes, and still one file.
            for start in range(0, len(file), 10_000):
                writer.write_all(file[start : start + 10_000])
    with Device.reader("py0") as reader:
        assert [file.read() for file in reader.files()] == PIECES
        assert list(reader.files()) == []
        assert reader.status().bytes_used == 0


def test_a_file_is_read_by_bytes_and_by_lines(make: Make) -> None:
    make("spool", on_empty="eof")
    put(b"one\ntwo\n\nfour", b"x")
    with Device.reader("py0") as reader:
        files = reader.files()
        file = next(files)
        assert file.readable() and not file.writable() and not file.seekable()
        assert [file.read(0), file.read(2), file.readline()] == [b"", b"on", b"e\n"]
        assert [file.readline(2), file.read1(1), file.readline(5)] == [b"tw", b"o", b"\n"]
        assert file.readlines() == [b"\n", b"four"]
        assert [file.read(), file.read(5), file.readline(), file.read1()] == [b"", b"", b"", b""]
        assert next(files).read1() == b"x"


def test_a_long_line_comes_whole(make: Make) -> None:
    make("spool", on_empty="eof")
    lines = [b"x" * length + b"\n" for length in (65535, 65536, 300_000, 0)]
    put(b"".join(lines))
    with Device.reader("py0") as reader:
        assert [list(file) for file in reader.files()] == [lines]


def test_it_is_a_file_for_others(make: Make, tmp_path: Path) -> None:
    make("spool", on_empty="eof")
    put("grün\nblau\n".encode(), b"y" * 200_000)
    with Device.reader("py0") as reader:
        files = reader.files()
        with io.TextIOWrapper(next(files), encoding="utf-8") as text:
            assert text.name == "/dev/mydevice-py0"
            assert list(text) == ["grün\n", "blau\n"]
        with open(tmp_path / "copy", "wb") as copy:
            shutil.copyfileobj(next(files), copy)
        assert (tmp_path / "copy").read_bytes() == b"y" * 200_000
        buffer = bytearray(4)
        put(b"123456")
        file = next(files)
        assert file.readinto(buffer) == 4
        assert buffer == b"1234"
        assert file.readinto(buffer) == 2


def test_a_file_that_is_still_written_is_not_cut(make: Make) -> None:
    """What came of a file before EAGAIN is part of what comes after it."""
    make("spool")
    with Device.reader("py0", nonblocking=True) as reader, Device.writer("py0") as writer:
        files = reader.files()
        with fails(errno.EAGAIN):
            next(files)
        writer.write_all(b"half ")
        file = next(files)
        for size in -1, 6, -1:
            with fails(errno.EAGAIN):
                file.read(size)
            with fails(errno.EAGAIN):
                file.readline(size)
        assert reader.status().bytes_used == 0, "taken"
        assert file.read(2) == b"ha"
        writer.write_all(b"and half")
        writer.close()
        assert file.read() == b"lf and half"
        with fails(errno.EAGAIN):
            next(files)


def test_the_next_file_ends_the_one_before(make: Make) -> None:
    make("spool", on_empty="eof")
    put(b"1" * 200_000, b"second", b"third")
    with Device.reader("py0") as reader:
        files = reader.files()
        first = next(files)
        assert first.read(1) == b"1"
        assert next(files).read() == b"second"
        with pytest.raises(ValueError, match="the next one was asked for"):
            first.read()
        assert next(files).read() == b"third"


def test_asking_for_the_next_file_can_be_gone_on_with(make: Make) -> None:
    make("spool")
    with Device.reader("py0", nonblocking=True) as reader, Device.writer("py0") as writer:
        files = reader.files()
        writer.write_all(b"begun")
        next(files)
        put(b"next")
        # The first one's writer has not ended it.
        with fails(errno.EAGAIN):
            next(files)
        writer.write_all(b" and ended")
        writer.close()
        assert next(files).read() == b"next"


def test_what_an_iterator_leaves_is_for_the_next_reader(make: Make) -> None:
    make("spool", on_empty="eof")
    put(b"1" * 65536 + b"the rest", b"second")
    with Device.reader("py0") as reader:
        for file in reader.files():
            assert file.read(1) == b"1"
            break
    with Device.reader("py0") as reader:
        assert [file.read() for file in reader.files()] == [b"the rest", b"second"]


def test_a_file_that_was_read_to_its_end_by_hand_is_passed_over(make: Make) -> None:
    make("spool", on_empty="eof")
    put(b"by hand", b"second")
    with Device.reader("py0") as reader:
        assert [reader.read(), reader.read()] == [b"by hand", b""]
        assert [file.read() for file in reader.files()] == [b"second"]


def test_a_worker_waits_for_files(make: Make) -> None:
    instance = make("spool")

    def work(files: Files) -> list[bytes]:
        return [next(files).read() for _ in range(3)]

    with Device.reader("py0") as reader:
        files = reader.files()
        worker = Sleeper(lambda: work(files)).asleep_in(READ)
        put(*PIECES[:3])
        assert worker.join() == PIECES[:3]
        waiting = Sleeper(lambda: next(files)).asleep_in(READ)
        instance.remove()
        with fails(errno.ENODEV):
            waiting.join()


def test_what_is_no_spool_says_so(make: Make) -> None:
    make("stream", on_empty="eof")
    with Device.open("py0") as device, fails(errno.ENOTTY):
        next(device.files())
