"""What lies elsewhere in the liver: satellites beyond the target, and latent foci beyond the box. Never in N."""

from __future__ import annotations

from typing import Any

import numpy as np

from tumorsim.anatomy.foci import Foci
from tumorsim.outcomes.control import LTP_MONTHS, MONTH


def distant(foci: Foci, satellite_cells: int, now: int, since: int) -> dict[str, Any]:
    """The part of an outcome that is reported apart.

    Parameters
    ----------
    foci : Foci
        The patient's latent foci.
    satellite_cells : int
        Viable cells in the box beyond the target.
    now : int
        Time of the reading [s].
    since : int
        Time of the first treatment of any arm [s], from which recurrence counts: the foci are the patient's, so
        that recurrence among them is the same in every arm.

    Returns
    -------
    dict
        ``satellite_cells``; ``foci``, ``foci_cells``, ``visible_foci``: number, cells and number seen by now;
        ``nearest_mm`` from the tumour's border and ``largest_mm`` across now (None without foci);
        ``recurrence_12mo``, ``_24mo``, ``_36mo``: 1 where a focus was seen by then, None beyond ``now``.
    """
    first = float(foci.seen_from.min()) if len(foci) else np.inf
    found: dict[str, Any] = {
        "satellite_cells": satellite_cells,
        "foci": len(foci),
        "foci_cells": int(foci.cells_at(now).sum(dtype=np.int64)),
        "visible_foci": int((foci.seen_from <= now).sum()),
        "nearest_mm": float(foci.distance.min()) * 1e3 if len(foci) else None,
        "largest_mm": float(foci.diameters(now).max()) * 1e3 if len(foci) else None,
    }
    for months in LTP_MONTHS:
        end = since + round(months * MONTH)
        found[f"recurrence_{months}mo"] = None if end > now else int(first <= end)
    return found
