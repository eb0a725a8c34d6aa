"""What treatments impose on the cells in one step, checked and in the form that the kernels take."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tumorsim.cells import lifecycle

_NO_HAZARD = np.zeros((0, 1, 4))
_NO_CAUSE = np.zeros(0, dtype=np.int64)
_NONE_DOOMS = np.zeros(0, dtype=np.bool_)


def imposed_hazards(
    hazards: NDArray[np.float64] | None,
    columns: Sequence[int] | None,
    mitotic: Sequence[bool] | None,
    n_sites: int,
    causes: Sequence[str],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Hazards [cause, site, slot], the column of ``State.deaths`` of each cause, and whether it dooms.

    Raises
    ------
    ValueError
        Where shapes do not fit, a column is not that of a treatment, or a hazard is negative or not finite.
    """
    if hazards is None or len(hazards) == 0:
        return _NO_HAZARD, _NO_CAUSE, _NONE_DOOMS
    booked = np.asarray(columns if columns is not None else (), dtype=np.int64)
    if hazards.shape != (booked.size, n_sites, 4):
        raise ValueError(f"H_ext has shape {hazards.shape}, expected {(booked.size, n_sites, 4)}")
    dooms = np.zeros(booked.size, dtype=np.bool_) if mitotic is None else np.asarray(mitotic, dtype=np.bool_)
    if dooms.shape != booked.shape:
        raise ValueError(f"ext_mitotic must have one entry for each of {booked.size} causes")
    if booked.min() <= lifecycle.LINEAGE or booked.max() >= len(causes):
        raise ValueError(f"ext_causes {booked.tolist()} are not columns of treatments in {tuple(causes)}")
    if not (hazards.min() >= 0 and hazards.max() < math.inf):
        raise ValueError("hazards must be finite and not negative")
    return np.ascontiguousarray(hazards, dtype=np.float64), booked, dooms
