# SPDX-License-Identifier: GPL-2.0

"""The numbers and layouts are those that a C compiler finds in the header."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mydevice import ioctl

HEADER = Path(__file__).parents[3] / "uapi/mydevice_ioctl.h"

NUMBERS = ["MYDEV_MAGIC", "MYDEV_CLEAR", "MYDEV_RESIZE", "MYDEV_STATUS", "MYDEV_STATS", "MYDEV_NEXT", "FIONREAD"]
STRUCTURES = {
    "mydev_status": (4, [*ioctl.Status._fields, "_reserved"]),
    "mydev_stats": (8, [*ioctl.Stats._fields, "_spare"]),
}


def in_c(folder: Path, expressions: list[str]) -> dict[str, int]:
    """What each is in a C program that includes the header."""
    prints = "".join(f'printf("%lu\\n", (unsigned long)({expression}));\n' for expression in expressions)
    source = folder / "main.c"
    source.write_text(
        "#include <stdio.h>\n#include <stddef.h>\n#include <sys/ioctl.h>\n"
        f'#include "{HEADER}"\nint main(void)\n{{\n{prints}return 0;\n}}\n'
    )
    program = folder / "main"
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", program, source], check=True)
    printed = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(zip(expressions, map(int, printed.split())))


def test_numbers_are_those_of_the_header(tmp_path: Path) -> None:
    assert in_c(tmp_path, NUMBERS) == {name: getattr(ioctl, name) for name in NUMBERS}


def test_fields_lie_where_the_header_has_them(tmp_path: Path) -> None:
    expected = {}
    for structure, (width, fields) in STRUCTURES.items():
        for number, field in enumerate(fields):
            expected[f"offsetof(struct {structure}, {field})"] = number * width
            if field != "_spare":
                expected[f"sizeof(((struct {structure} *)0)->{field})"] = width
    assert in_c(tmp_path, list(expected)) == expected
