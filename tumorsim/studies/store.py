"""A folder of results: written whole or not at all, never over somebody else's files.

Every file is written under another name and renamed. The manifest is written first as ``unfinished`` and last
as ``complete``, and lists every file this program made with its SHA-256: only those are ever replaced or
removed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tumorsim.errors import InputError
from tumorsim.studies.records import RunRecord

SUMMARY, MANIFEST, SERIES, REPORT = "summary.json", "manifest.json", "series.parquet", "report.html"
SNAPSHOTS = "snapshots"
MADE_BY = "tumorsim"
SERIES_SCHEMA = pa.schema(
    [
        ("patient", pa.int64()),
        ("arm", pa.string()),
        ("time_h", pa.float64()),
        ("quantity", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
    ]
)


class ResultFolder:
    """One folder that results are being written to; make it with `begin`, end with `finish`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, str | None] = {}
        self._snapshots: dict[str, str] = {}

    @staticmethod
    def check(path: Path | str, *, overwrite: bool = False) -> None:
        """Raise InputError where results may not be written here; touches nothing."""
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is a file; results need a folder")
        held = [n for n in (MANIFEST, SUMMARY, SERIES, REPORT, SNAPSHOTS) if (path / n).exists()]
        if not held:
            return
        if not overwrite:
            raise InputError(f"{path}: holds results ({', '.join(held)}); give --overwrite or another --out")
        ours = _made_files(path)
        foreign = [n for n in held if n != SNAPSHOTS and n not in ours]
        if foreign:
            raise InputError(
                f"{path}: {', '.join(foreign)} was not made by {MADE_BY} and will not be replaced; give another --out"
            )

    @classmethod
    def begin(cls, path: Path | str, *, overwrite: bool = False) -> ResultFolder:
        """Make the folder, remove what an earlier run of this program left in it, and mark it unfinished.

        Raises
        ------
        InputError
            Where the folder holds results and ``overwrite`` is False, or files of the same names that this
            program did not make.
        """
        folder = cls(Path(path))
        cls.check(folder.path, overwrite=overwrite)
        folder.path.mkdir(parents=True, exist_ok=True)
        old = _made_files(folder.path)
        # the names to come are listed before they exist, so that a run that dies leaves nothing unaccounted
        # for
        folder._files = dict.fromkeys((MANIFEST, SUMMARY, SERIES, REPORT))
        folder._write_manifest({"status": "unfinished"}, also=old)
        for name in old:
            if name != MANIFEST:
                (folder.path / name).unlink(missing_ok=True)
        folder._write_manifest({"status": "unfinished"})
        return folder

    def write_series(self, records: Iterable[RunRecord]) -> None:
        """``series.parquet``: one row a patient, arm, time and quantity, in the order of the records."""
        columns: dict[str, list[Any]] = {name: [] for name in SERIES_SCHEMA.names}
        for record in records:
            count = len(record.series)
            columns["patient"] += [record.patient] * count
            columns["arm"] += [record.arm] * count
            for row in record.series:
                for name, value in zip(("time_h", "quantity", "value", "unit"), row, strict=True):
                    columns[name].append(value)
        sink = io.BytesIO()
        pq.write_table(pa.table(columns, schema=SERIES_SCHEMA), sink, compression="zstd")
        self._write(SERIES, sink.getvalue())

    def write_snapshots(self, records: Iterable[RunRecord]) -> None:
        """``snapshots/NN_arm.npz`` for every record that has one; numpy reads it without this program."""
        for record in records:
            if record.snapshot is None:
                continue
            (self.path / SNAPSHOTS).mkdir(exist_ok=True)
            number = len(self._snapshots)
            slug = re.sub(r"[^a-z0-9]+", "_", record.arm.lower()).strip("_")[:40] or "arm"
            name = f"{SNAPSHOTS}/{number:02d}_{slug}.npz"
            sink = io.BytesIO()
            arrays: dict[str, Any] = {k: np.asarray(v) for k, v in record.snapshot.items()}
            np.savez_compressed(sink, **arrays)
            self._files[name] = None
            self._write_manifest({"status": "unfinished"})
            self._write(name, sink.getvalue())
            self._snapshots[record.arm] = name

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """``summary.json``; raises ValueError where it holds a number that JSON does not know."""
        self._write(SUMMARY, to_json(summary))

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest that says all is there; raises ValueError where a part is missing."""
        missing = [n for n in (SUMMARY, SERIES) if self._files.get(n) is None]
        if missing:
            raise ValueError(f"{self.path}: not complete without {', '.join(missing)}")
        self._write_manifest({**manifest, "snapshots": self._snapshots, "status": "complete"})

    def _write(self, name: str, content: bytes) -> None:
        write_atomically(self.path / name, content)
        self._files[name] = hashlib.sha256(content).hexdigest()

    def _write_manifest(self, content: Mapping[str, Any], also: Iterable[str] = ()) -> None:
        files = {**dict.fromkeys(also), **self._files}
        write_atomically(self.path / MANIFEST, to_json({"made_by": MADE_BY, **content, "files": files}))


def write_results(
    path: Path | str,
    records: Iterable[RunRecord],
    summary: Mapping[str, Any],
    manifest: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> Path:
    """Write a whole folder of results and return it; `ResultFolder.begin` says what is raised."""
    records = list(records)
    folder = ResultFolder.begin(path, overwrite=overwrite)
    folder.write_series(records)
    folder.write_snapshots(records)
    folder.write_summary(summary)
    folder.finish(manifest)
    return folder.path


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; raises InputError where it is not there, is broken, or holds NaN."""

    def refuse(text: str) -> None:
        raise ValueError(f"{text} is not a number of JSON")

    try:
        loaded = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except FileNotFoundError:
        raise InputError(f"{path}: not there; is this a folder of results?") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if not isinstance(loaded, dict):
        raise InputError(f"{path}: is not a JSON object")
    return loaded


def to_json(content: Mapping[str, Any]) -> bytes:
    """Readable UTF-8 JSON; raises ValueError for NaN and infinity."""
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False, default=_plain)
    return (text + "\n").encode("utf-8")


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the file and rename, so that a reader never sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _made_files(path: Path) -> list[str]:
    """Names of the files in this folder that its manifest says this program made."""
    if not (path / MANIFEST).is_file():
        return []
    try:
        manifest = read_json(path / MANIFEST)
    except InputError:
        return []
    listed = manifest.get("files")
    if manifest.get("made_by") != MADE_BY or not isinstance(listed, dict):
        return []
    allowed = re.compile(rf"(?:{SNAPSHOTS}/[0-9]{{2,}}_[a-z0-9_]+\.npz|[a-z]+\.(?:json|parquet|html))")
    return [n for n in listed if allowed.fullmatch(n) and not (path / n).parent.is_symlink()]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a result file")
