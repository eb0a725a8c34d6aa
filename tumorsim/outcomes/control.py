"""Response and local control as an image-reading clinician would call them.

Imaging CR: no visible region in the target on the image due after the last treatment (28 d; 180 d with seeds),
where visible means holding a sphere of 5 mm; spheres of 3 and 10 mm show how much hangs on that. Local tumour
progression: the first visible region within 10 mm of the original border after a CR. Progression and margin compare
two examinations, and carry the error of laying one over the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tumorsim.outcomes.response import Sizes

MONTH = 365.25 / 12 * 86_400  # s
LTP_MONTHS = (12, 24, 36)
SPHERES = {"3mm": 3e-3, "10mm": 10e-3}  # m; by definition of the sensitivity of CR


@dataclass(frozen=True)
class Reading:
    """One follow-up image, reduced to what response needs.

    ``time`` [s]; ``visible_in_target`` and ``visible_near`` say whether viable tumour is seen in the
    target, and within 10 mm of the original border (inside it included); ``by_sphere`` the former by other spheres
    that a region must hold (`SPHERES`). ``sizes`` are diameters (None: nothing was outlined before). ``zone`` is the
    volume of the treated zone [m3] and ``margin`` its margin [m] (None: no treatment, or no zone).
    """

    time: int
    visible_in_target: bool
    visible_near: bool
    by_sphere: Mapping[str, bool] = field(default_factory=dict)
    sizes: Sizes | None = None
    zone: float | None = None
    margin: float | None = None


def near_border(depth: NDArray[np.floating], reach: float) -> NDArray[np.bool_]:
    """Sites inside the original border or within ``reach`` [m] outside it; ``depth`` is positive inside."""
    return np.asarray(depth >= -reach)


def read_at(readings: Sequence[Reading], due: int | None) -> Reading | None:
    """The reading of a time [s]; None where no image was taken then."""
    return next((reading for reading in readings if reading.time == due), None)


def complete_response(readings: Sequence[Reading], due: int, sphere: str | None = None) -> bool | None:
    """Imaging CR: nothing visible in the target at ``due`` [s]; None where no image was taken then.

    ``sphere``: one of `SPHERES` instead of the sphere of `Reading.visible_in_target`.
    """
    reading = read_at(readings, due)
    if reading is None:
        return None
    return not (reading.visible_in_target if sphere is None else reading.by_sphere[sphere])


def local_progression(readings: Sequence[Reading], due: int, until: int) -> dict[str, bool | None]:
    """LTP by 12, 24 and 36 months after the response at ``due`` [s].

    True once a region is visible within 10 mm of the original border on a follow-up image after a
    complete response; None beyond ``until`` [s], or where there was no complete response to lose.
    """
    cr = complete_response(readings, due)
    out: dict[str, bool | None] = {}
    for months in LTP_MONTHS:
        end = due + round(months * MONTH)
        if not cr or end > until:
            out[f"ltp_{months}mo"] = None
        else:
            out[f"ltp_{months}mo"] = any(r.visible_near for r in readings if due < r.time <= end)
    return out
