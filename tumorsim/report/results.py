"""A folder of results, opened for reading: tables, a figure, a report. No model is needed or loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorsim.errors import InputError, nearest
from tumorsim.report import words
from tumorsim.report.setting import BENCH, setting_of
from tumorsim.studies import older, store
from tumorsim.studies.records import VIABLE

if TYPE_CHECKING:
    import plotly.graph_objects

AT_HORIZON, AFTER_LAST = "horizon", "after last treatment"


class Results:
    """What a run or study left in its folder. Open with ``Results.open(DIR)``.

    Attributes
    ----------
    path : Path
        The folder.
    summary, manifest : dict
        Content of ``summary.json`` and ``manifest.json``; null for what an earlier version did not record.
    older : str or None
        Which version wrote the folder and what it did not record, in a sentence; None for this version.
    """

    def __init__(self, path: Path, summary: dict[str, Any], manifest: dict[str, Any]) -> None:
        self.path = path
        self.summary, missing = older.complete(summary, path / store.SUMMARY)
        self.manifest = manifest
        self.older = older.said(summary, manifest, missing)

    @classmethod
    def open(cls, path: Path | str) -> Results:
        """Open a folder of results, of this version or an earlier one.

        Raises
        ------
        InputError
            Where it holds none, a run that did not finish, or a summary of a newer version.
        """
        path = Path(path)
        if not path.is_dir():
            raise InputError(f"{path}: no such folder")
        manifest = store.read_json(path / store.MANIFEST)
        if manifest.get("status") != "complete":
            raise InputError(f"{path}: the run that wrote this folder did not finish")
        return cls(path, store.read_json(path / store.SUMMARY), manifest)

    @property
    def arms(self) -> dict[str, Any]:
        """Name of the arm -> its outcomes, each ``{mean, low, high, n}`` or None."""
        arms: dict[str, Any] = self.summary["arms"]
        return arms

    @property
    def pairs(self) -> dict[str, Any]:
        """``"A vs B"`` -> paired differences, A minus B."""
        pairs: dict[str, Any] = self.summary["pairs"]
        return pairs

    @property
    def excluded(self) -> list[int]:
        """Patients left out of every arm."""
        return list(self.summary["patients"]["excluded"])

    @cached_property
    def series(self) -> pd.DataFrame:
        """All series: patient, arm, time_h, quantity, value, unit; with the patients left out."""
        return pd.read_parquet(self.path / store.SERIES)

    def curves(self, quantity: str = VIABLE) -> dict[str, pd.DataFrame]:
        """One quantity over time: arm -> table with time [h] down and the patients that count across.

        Raises
        ------
        InputError
            Where no series has this name.
        """
        series = self.series
        known = series["quantity"].unique()
        if quantity not in known:
            raise InputError(f"no series {quantity!r}.{nearest(quantity, known)} There are: {', '.join(sorted(known))}")
        kept = series[(series["quantity"] == quantity) & ~series["patient"].isin(self.excluded)]
        return {
            arm: kept[kept["arm"] == arm].pivot_table(index="time_h", columns="patient", values="value", sort=True)
            for arm in self.arms
        }

    def snapshot(self, arm: str) -> dict[str, NDArray[Any]] | None:
        """Slices through one patient of an arm (`tumorsim.studies.snapshot`), or None where none was kept."""
        name = self.manifest.get("snapshots", {}).get(arm)
        if name is None:
            return None
        with np.load(self.path / name, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def to_frame(self) -> pd.DataFrame:
        """Every outcome as one row: arm, reading, quantity (path with dots), mean, low, high, n."""
        rows = [
            (arm, reading, path, *(stat[key] for key in ("mean", "low", "high", "n")))
            for arm, content in self.arms.items()
            for reading, tree in ((AT_HORIZON, content), (AFTER_LAST, content["after_last"] or {}))
            for path, stat in _statistics({k: v for k, v in tree.items() if k != "after_last"})
        ]
        columns = ["arm", "reading", "quantity", "mean", "low", "high", "n"]
        frame = pd.DataFrame(rows, columns=pd.Index(columns))
        return frame.astype({"mean": "float64", "low": "float64", "high": "float64", "n": "int64"})

    def plot(self, quantity: str = VIABLE) -> plotly.graph_objects.Figure:
        """One quantity over time in every arm, as a plotly figure: median, spread, every patient."""
        from tumorsim.report.plot import figure

        return figure(self, quantity)

    def report(self, path: Path | str | None = None) -> Path:
        """Write the report, one HTML file that needs no network; default ``report.html`` in the folder."""
        from tumorsim.report.html import render

        target = Path(path) if path is not None else self.path / store.REPORT
        store.write_atomically(target, render(self).encode("utf-8"))
        return target

    def sentences(self) -> list[str]:
        """What came out, in words: one sentence an arm, one a pair, and who was left out."""
        setting = setting_of(self.manifest["scenario"])
        said = [words.arm_sentence(name, arm, setting.noun) for name, arm in self.arms.items()]
        if setting is not BENCH:  # pairs compare cells
            said += [words.pair_sentence(name, pair) for name, pair in self.pairs.items()]
        left_out = words.left_out(self.summary)
        return [*said, *filter(None, (left_out, self.older))]

    def __repr__(self) -> str:
        return "\n".join([f"Results of {self.summary['name']!r} ({self.path})", *self.sentences()])

    def _repr_html_(self) -> str:
        from markupsafe import escape

        said = "".join(f"<li>{escape(s)}</li>" for s in self.sentences())
        return f"<p><strong>{escape(self.summary['name'])}</strong></p><ul>{said}</ul>"


def _statistics(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statistic of nested mappings, with its path."""
    for key, value in tree.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, Mapping):
            if set(value) == {"mean", "low", "high", "n"}:
                yield here, value
            else:
                yield from _statistics(value, here)
