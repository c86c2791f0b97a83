# SPDX-License-Identifier: GPL-2.0

"""What is understood of the kernel's texts, and what is not."""

from __future__ import annotations

import pytest

from mydevice import Attribute, Discipline, Figures, OnEmpty

TEXT = (
    "buffer_size: 4096\nbytes_used: 6\nopen_count: 1\nread_count: 2\nwrite_count: 3\n"
    "bytes_read: 18446744073709551615\nbytes_written: 7\ndiscipline: log\nmore: to come\n"
)


def test_every_line_of_proc_is_understood() -> None:
    assert Figures.parse(TEXT) == Figures(4096, 6, 1, 2, 3, 2**64 - 1, 7, Discipline.LOG)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("bytes_used: 6\n", "", "there is no bytes_used in"),
        ("bytes_used: 6", "bytes_used: -6", "bytes_used is '-6', which is no number"),
        ("discipline: log\n", "", "there is no discipline in"),
    ],
)
def test_what_is_missing_or_no_number_is_said(before: str, after: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Figures.parse(TEXT.replace(before, after))


def test_a_discipline_that_is_not_known_keeps_its_name() -> None:
    heap = Figures.parse(TEXT.replace("log", "heap")).discipline
    assert str(heap) == heap == heap.value == "heap"
    assert heap == Discipline.named("heap") != Discipline.named("tree")
    assert not (heap.keeps_records or heap.keeps_files or heap.takes)
    assert Discipline.named("log") is Discipline.LOG
    with pytest.raises(ValueError, match="'heap' is none of stream, buffer, log, spool, stack"):
        Discipline("heap")


def test_a_word_is_its_text() -> None:
    assert [str(word) for word in Discipline] == ["stream", "buffer", "log", "spool", "stack"]
    assert f"{OnEmpty.EOF}" == str(OnEmpty.EOF) == OnEmpty.EOF.value == "eof"
    assert [OnEmpty.EOF] == ["eof"]
    assert Attribute("capacity") is Attribute.CAPACITY
    with pytest.raises(ValueError, match="'colour' is none of discipline, capacity"):
        Attribute("colour")


def test_words_know_what_they_mean() -> None:
    assert [d.value for d in Discipline if d.keeps_records] == ["log", "stack"]
    assert [d.value for d in Discipline if d.keeps_files] == ["spool"]
    assert [d.value for d in Discipline if d.takes] == ["stream", "spool", "stack"]
    assert [a.value for a in Attribute if not a.is_writable] == [
        "bytes_used",
        "high_water",
        "readers",
        "writers",
        "waiting_readers",
        "waiting_writers",
    ]
