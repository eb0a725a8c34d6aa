"""Reading a scenario file: the reader of `tumorsim.document`, and where a scenario can start from."""

from __future__ import annotations

from pathlib import Path as FilePath

from tumorsim import document
from tumorsim.document import Document, Path, path_text, read_value

__all__ = ["Document", "Path", "path_text", "read_file", "read_text", "read_value"]

_START = "Start from a shipped example: tumorsim examples --copy DIR"


def read_file(path: FilePath) -> Document:
    """Read a scenario file. Errors as `tumorsim.document.read_file`."""
    return document.read_file(path, "scenario file", _START)


def read_text(text: str, name: str = "scenario") -> Document:
    """Read the text of a scenario; ``name`` stands for the file in messages. Errors as `read_file`."""
    return document.read_text(text, name, "scenario file", _START)
