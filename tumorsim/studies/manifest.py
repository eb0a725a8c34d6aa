"""Where results come from: versions, platform, scenarios, what was prescribed and what was delivered."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

import tumorsim
from tumorsim._jit import source_hash
from tumorsim.state import SCHEMA_VERSION as STATE
from tumorsim.studies.older import SCHEMA_VERSION as SUMMARY
from tumorsim.studies.records import RunRecord

#: Parts whose version can change a bit of a result.
LIBRARIES = ("numpy", "scipy", "numba", "mesa", "networkx", "pandas", "pyarrow")


def versions() -> dict[str, str]:
    """Version of tumorsim, of its state and summary, of Python and of the libraries a result depends on."""
    found = {"tumorsim": tumorsim.__version__, "state": str(STATE), "summary": str(SUMMARY)}
    found["python"] = platform.python_version()
    return found | {name: importlib.metadata.version(name) for name in LIBRARIES}


def platform_key() -> str:
    """What the last bit of a number depends on besides versions: system, machine, C library, vector units.

    The C library chooses its exp and log by the vector units of the processor, and those differ in the last
    bit.
    """
    libc = "".join(platform.libc_ver()) or "libc unknown"
    features = np.show_config(mode="dicts")["SIMD Extensions"]  # type: ignore[index]
    found = features.get("found", [])
    widest = found[-1] if found else features.get("baseline", ["unknown"])[-1]
    return f"{platform.system()}-{platform.machine()}-{libc}-{sys.byteorder}-{widest}".lower()


def make_manifest(
    records: Iterable[RunRecord],
    summary: Mapping[str, Any],
    *,
    parameters: Sequence[Mapping[str, Any]] = (),
    changed_parameters: Mapping[str, Any] | None = None,
    wall_seconds: float | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """The content of ``manifest.json``, without the list of files, which the store adds.

    Parameters
    ----------
    records, summary
        The runs, and what `tumorsim.studies.summary.assemble` made of them.
    parameters : sequence of mappings
        Rows of the parameter table that were used (name, value, unit, low, high, confidence, mark, source,
        meaning). Those of low confidence are listed, for the report.
    changed_parameters : mapping or None
        Parameters that the user set, with their values.
    wall_seconds : float or None
        How long it took: a record, compared with nothing.
    command : str or None
        The command as typed.
    """
    by_arm: dict[str, dict[int, RunRecord]] = {}
    for record in records:
        by_arm.setdefault(record.arm, {})[record.patient] = record
    first = {arm: runs[min(runs)] for arm, runs in by_arm.items()}
    of_runs = {note for runs in by_arm.values() for record in runs.values() for note in record.notes}
    return {
        "name": summary["name"],
        "kind": summary["kind"],
        "seed": summary["seed"],
        "shared_past": summary["shared_past"],
        "study_notes": [n for n in summary["notes"] if n not in of_runs],
        "state_hash": summary["state_hash"],
        "patients": sorted(next(iter(by_arm.values()))),
        "versions": versions(),
        "platform_key": platform_key(),
        "source": source_hash(),
        "command": command,
        "scenario": {arm: record.scenario for arm, record in first.items()},
        "schedule": {
            arm: {str(p): [dict(item) for item in runs[p].schedule] for p in sorted(runs)}
            for arm, runs in by_arm.items()
        },
        "notes": {
            arm: list(dict.fromkeys(n for p in sorted(runs) for n in runs[p].notes)) for arm, runs in by_arm.items()
        },
        "parameters_changed": dict(changed_parameters or {}),
        "parameters_low_confidence": [dict(row) for row in parameters if row.get("confidence") == "low"],
        "wall": {"seconds": wall_seconds},
    }
