"""One step of all cells: who dies of what, who changes side or phase, who divides.

Two kernels apply the one rule of `rule.py`: `many_cells`, here, to counts in four slots a site, and
`single.one_cell` to one byte of phase a site. Both read the old state, write only their own sites, and leave
births that found no room to `placement.py`.

**Deaths.** Cells in hypoxic slots die of the hazards of ischaemia and starvation, quiescent cells of turnover
besides, all cells of what treatments impose. Of the divisions that cells attempt a share fails: the cell that
divided and its lineage are lost (cause: lineage extinction). Where the rule has a cell divide with probability
``p``, and ``abortive`` divisions fail for each one that succeeds, its survival is ``1 - abortive p``. Such single
cells are taken up by their neighbours within hours (Bursch et al. 1990, liver) and leave no debris.

**Doomed cells.** What a cause with lethal lesions (``ext_mitotic``) hits is booked to it at once and is no longer
viable, but lives on, takes room and oxygen, until it dies at mitosis. Some divide once more: both daughters
are doomed too. Doomed cells come to mitosis at the rate of the untreated cycle (``p_mitosis`` for a cell with
oxygen), and those without oxygen die of its want.

**Draws.** One Philox call answers everything for the cells of a slot in a step (key: site, slot, step,
purpose SURVIVAL). Its four words are, in this order, for survival, change of side, change of phase, and
births; survival is refined below its 32 bits by the mirrored last word, so that survival as small as 2**-64
is drawn truly. Deaths and births are binomial quantiles of their draw: with the same luck, more hazard never
leaves more survivors. Changes of side and phase, and the passage from dying to debris, neither make nor lose
cells; in a slot of more than `EXACT_UP_TO` cells they are the expectation, rounded by the draw so that the
mean is exact. Deaths are shared among causes as H_c / H, rounded by one draw in the same way: a single
death has one cause, with probability H_c / H. Where nothing can happen nothing is drawn.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tumorsim._jit import njit
from tumorsim.cells import rule as rule_module
from tumorsim.cells.bulk import binomials, draw4, movers_each
from tumorsim.chance import Purpose, uniform4

SURVIVAL, DYING_PURPOSE = int(Purpose.SURVIVAL), int(Purpose.DYING)
TURNOVER, LINEAGE = 2, 3  # columns of these causes; ischaemia is 0 and starvation 1
STRIP = 256  # sites handled at once, so that their numbers stay in the nearest cache
DEBRIS_LEAST = 0.5  # cell volumes; less than half a cell is gone

# what a kernel returns, in one int64 array: these, deaths by cause, then overflow by compartment (256)
VIABLE, VIABLE_IN_TARGET, DYING, BIRTHS, DOOMED, FIRST_DEATH = 0, 1, 2, 3, 4, 5
COMPARTMENTS = 256

_HALF_32 = 0.5 / 4294967296.0
_TO_32 = 1.0 / 4294967296.0

cell_rule = njit(rule_module.cell_rule)


@njit(inline="always")
def refined(survival: float, birth: float) -> float:
    """A draw of survival, finer than the 32 bits of its word by the mirrored word of birth."""
    return (survival - _HALF_32) + (1.0 - birth) * _TO_32


@njit(inline="always")
def slot_draws(seed: Any, patient: Any, site: Any, slot: Any, step: Any) -> Any:
    """Draws in (0, 1) of the cells of one slot in one step: survival, side, phase, birth."""
    survival, side, phase, birth = uniform4(seed, patient, SURVIVAL, site, slot, step)
    return refined(survival, birth), side, phase, birth


@njit(inline="always")
def up_to(part: float, whole: float, dead: Any, u: float) -> Any:
    """Deaths of the causes up to and including one, whose hazards sum to ``part``; exact in the mean over ``u``."""
    return min(dead, math.floor(dead * (part / whole) + u))


@njit
def many_cells(
    lo: Any, hi: Any, sites: Any, seed: Any, patient: Any, step: Any, capacity: Any,
    dt: float, p_birth: Any, tau_mix: float, tau_phase: float, growth_fraction: float,
    turnover: float, abortive: float, p_mitosis: float, once_more: float, p_debris: float, debris_left: Any,
    share_hypoxic: Any, h_ischaemia: Any, h_starvation: Any, h_ext: Any, ext_causes: Any, ext_mitotic: Any,
    compartment: Any, target: Any, viable: Any, doomed: Any, dying: Any, debris: Any, deaths: Any, nadir: Any,
    room: Any, overflow: Any,
) -> Any:  # fmt: skip
    """One step of ``sites[lo:hi]`` where a site holds counts; returns the totals of the block.

    Hazards (dimensionless, over the step): ``h_ischaemia``, ``h_starvation`` [site] act on hypoxic slots,
    ``turnover`` on quiescent ones, ``h_ext`` [cause, site, slot] with columns ``ext_causes`` of ``deaths``, of
    which ``ext_mitotic`` [cause] make doomed cells. ``p_birth`` and ``debris_left`` [site], or [1] where the same
    everywhere.
    Writes ``viable``, ``doomed``, ``dying``, ``debris``, ``deaths``, ``nadir``, ``room`` and ``overflow``.
    """
    n_causes = deaths.shape[1]
    n_ext = h_ext.shape[0]
    totals = np.zeros(FIRST_DEATH + n_causes + COMPARTMENTS, dtype=np.int64)
    here, pick = np.empty(STRIP, dtype=np.int64), np.empty(STRIP, dtype=np.int64)
    slots = np.empty(STRIP, dtype=np.int64)
    u_survival, u_side, u_phase, u_birth = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    share, supply, fed = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    cells, h, s, left = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    p_divide, p_phase, p_side = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    moved, born, z = np.empty(STRIP), np.empty(STRIP), np.zeros(STRIP)
    births, dead, booked, part = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    of_ischaemia, of_starvation, of_turnover = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    of_lineage, hit = np.empty(STRIP), np.empty(STRIP)
    split, lost, gone = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    new = np.empty((4, STRIP))

    aged = math.exp(-turnover)
    everywhere, evenly = p_birth.size == 1, debris_left.size == 1
    last_divide, last_ended = 0.0, 0.0
    at = lo
    while at < hi:
        # a strip of sites with anything in them
        n = 0
        while at < hi and n < STRIP:
            site = sites[at]
            at += 1
            tumour = viable[site, 0] | viable[site, 1] | viable[site, 2] | viable[site, 3] | dying[site]
            tumour |= doomed[site, 0] | doomed[site, 1]
            if tumour != 0 or debris[site] > 0.0:
                here[n] = site
                share[n] = share_hypoxic[site]
                supply[n] = h_ischaemia[site] + h_starvation[site]
                if not (0.0 <= supply[n] < math.inf):
                    raise ValueError("hazards must be finite and not negative")
                n += 1
        threat = 0.0
        last_h, last_s = 0.0, 1.0
        for i in range(n):
            if supply[i] != last_h:
                last_h = supply[i]
                last_s = math.exp(-last_h)
            fed[i] = last_s
            threat += last_h
        births[:n] = 0.0
        dead[:n] = 0.0
        of_ischaemia[:n] = 0.0
        of_starvation[:n] = 0.0
        of_turnover[:n] = 0.0
        of_lineage[:n] = 0.0
        hit[:n] = 0.0
        new[:, :n] = 0.0

        for slot in range(4):
            hypoxic = slot & 1
            intrinsic = turnover if slot >= 2 else 0.0
            filled = 0
            for i in range(n):
                filled |= viable[here[i], slot]
                cells[i] = viable[here[i], slot]
            if filled == 0:
                continue
            slots[:n] = slot
            draw4(here, n, seed, patient, SURVIVAL, slots, step, u_survival, u_side, u_phase, u_birth)

            # what its cells would do, by the rule
            divides = 0.0
            for i in range(n):
                p_divide[i], p_phase[i], p_side[i] = cell_rule(
                    slot >> 1, hypoxic, share[i], dt, p_birth[0 if everywhere else here[i]],
                    tau_mix, tau_phase, growth_fraction,
                )  # fmt: skip
                divides += p_divide[i]

            # deaths
            fails = divides > 0.0 and abortive > 0.0
            fate = hypoxic * threat + intrinsic + (divides if fails else 0.0)
            for i in range(n):
                h[i] = hypoxic * supply[i] + intrinsic
                s[i] = (fed[i] if hypoxic == 1 else 1.0) * (aged if slot >= 2 else 1.0)
                part[i] = 0.0
            if fails:
                for i in range(n):
                    if p_divide[i] != last_divide:
                        last_divide = p_divide[i]
                        last_ended = -math.log1p(-abortive * last_divide)
                    part[i] = last_ended
                    h[i] += last_ended
                    s[i] *= 1.0 - abortive * last_divide
            for e in range(n_ext):
                for i in range(n):
                    imposed = h_ext[e, here[i], slot]
                    h[i] += imposed
                    fate += imposed
                    if imposed > 0.0:
                        s[i] *= math.exp(-imposed)
            if fate == 0.0:
                left[:n] = cells[:n]
            else:
                for i in range(n):
                    u_survival[i] = refined(u_survival[i], u_birth[i])
                binomials(n, u_survival, cells, s, z, pick, left)
                # booked to causes in fixed order: ischaemia, starvation, turnover, lineage extinction, then what
                # treatments impose; up to and including each cause as the sum of hazards so far has it; the last takes
                # the rest
                for i in range(n):
                    cells[i] -= left[i]
                    dead[i] += cells[i]
                    booked[i] = 0.0
                    h[i] = max(h[i], 1e-300)
                    lost[i] = part[i]  # hazard of lineage extinction
                    part[i] = 0.0
                if hypoxic == 1:
                    for i in range(n):
                        part[i] = h_ischaemia[here[i]]
                        upto = up_to(part[i], h[i], cells[i], u_birth[i])
                        of_ischaemia[i] += upto
                        part[i] += h_starvation[here[i]]
                        booked[i] = up_to(part[i], h[i], cells[i], u_birth[i])
                        of_starvation[i] += booked[i] - upto
                for i in range(n):
                    part[i] += intrinsic
                    upto = cells[i] if n_ext == 0 and not fails else up_to(part[i], h[i], cells[i], u_birth[i])
                    of_turnover[i] += upto - booked[i]
                    booked[i] = upto
                if fails:
                    for i in range(n):
                        part[i] += lost[i]
                        upto = cells[i] if n_ext == 0 else up_to(part[i], h[i], cells[i], u_birth[i])
                        of_lineage[i] += upto - booked[i]
                        booked[i] = upto
                for e in range(n_ext):
                    for i in range(n):
                        if cells[i] > 0.0:
                            part[i] += h_ext[e, here[i], slot]
                            upto = cells[i] if e == n_ext - 1 else up_to(part[i], h[i], cells[i], u_birth[i])
                            deaths[here[i], ext_causes[e]] += int(upto - booked[i])
                            totals[FIRST_DEATH + ext_causes[e]] += int(upto - booked[i])
                            if ext_mitotic[e]:
                                hit[i] += upto - booked[i]
                            booked[i] = upto

            # what the survivors do
            if divides > 0.0:
                binomials(n, u_birth, left, p_divide, z, pick, born)
                for i in range(n):
                    births[i] += born[i]
            movers_each(n, u_side, left, p_side, moved)
            for i in range(n):
                new[slot ^ 1, i] += moved[i]
                left[i] -= moved[i]
            movers_each(n, u_phase, left, p_phase, moved)
            for i in range(n):
                new[slot ^ 2, i] += moved[i]
                new[slot, i] += left[i] - moved[i]

        slots[:n] = 0
        draw4(here, n, seed, patient, DYING_PURPOSE, slots, step, u_survival, u_side, u_phase, u_birth)
        for i in range(n):
            cells[i] = dying[here[i]]
            s[i] = p_debris
        movers_each(n, u_survival, cells, s, moved)

        # doomed cells: those that die go to the dying, those that divide once more leave two of the last kind
        lasting = 0.0
        for i in range(n):
            lasting += hit[i] + doomed[here[i], 0] + doomed[here[i], 1]
        if lasting > 0.0:
            slots[:n] = 1
            draw4(here, n, seed, patient, DYING_PURPOSE, slots, step, u_survival, u_side, u_phase, u_birth)
            for i in range(n):
                cells[i] = doomed[here[i], 0]
                s[i] = p_mitosis * (1.0 - share[i])
            movers_each(n, u_survival, cells, s, split)
            for i in range(n):
                cells[i] -= split[i]
                p_side[i] = share[i] * (1.0 - fed[i])
            movers_each(n, u_side, cells, p_side, lost)
            for i in range(n):
                cells[i] = doomed[here[i], 1]
                s[i] = 1.0 - (1.0 - s[i]) * (1.0 - p_side[i])
            movers_each(n, u_phase, cells, s, gone)
            for i in range(n):
                s[i] = once_more
            movers_each(n, u_birth, hit, s, part)
        for i in range(n):
            site = here[i]
            away = int(moved[i])
            rest = debris[site] * debris_left[0 if evenly else site]
            if rest < DEBRIS_LEAST:
                rest = 0.0
            rest = np.float32(rest + away)
            still = dying[site] - away + int(dead[i]) - int(hit[i]) - int(of_lineage[i])
            if dead[i] > 0.0:
                deaths[site, 0] += int(of_ischaemia[i])
                deaths[site, 1] += int(of_starvation[i])
                deaths[site, TURNOVER] += int(of_turnover[i])
                deaths[site, LINEAGE] += int(of_lineage[i])
                totals[FIRST_DEATH] += int(of_ischaemia[i])
                totals[FIRST_DEATH + 1] += int(of_starvation[i])
                totals[FIRST_DEATH + TURNOVER] += int(of_turnover[i])
                totals[FIRST_DEATH + LINEAGE] += int(of_lineage[i])
            alive = int(new[0, i] + new[1, i] + new[2, i] + new[3, i])
            nadir[site] = min(nadir[site], alive)
            held = 0
            if lasting > 0.0:
                still += int(lost[i] + gone[i])
                last = doomed[site, 1] - int(gone[i]) + int(hit[i] - part[i])
                doomed[site, 0] += int(part[i]) - int(split[i] + lost[i])
                # both daughters where there is room for two, one where there is not
                free = capacity - alive - still - math.ceil(rest) - doomed[site, 0] - last - int(split[i])
                doomed[site, 1] = last + int(split[i]) + max(min(int(split[i]), free), 0)
                held = doomed[site, 0] + doomed[site, 1]
                totals[DOOMED] += held
            free = capacity - alive - still - held - math.ceil(rest)
            stay = max(min(int(births[i]), free), 0)
            out = int(births[i]) - stay
            alive += stay
            viable[site, 0] = int(new[0, i]) + stay
            viable[site, 1] = int(new[1, i])
            viable[site, 2] = int(new[2, i])
            viable[site, 3] = int(new[3, i])
            dying[site] = still
            debris[site] = rest
            room[site] = free - stay
            overflow[site] = out
            totals[VIABLE] += alive
            totals[VIABLE_IN_TARGET] += alive if target[site] else 0
            totals[DYING] += still
            totals[BIRTHS] += stay + out
            totals[FIRST_DEATH + n_causes + compartment[site]] += out
    return totals


@njit
def viable_of(sites: Any, viable: Any) -> Any:
    """Viable cells of all slots of some sites, (n,) int32."""
    found = np.empty(sites.size, dtype=np.int32)
    for m in range(sites.size):
        site = sites[m]
        found[m] = viable[site, 0] + viable[site, 1] + viable[site, 2] + viable[site, 3]
    return found
