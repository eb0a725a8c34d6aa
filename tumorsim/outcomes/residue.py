"""What is left: how many cells can still divide, where they sit, and why they lived.

Each residual agent (the cells of one site and slot) gets one reason. The rules, in order: cells beyond the
least number seen since the last treatment were born after it: regrown. No treatment: untreated. Outside
every plan: outside plan. Otherwise, for the treatment with the largest shortfall (planned minus received; of
equals the later, which had the last chance), the first that is true of: missed, other supply, cooled,
barrier, spared, low dose, not delivered, resistant, hypoxic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Reason(IntEnum):
    """Why a residual agent is alive; the numbers order the rules."""

    UNTREATED = 0
    REGROWN = 1
    OUTSIDE_PLAN = 2
    MISSED = 3
    OTHER_SUPPLY = 4
    COOLED = 5
    BARRIER = 6
    SPARED = 7
    LOW_DOSE = 8
    NOT_DELIVERED = 9
    RESISTANT = 10
    HYPOXIC = 11


REASON_NAMES = tuple(r.name.lower().replace("_", " ") for r in Reason)


@dataclass(frozen=True)
class Attempt:
    """What one delivered (or failed) treatment meant for every site: data a reason is read from.

    Arrays have shape (sites,). ``planned`` marks the plan, where a log-kill of 9 was meant. The flags say
    what the treatment knows of its own failures there: ``missed`` (aim, catheter, feeder), ``other_supply``
    (blood the treatment cannot reach keeps the site), ``cooled`` (blood has taken its heat away; None: no heat),
    ``low_dose`` (reached, but not enough).
    ``received`` is the log-kill the treatment's cause has booked [log10]. ``resistant``, filled in for every
    treatment alike, says where the survivors have lived through what would have killed mean cells.
    """

    delivered: bool
    planned: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    other_supply: NDArray[np.bool_]
    low_dose: NDArray[np.bool_]
    received: NDArray[np.floating]
    resistant: NDArray[np.bool_] | None = None
    cooled: NDArray[np.bool_] | None = None


def not_begun(planned: NDArray[np.bool_] | None, n_sites: int) -> Attempt:
    """The attempt of a treatment that was planned (sites,) and not begun: nothing failed but its delivery."""
    none = np.zeros(n_sites, dtype=bool)
    return Attempt(False, none if planned is None else planned, none, none, none, np.zeros(n_sites))


PLANNED_LOG_KILL = 9.0


def log10_kill(viable: int, n0: int) -> float:
    """-log10(max(N, 1)/N0)."""
    return -math.log10(max(viable, 1) / n0)


def reason_of_sites(n_sites: int, attempts: Sequence[Attempt]) -> NDArray[np.uint8]:
    """Reason why cells that were there all along live, shape (sites,); see the module's rules."""
    reason = np.full(n_sites, Reason.UNTREATED, dtype=np.uint8)
    if not attempts:
        return reason
    reason[:] = Reason.OUTSIDE_PLAN
    worst = np.zeros(n_sites)
    for attempt in attempts:
        shortfall = np.where(attempt.planned, PLANNED_LOG_KILL - attempt.received, 0.0)
        take = (shortfall > 0.0) & (shortfall >= worst)  # of equals the later: it had the last chance
        worst = np.maximum(worst, shortfall)
        verdict = np.full(n_sites, Reason.HYPOXIC, dtype=np.uint8)
        # written from the last rule to the first, so that the first true one stands
        if attempt.resistant is not None:
            verdict[attempt.resistant] = Reason.RESISTANT
        if not attempt.delivered:
            verdict[:] = Reason.NOT_DELIVERED
        verdict[attempt.low_dose] = Reason.LOW_DOSE
        if attempt.cooled is not None:
            verdict[attempt.cooled] = Reason.COOLED
        verdict[attempt.other_supply] = Reason.OTHER_SUPPLY
        verdict[attempt.missed] = Reason.MISSED
        reason[take] = verdict[take]
    return reason


def residue_by_reason(
    viable: NDArray[np.integer], nadir: NDArray[np.integer], reason: NDArray[np.uint8], treated: bool
) -> dict[str, int]:
    """Viable cells by reason; ``viable`` and ``nadir`` (least since the last treatment) per site.

    Cells of a site beyond its nadir were born, or moved in, after the last treatment: regrown.
    """
    old = np.minimum(viable, nadir) if treated else viable
    counts = np.bincount(reason, weights=old.astype(np.float64), minlength=len(REASON_NAMES))
    if treated:
        counts[Reason.REGROWN] += float(np.sum(viable.astype(np.int64) - old))
    return {name: int(counts[code]) for code, name in enumerate(REASON_NAMES) if counts[code] > 0}


def residue_by_zone(viable: NDArray[np.integer], zone: NDArray[np.uint8], names: Sequence[str]) -> dict[str, int]:
    """Viable cells by zone, every zone named; ``zone`` indexes ``names``."""
    counts = np.bincount(zone, weights=viable.astype(np.float64), minlength=len(names))
    return {name: int(counts[code]) for code, name in enumerate(names)}
