"""Where results go: folder names from scenario names, and what must not be written over."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

RESULT_FILES = ("summary.json", "manifest.json", "series.parquet", "report.html", "snapshots")


def slug(name: str) -> str:
    """A folder name from a scenario name: ``TACE lobar -> tace_lobar``."""
    ascii_text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")[:80].rstrip("_") or "scenario"


def default_out(names: Sequence[str]) -> Path:
    """``results/<name>``; for several, ``results/a_vs_b``, and from five on the number of others."""
    parts = [slug(name) for name in names]
    shown = parts if len(parts) <= 4 else [*parts[:3], f"{len(parts) - 3}_others"]
    return Path("results") / "_vs_".join(shown)[:150]


def out_problems(out: Path, overwrite: bool) -> list[str]:
    """Why results cannot be put into a folder; makes nothing."""
    try:
        if out.exists() and not out.is_dir():
            return [f"--out {out}: is a file. Name a folder."]
        if out.is_dir() and not overwrite:
            held = [name for name in RESULT_FILES if (out / name).exists()]
            if held:
                return [f"--out {out}: holds results already ({held[0]}). Choose another, or add --overwrite."]
        nearest = next(p for p in (out, *out.absolute().parents) if p.exists())
        if not nearest.is_dir():
            return [f"--out {out}: {nearest} is a file, so no folder can be made in it."]
        if not os.access(nearest, os.W_OK | os.X_OK):
            return [f"--out {out}: {nearest} cannot be written to."]
    except (OSError, ValueError) as error:  # a name too long, a zero byte
        why = getattr(error, "strerror", None) or error
        return [f"--out {str(out)[:80]}: is not a usable folder name: {why}."]
    return []
