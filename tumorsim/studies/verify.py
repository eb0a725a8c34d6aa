"""Are these results what these files and this program give? Read again, hash again, run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tumorsim._jit import source_hash
from tumorsim.errors import InputError
from tumorsim.studies import older, store
from tumorsim.studies.manifest import platform_key, versions
from tumorsim.studies.records import RunRecord
from tumorsim.studies.summary import assemble, hash_of_hashes

COUNT_FLOOR, COUNT_SHARE, SUMMARY_TOLERANCE = 2.0, 1e-6, 1e-3
SHOWN = 8  # differences listed before "and n more"

#: Runs everything a manifest describes once more.
Rerun = Callable[[Mapping[str, Any]], Iterable[RunRecord]]


def verify(folder: Path | str, rerun: Rerun | None = None) -> tuple[bool, str]:
    """Check a folder of results; returns whether it holds, and in words what was tested and found.

    1. Files: each is there and has the SHA-256 that the manifest lists; nothing is unfinished.
    2. Hashes: ``state_hash`` is that of the listed run hashes, in summary and manifest.
    3. Runs (where ``rerun`` is given): on the same platform and versions every state hash and every number of
       the summary must be *equal*. Elsewhere the last bit of exp and log may differ, and counts must agree
       within max(2, 1e-6 n) and numbers of the summary within 1e-3 (of the larger of the number and 1). Of a
       summary of an older version (`older`) what it has is compared, and the rest is counted.

    Parameters
    ----------
    folder
        A folder of results.
    rerun
        Called with the manifest; gives the records of all its runs, in any order.

    Raises
    ------
    InputError
        Where the folder holds no results.
    """
    path = Path(folder)
    manifest, summary = store.read_json(path / store.MANIFEST), None
    lines: list[str] = []
    problems = list(_files(path, manifest))
    lines.append(f"files: {len(_hashed(manifest))} hashed again" + _found(problems))
    if not problems:
        summary = store.read_json(path / store.SUMMARY)
        older.version_of(summary, path / store.SUMMARY)
        wrong = list(_hashes(summary, manifest))
        problems += wrong
        count = sum(len(of_arm) for of_arm in summary["runs"].values())
        lines.append(f"hashes: state_hash of {count} run{'s' * (count != 1)} worked out again" + _found(wrong))
    if summary is not None and not problems:
        if rerun is None:
            lines.append("runs: not run again")
        else:
            same = manifest["versions"] == versions() and manifest["platform_key"] == platform_key()
            wrong = list((_equal if same else _close)(path, manifest, summary, list(rerun(manifest))))
            problems += wrong
            lines.append(f"runs: run again; test used: {_test_used(same, manifest)}" + _found(wrong))
            lines += _of_another_version(same, manifest, summary, wrong)
    shown = [f"  {p}" for p in problems[:SHOWN]]
    if len(problems) > SHOWN:
        shown.append(f"  ... and {len(problems) - SHOWN} more")
    verdict = "verified" if not problems else "NOT verified"
    return not problems, "\n".join([f"{path}: {verdict}", *lines, *shown])


def _test_used(same: bool, manifest: Mapping[str, Any]) -> str:
    if same:
        return "equality (same platform and versions)"
    now = {**versions(), "platform": platform_key()}
    was = {**manifest["versions"], "platform": manifest["platform_key"]}
    changed = [f"{k} {was.get(k, 'none')} -> {now.get(k, 'none')}" for k in {**was, **now} if was.get(k) != now.get(k)]
    return f"counts within max(2, 1e-6 n), summary within 1e-3, because these differ: {'; '.join(changed)}"


def _of_another_version(
    same: bool, manifest: Mapping[str, Any], summary: Mapping[str, Any], wrong: list[str]
) -> Iterator[str]:
    """What the reader must know to judge a difference that another version of this program may have made."""
    said = older.said(summary, manifest, [])
    if said:
        yield f"summary: {said} Only what it has was compared."
    if wrong and not same:
        yield "a difference may be the versions': the versions named would have to be installed to test for equality"
    if wrong and same and manifest.get("source") != source_hash():
        yield (
            f"a difference may be the program's: its sources ({source_hash()}) are not those that wrote this folder "
            f"({manifest.get('source', 'not recorded')}), though the version number is the same"
        )


def _found(problems: list[str]) -> str:
    return f": {len(problems)} problem{'s' * (len(problems) != 1)}" if problems else ": all well"


def _hashed(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {name: digest for name, digest in manifest.get("files", {}).items() if digest is not None}


def _files(path: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    if manifest.get("made_by") != store.MADE_BY:
        raise InputError(f"{path}: {store.MANIFEST} was not made by {store.MADE_BY}")
    if manifest.get("status") != "complete":
        yield "the run that wrote this folder did not finish"
        return
    listed = _hashed(manifest)
    for name in (store.SUMMARY, store.SERIES):
        if name not in listed:
            yield f"{name} is not listed in the manifest"
    for name, digest in listed.items():
        if not (path / name).is_file():
            yield f"{name} is not there"
        elif hashlib.sha256((path / name).read_bytes()).hexdigest() != digest:
            yield f"{name} was changed after it was written"


def _hashes(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    want = hash_of_hashes(summary["runs"])
    for where, got in (("summary", summary["state_hash"]), ("manifest", manifest["state_hash"])):
        if got != want:
            yield f"state_hash of the {where} is {got[:16]}..., that of its runs is {want[:16]}..."


def _again(manifest: Mapping[str, Any], records: list[RunRecord]) -> dict[str, Any]:
    order = {arm: i for i, arm in enumerate(manifest["scenario"])}
    records.sort(key=lambda r: (order.get(r.arm, len(order)), r.patient))
    return assemble(
        records,
        name=manifest["name"],
        kind=manifest["kind"],
        seed=manifest["seed"],
        shared_past=manifest["shared_past"],
        notes=manifest["study_notes"],
    )


def _equal(
    path: Path, manifest: Mapping[str, Any], summary: Mapping[str, Any], records: list[RunRecord]
) -> Iterator[str]:
    yield from _counts(pd.read_parquet(path / store.SERIES), records, floor=0.0, share=0.0)
    new = _again(manifest, records)
    old_leaves, new_leaves = dict(_leaves(summary)), dict(_leaves(_round_trip(new)))
    for key in {**old_leaves, **new_leaves}:
        if key not in old_leaves or key not in new_leaves:
            yield f"{key}: {'only in these results' if key in old_leaves else 'missing in these results'}"
        elif old_leaves[key] != new_leaves[key]:
            yield f"{key}: {old_leaves[key]} here, {new_leaves[key]} when run again"


def _close(
    path: Path, manifest: Mapping[str, Any], summary: Mapping[str, Any], records: list[RunRecord]
) -> Iterator[str]:
    series = pd.read_parquet(path / store.SERIES)
    older_folder = summary["schema_version"] < older.SCHEMA_VERSION
    yield from _counts(series, records, floor=COUNT_FLOOR, share=COUNT_SHARE, known=older_folder)
    new = _again(manifest, records)
    old_leaves, new_leaves = dict(_leaves(summary)), dict(_leaves(_round_trip(new)))
    for key in older.comparable(summary["schema_version"], old_leaves, new_leaves):
        if key.startswith(("state_hash", "runs.")):
            continue  # hashes are only for equality
        a, b = old_leaves.get(key), new_leaves.get(key)
        numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))
        if numbers and a is not None and b is not None:
            if abs(a - b) > max(SUMMARY_TOLERANCE * max(1.0, abs(a), abs(b)), _slack(key, a, b)):
                yield f"{key}: {a} here, {b} when run again"
        elif a != b:
            yield f"{key}: {a} here, {b} when run again"


def _slack(key: str, a: float, b: float) -> float:
    """Cells in the summary may differ by what counts may differ by."""
    cells = any(part in key for part in ("viable_cells", "residue_by_", "deaths_by_cause"))
    return max(COUNT_FLOOR, COUNT_SHARE * max(abs(a), abs(b))) if cells else 0.0


def _counts(
    old: pd.DataFrame, records: list[RunRecord], *, floor: float, share: float, known: bool = False
) -> Iterator[str]:
    """Every count of cells of every run, at every time; with ``known``, of the quantities of an older folder alone."""
    rows = [(r.patient, r.arm, *row) for r in records for row in r.series]
    new = pd.DataFrame(rows, columns=store.SERIES_SCHEMA.names)
    if known:
        new = new[new["quantity"].isin(old["quantity"].unique())]
    keys = ["patient", "arm", "time_h", "quantity"]
    both = old[old["unit"] == "cells"].merge(new[new["unit"] == "cells"], on=keys, how="outer", indicator=True)
    for row in both[both["_merge"] != "both"].head(SHOWN).itertuples():
        yield f"series {row.arm}, patient {row.patient}, {row.quantity} at {row.time_h} h: only on one side"
    both = both[both["_merge"] == "both"].astype({"value_x": float, "value_y": float})
    allowed = (share * both[["value_x", "value_y"]].abs().max(axis=1)).clip(lower=floor)
    for row in both[(both["value_x"] - both["value_y"]).abs() > allowed].itertuples():
        yield (
            f"series {row.arm}, patient {row.patient}, {row.quantity} at {row.time_h} h: "
            f"{row.value_x} here, {row.value_y} when run again"
        )


def _round_trip(summary: Mapping[str, Any]) -> Any:
    """A summary as it reads after it was written: texts as keys, lists for tuples."""
    return json.loads(store.to_json(summary))


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list) and tree:
        for number, value in enumerate(tree):
            yield from _leaves(value, f"{path}[{number}]")
    else:
        yield path, tree
