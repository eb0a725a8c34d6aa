"""Pictures from arrays: a PNG writer of a few lines, so that a report needs no drawing library."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

#: Cividis (Nuñez, Anderton, Renslow, PLoS One 13:e0199239, 2018), even for all forms of colour vision.
CIVIDIS = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838")
#: Violets from pale to dark, for how much is alive.
VIOLETS = ("#cfc3e4", "#a68fcb", "#7d5bb0", "#582f94", "#35136b")


def encode(rgba: NDArray[np.uint8]) -> bytes:
    """PNG bytes of a ``(rows, columns, 4)`` uint8 picture.

    Raises
    ------
    ValueError
        Where the array is not such a picture.
    """
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8:
        raise ValueError(f"a picture has shape (rows, columns, 4) and type uint8, got {rgba.shape} {rgba.dtype}")
    rows, columns, _ = rgba.shape
    # each row starts with its filter: 0, none
    raw = np.concatenate([np.zeros((rows, 1), np.uint8), rgba.reshape(rows, -1)], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def data_uri(rgba: NDArray[np.uint8]) -> str:
    """The picture as text that stands inside a page."""
    return "data:image/png;base64," + base64.b64encode(encode(rgba)).decode("ascii")


def colours(names: tuple[str, ...] | list[str]) -> NDArray[np.float64]:
    """``#rrggbb`` texts as ``(n, 3)`` numbers 0..255."""
    return np.array([[int(name[i : i + 2], 16) for i in (1, 3, 5)] for name in names], dtype=np.float64)


def ramp(share: NDArray[np.floating], names: tuple[str, ...]) -> NDArray[np.float64]:
    """Colours ``(..., 3)`` for shares 0..1 along evenly spaced colours."""
    stops = colours(names)
    at = np.linspace(0, 1, len(stops))
    clipped = np.clip(share, 0, 1)
    return np.stack([np.interp(clipped, at, stops[:, i]) for i in range(3)], axis=-1)


def with_alpha(rgb: NDArray[np.float64], visible: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Add transparency where a picture has nothing to show: ``(r, c, 3), (r, c) -> (r, c, 4)``."""
    alpha = np.where(visible, 255, 0)[..., None]
    return np.concatenate([np.clip(np.rint(rgb), 0, 255), alpha], axis=-1).astype(np.uint8)
