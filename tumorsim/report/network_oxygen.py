"""Oxygen around the vessels of a network file: words and picture, before and after an embolisation."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from tumorsim.fields.network_oxygen import OxygenMap, oxygen_map
from tumorsim.report import png
from tumorsim.report.oxygen_picture import oxygen_picture, upper_end
from tumorsim.vessels.report import WIDTH, wrapped
from tumorsim.vessels.solved import Solved

if TYPE_CHECKING:
    from tumorsim.vessels.occlusion import Occlusion

SPACING = 10e-6  # m
HUMAN_CELL = 75e-18  # m3; larger red cells are taken as human (92 fL), smaller ones as a rat's (55 fL)


def oxygen_of(
    before: Solved, found: Occlusion | None, title: str, cell_volume: float | None = None
) -> tuple[str, bytes]:
    """What becomes of the oxygen: a table, and the picture (PNG), before above after.

    Parameters
    ----------
    before : Solved
    found : Occlusion or None
        What was closed.
    title : str
        Of the picture.
    cell_volume : float, optional
        Volume of a red cell [m3]; from 75 fL on the haemoglobin is human, else, and where not given, a rat's.

    Raises
    ------
    InputError
        Where the box of the network is too large, or Matplotlib is not installed.
    ArithmeticError
        Where blood and tissue do not settle.
    """
    species = "human" if cell_volume is not None and cell_volume >= HUMAN_CELL else "rat"
    states = {"": before} if found is None else {"before": before, "after": found.after}
    maps = {
        when: oxygen_map(state.graph, state.flow, SPACING, species=species, haematocrit=state.haematocrit)
        for when, state in states.items()
    }
    top = upper_end(*maps.values())
    pictures = [
        oxygen_picture(found_map, states[when].graph, f"{title}, {when}" if when else title, top)
        for when, found_map in maps.items()
    ]
    return "\n".join(_told(maps)), pictures[0] if len(pictures) == 1 else _stacked(pictures)


def _told(maps: dict[str, OxygenMap]) -> list[str]:
    every = list(maps.values())

    def both(text: list[str]) -> str:
        return " to ".join(text)

    lines = wrapped(
        "oxygen of the tissue", f"sites of {every[0].lattice.spacing * 1e6:g} um, {every[0].lattice.n_sites}"
    )
    lines += wrapped("mean", both([f"{m.mean:.3g}" for m in every]) + " mmHg")
    for limit in every[0].shares:
        shares = both([f"{100 * m.shares[limit]:.3g}" for m in every])
        lines += wrapped(f"below {limit:g} mmHg", f"{shares} % of the tissue")
    used = [100 * m.balance.consumption / m.balance.inflow if m.balance.inflow else 0.0 for m in every]
    lines += wrapped("oxygen consumed", both([f"{u:.3g}" for u in used]) + " % of what enters")
    lines += wrapped(
        "balance of oxygen", both([f"{abs(m.balance.imbalance):.0e}" for m in every]) + " of the consumption"
    )
    for note in dict.fromkeys(note for m in every for note in m.notes):
        lines += textwrap.wrap(note, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return lines


def _stacked(pictures: list[bytes]) -> bytes:
    """One picture above the other, on white."""
    from matplotlib.image import imread

    arrays = [np.rint(255.0 * imread(io.BytesIO(raw), format="png")).astype(np.uint8) for raw in pictures]
    wide = max(a.shape[1] for a in arrays)
    rows = [np.full((a.shape[0], wide, 4), 255, dtype=np.uint8) for a in arrays]
    for row, array in zip(rows, arrays, strict=True):
        row[:, : array.shape[1], : array.shape[2]] = array
    return png.encode(np.concatenate(rows))
