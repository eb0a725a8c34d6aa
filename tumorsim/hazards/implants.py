"""What a state holds of permanent implants: their dose so far, and what heat near in time adds to it.

The dose has a closed form (`radiation.dose_factors`), so that nothing of it is stored but the rates at implantation.

Sessions of heat stay in the state while they can still add to a dose. Where a second one begins within the window
of a first, it adds what the sum of their thermal doses adds beyond the first alone: so the enhancement of a site
never exceeds that of the full thermal dose, and a session, once counted, is not counted again.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tumorsim.hazards.combine import Enhancement
from tumorsim.hazards.radiation import dose_factors
from tumorsim.state import State

Floats = NDArray[np.float64]


def dose_until(state: State, end: float) -> Floats:
    """Dose of all implants of a state from their start to ``end`` [s]: (sites,) [Gy].

    ``end`` may be inf: the dose that a permanent implant gives in all, its first dose rate over its decay constant.

    Raises
    ------
    InputError
        Where ``end`` is not a time.
    """
    if end == math.inf:
        with np.errstate(divide="ignore"):
            factors = 1.0 / state.implant_decay
    else:
        factors = dose_factors(state.implant_at, state.implant_decay, -math.inf, end)
    return _weighed(state, factors)


def heat_dose(state: State, enhancement: Enhancement, begin: float, end: float) -> Floats | None:
    """Dose that heat adds in the linear term from ``begin`` to ``end`` [s]: (sites,) [Gy], None where it adds none.

    As `Enhancement.heated_factors` counts it: what a session does to dose given before counts when heating ends.
    """
    if not len(state.implant_at):
        return None
    added: Floats | None = None
    for n, (on, off) in enumerate(zip(state.heated_on.tolist(), state.heated_off.tolist(), strict=True)):
        factors = enhancement.heated_factors(state.implant_at, state.implant_decay, (on, off), begin, end)
        if not factors.any():
            continue
        before = np.zeros(state.sizes.sites)
        for earlier in np.flatnonzero(_reach(state, enhancement)[:n] > on):
            before += state.heated_cem43[earlier]
        gain = enhancement.ratio(before + state.heated_cem43[n]) - enhancement.ratio(before)
        more = gain * _weighed(state, factors)
        added = more if added is None else added + more
    return added if added is not None and added.any() else None


def forget_heat(state: State, enhancement: Enhancement, now: float) -> None:
    """Drop sessions of heat that add to no dose after ``now`` [s], nor say how much a later session adds."""
    if not len(state.heated_on):
        return
    reach = _reach(state, enhancement)
    kept = reach > now
    for n in range(len(kept) - 2, -1, -1):
        kept[n] |= bool(np.any(kept[n + 1 :] & (state.heated_on[n + 1 :] < reach[n])))
    state.keep_heatings(kept)


def _reach(state: State, enhancement: Enhancement) -> Floats:
    """End of the window of every session of heat [s]."""
    return np.asarray(state.heated_off + enhancement.window, dtype=np.float64)


def _weighed(state: State, factors: Floats) -> Floats:
    """Sum over implants of their rate times a factor, (sites,); in their order, whatever the number of threads."""
    found = np.zeros(state.sizes.sites)
    for rate, factor in zip(state.implant_rate, factors, strict=True):
        found += np.multiply(rate, factor, where=rate > 0.0, out=np.zeros(len(rate)))
    return found
