"""One step of all cells where a site holds one cell: one byte of phase a site, the same rule and the same draws.

See `lifecycle.py` for the draws and the order of events; a many-cell kernel at a capacity of one would do
the same, draw for draw, but for debris, which here is a whole cell's and goes by a draw at its clock.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tumorsim._jit import njit
from tumorsim.cells.bulk import draw4
from tumorsim.cells.lifecycle import (
    BIRTHS,
    COMPARTMENTS,
    DOOMED,
    DYING,
    DYING_PURPOSE,
    FIRST_DEATH,
    LINEAGE,
    STRIP,
    SURVIVAL,
    TURNOVER,
    VIABLE,
    VIABLE_IN_TARGET,
    cell_rule,
    refined,
    up_to,
)
from tumorsim.chance import uniform4

PHASE_DYING, PHASE_DEBRIS, PHASE_ONCE_MORE, PHASE_DOOMED = 5, 6, 7, 8


@njit
def one_cell(
    lo: Any, hi: Any, seed: Any, patient: Any, step: Any,
    dt: float, p_birth: Any, tau_mix: float, tau_phase: float, growth_fraction: float,
    turnover: float, abortive: float, p_mitosis: float, once_more: float, p_debris: float, debris_left: Any,
    share_hypoxic: Any, h_ischaemia: Any, h_starvation: Any, h_ext: Any, ext_causes: Any, ext_mitotic: Any,
    compartment: Any, target: Any, phase: Any, deaths: Any, nadir: Any, room: Any, overflow: Any,
) -> Any:  # fmt: skip
    """One step of sites ``lo`` to ``hi``; hazards and totals as in `lifecycle.many_cells`.

    A cell's own site is taken, so every birth overflows.
    """
    n_causes = deaths.shape[1]
    n_ext = h_ext.shape[0]
    totals = np.zeros(FIRST_DEATH + n_causes + COMPARTMENTS, dtype=np.int64)
    here, slots = np.empty(STRIP, dtype=np.int64), np.empty(STRIP, dtype=np.int64)
    u_survival, u_side, u_phase, u_birth = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    last_h, last_s = 0.0, 1.0
    last_divide, last_ended = 0.0, 0.0
    aged = math.exp(-turnover)
    everywhere, evenly = p_birth.size == 1, debris_left.size == 1
    viable, in_target = 0, 0
    at = lo
    while at < hi:
        # a strip of living cells; dying ones and debris are done on the way
        n = 0
        while at < hi and n < STRIP:
            was = phase[at]
            if 0 < was < PHASE_DYING:
                here[n] = at
                slots[n] = was - 1
                n += 1
            elif was >= PHASE_ONCE_MORE:
                u_mitosis, u_want, _, _ = uniform4(seed, patient, DYING_PURPOSE, at, 1, step)
                here_hypoxic = np.float64(share_hypoxic[at])
                want = here_hypoxic * (1.0 - math.exp(-(h_ischaemia[at] + h_starvation[at])))
                if u_mitosis < p_mitosis * (1.0 - here_hypoxic):
                    # its sister, where there is a place for her, is set beside it afterwards
                    phase[at] = PHASE_DOOMED if was == PHASE_ONCE_MORE else PHASE_DYING
                elif u_want < want:
                    phase[at] = PHASE_DYING
                totals[DYING if phase[at] == PHASE_DYING else DOOMED] += 1
            elif was >= PHASE_DYING:
                u = uniform4(seed, patient, DYING_PURPOSE, at, 0, step)[0]
                if was == PHASE_DYING:
                    if u < p_debris:
                        phase[at] = PHASE_DEBRIS
                    else:
                        totals[DYING] += 1
                elif u < 1.0 - debris_left[0 if evenly else at]:
                    phase[at] = 0
                    room[at] = 1
            at += 1
        draw4(here, n, seed, patient, SURVIVAL, slots, step, u_survival, u_side, u_phase, u_birth)
        for c in range(n):
            site, slot = here[c], slots[c]
            hypoxic = slot & 1
            intrinsic = turnover if slot >= 2 else 0.0
            h = intrinsic
            s = aged if slot >= 2 else 1.0
            if hypoxic == 1:
                supply = h_ischaemia[site] + h_starvation[site]
                if not (0.0 <= supply < math.inf):
                    raise ValueError("hazards must be finite and not negative")
                if supply != last_h:
                    last_h = supply
                    last_s = math.exp(-supply)
                h = supply + intrinsic
                s *= last_s
            # float() of a 32-bit number would stay one here, and a rule compute other digits than in plain Python
            p_divide, p_phase, p_side = cell_rule(
                slot >> 1, hypoxic, np.float64(share_hypoxic[site]), dt, p_birth[0 if everywhere else site],
                tau_mix, tau_phase, growth_fraction,
            )  # fmt: skip
            ended = 0.0
            if abortive > 0.0 and p_divide > 0.0:
                if p_divide != last_divide:
                    last_divide = p_divide
                    last_ended = -math.log1p(-abortive * p_divide)
                ended = last_ended
                h += ended
                s *= 1.0 - abortive * p_divide
            for e in range(n_ext):
                imposed = h_ext[e, site, slot]
                h += imposed
                if imposed > 0.0:
                    s *= math.exp(-imposed)
            overflow[site] = 0
            if not refined(u_survival[c], u_birth[c]) < s:
                cause, doomed = _cause(
                    u_birth[c], h, intrinsic, ended, site, slot, h_ischaemia, h_starvation, h_ext, ext_causes,
                    ext_mitotic,
                )  # fmt: skip
                deaths[site, cause] += 1
                totals[FIRST_DEATH + cause] += 1
                nadir[site] = 0
                if cause == LINEAGE:
                    phase[site] = 0
                    room[site] = 1
                elif doomed:
                    fate = uniform4(seed, patient, DYING_PURPOSE, site, 1, step)[3]
                    phase[site] = PHASE_ONCE_MORE if fate < once_more else PHASE_DOOMED
                    totals[DOOMED] += 1
                else:
                    phase[site] = PHASE_DYING
                    totals[DYING] += 1
                continue
            viable += 1
            in_target += target[site]
            if u_birth[c] < p_divide:
                overflow[site] = 1
                totals[BIRTHS] += 1
                totals[FIRST_DEATH + n_causes + compartment[site]] += 1
            if u_side[c] < p_side:
                phase[site] = 1 + (slot ^ 1)
            elif u_phase[c] < p_phase:
                phase[site] = 1 + (slot ^ 2)
    totals[VIABLE] = viable
    totals[VIABLE_IN_TARGET] = in_target
    return totals


@njit
def _cause(
    u: float, h: float, intrinsic: float, ended: float, site: Any, slot: Any,
    h_ischaemia: Any, h_starvation: Any, h_ext: Any, ext_causes: Any, ext_mitotic: Any,
) -> Any:  # fmt: skip
    """Cause of one death, with probability H_c / H, in the order of `lifecycle.many_cells`; whether it dooms."""
    part = 0.0
    if slot & 1 == 1:
        part = h_ischaemia[site]
        if up_to(part, h, 1.0, u) == 1.0:
            return 0, False
        part += h_starvation[site]
        if up_to(part, h, 1.0, u) == 1.0:
            return 1, False
    part += intrinsic
    n_ext = h_ext.shape[0]
    if (n_ext == 0 and ended == 0.0) or up_to(part, h, 1.0, u) == 1.0:
        return TURNOVER, False
    if ended > 0.0:
        part += ended
        if n_ext == 0 or up_to(part, h, 1.0, u) == 1.0:
            return LINEAGE, False
    for e in range(n_ext - 1):
        part += h_ext[e, site, slot]
        if up_to(part, h, 1.0, u) == 1.0:
            return ext_causes[e], ext_mitotic[e]
    return ext_causes[n_ext - 1], ext_mitotic[n_ext - 1]
