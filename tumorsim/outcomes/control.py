"""Response and local control as an image-reading clinician would call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MONTH = 365.25 / 12 * 86_400  # s
LTP_MONTHS = (12, 24, 36)


@dataclass(frozen=True)
class Reading:
    """One follow-up image, reduced to what response needs.

    ``time`` [s]; ``visible_in_target`` and ``visible_near`` say whether viable tumour is seen in the
    target, and within 10 mm of the original border (inside it included).
    """

    time: int
    visible_in_target: bool
    visible_near: bool


def near_border(depth: NDArray[np.floating], reach: float) -> NDArray[np.bool_]:
    """Sites inside the original border or within ``reach`` [m] outside it; ``depth`` is positive inside."""
    return np.asarray(depth >= -reach)


def complete_response(readings: Sequence[Reading], due: int) -> bool | None:
    """Imaging CR: nothing visible in the target at ``due`` [s]; None where no image was taken then."""
    for reading in readings:
        if reading.time == due:
            return not reading.visible_in_target
    return None


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
