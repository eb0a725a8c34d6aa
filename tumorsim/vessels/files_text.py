"""Text of files in the wild: byte-order marks, encodings, ends of lines; and writing that is whole or not there."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

from tumorsim.errors import InputError

# what no body has [m]: a file beyond it is in another unit, or broken
MOST_PLACE, MOST_RADIUS = 10.0, 0.05

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PADDING = " \x00\x1a\t\r\n"  # what old systems write behind the end of a text
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file: UTF-8, UTF-16 or UTF-32 by its mark (UTF-16 also without one), else Latin-1.

    Lines may end as on Unix, Windows or an old Macintosh. Blank lines at the end are not given.

    Raises
    ------
    InputError
        Where the file is not text.
    """
    raw = path.read_bytes()
    text = _decode(path, raw).rstrip(_PADDING)
    lines = _LINE_END.split(text) if text else []
    for number, line in enumerate(lines, start=1):
        bad = next((c for c in line if c < " " and c not in "\t\x0b\x0c\x1a"), None)
        if bad is not None:
            raise InputError(f"{path}:{number}: not a text file: it holds the character {bad!r}")
    return lines


def _decode(path: Path, raw: bytes) -> str:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            try:
                return raw[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                line = raw[: error.start].decode(encoding, "ignore").count("\n") + 1
                raise InputError(f"{path}:{line}: marked as {encoding.upper()}, which it is not") from error
    start = raw[:4096]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        # text of digits and blanks in two bytes each: every second byte is zero, the others never are
        if len(start) > 8 and not any(start[first::2]) and all(start[1 - first :: 2]):
            return raw.decode(encoding, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8: the whole of it, or nothing.

    Raises
    ------
    InputError
        Where it cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file: the whole of it, or nothing. An existing file is kept until the new one is whole.

    Raises
    ------
    InputError
        Where it cannot be written.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
