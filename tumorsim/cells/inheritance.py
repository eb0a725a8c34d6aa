"""What cells pass on: the mean frailty of a slot (`hazards.frailty`) goes where its cells go.

Survivors that change side or phase take the mean of their slot along, daughters have their mother's. Slots
mix by the expected flows of the rule; the mean of a slot afterwards is that of all cells now in it. Newborns
that found their place in another site bring the mean of their mothers: of the neighbours of the same
compartment whose births had no room, weighted with these; where there is no such neighbour (the free front),
of the compartment.

A mixture of gammas of different means is no gamma; here it is taken for one of the mixture's mean. Nothing of
this is computed before a first hazard has selected among cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.cells import rule as rule_module
from tumorsim.cells.kernels import around
from tumorsim.fields.faces import neighbours
from tumorsim.state import State

COMPARTMENTS = 256

cell_rule = njit(rule_module.cell_rule)


@njit
def mix(
    sites: Any, before: Any, dt: float, p_birth: Any, tau_mix: float, tau_phase: float, growth_fraction: float,
    turnover: float, abortive: float, share_hypoxic: Any, h_ischaemia: Any, h_starvation: Any, h_ext: Any,
    overflow: Any, frailty: Any, born: Any,
) -> None:  # fmt: skip
    """Mix the slots of sites that hold counts.

    ``before`` (n, 4) are the cells at the step's start, ``frailty`` (sites, 4, parts) the means of those of
    them that survived, overwritten with the means of the cells now there; ``born`` (n, parts) gets the mean of
    the newborns of each site. All else as in `lifecycle.many_cells`.
    """
    parts = frailty.shape[2]
    survivors, flow = np.empty(4), np.empty((4, 4))  # flow[to, from]
    births = np.empty(4)
    old = np.empty((4, parts))
    for m in range(sites.size):
        site = sites[m]
        total_births = 0.0
        flow[:] = 0.0
        for slot in range(4):
            hypoxic, quiescent = slot & 1, slot >> 1
            hazard = turnover * quiescent + hypoxic * (h_ischaemia[site] + h_starvation[site])
            for e in range(h_ext.shape[0]):
                hazard += h_ext[e, site, slot]
            p_divide, p_phase, p_side = cell_rule(
                quiescent, hypoxic, np.float64(share_hypoxic[site]), dt, p_birth[0 if p_birth.size == 1 else site],
                tau_mix, tau_phase, growth_fraction,
            )  # fmt: skip
            survivors[slot] = before[m, slot] * math.exp(-hazard) * (1.0 - abortive * p_divide)
            births[slot] = survivors[slot] * p_divide
            total_births += births[slot]
            flow[slot ^ 1, slot] = survivors[slot] * p_side
            flow[slot ^ 2, slot] = survivors[slot] * (1.0 - p_side) * p_phase
            flow[slot, slot] = survivors[slot] * (1.0 - p_side) * (1.0 - p_phase)
        old[:] = frailty[site]
        born[m] = old[0]
        if total_births > 0.0:
            kept = max(total_births - overflow[site], 0.0) / total_births
            for c in range(parts):
                born[m, c] = old[0, c]
                for slot in range(1, 4):
                    born[m, c] += (old[slot, c] - old[0, c]) * (births[slot] / total_births)
            for slot in range(4):
                flow[0, slot] += births[slot] * kept
        for slot in range(4):
            total = flow[slot, 0] + flow[slot, 1] + flow[slot, 2] + flow[slot, 3]
            if total <= 0.0:
                continue
            for source in range(4):
                if source != slot and flow[slot, source] > 0.0:
                    # as a step from what was there: equal means stay equal, to the bit
                    for c in range(parts):
                        frailty[site, slot, c] += (old[source, c] - old[slot, c]) * (flow[slot, source] / total)


@njit
def settle(
    arrived: Any, count: Any, resident: Any, sites: Any, born: Any, overflow: Any, compartment: Any,
    nx: Any, ny: Any, nz: Any, frailty: Any,
) -> None:  # fmt: skip
    """Give the newborns that moved their mothers' mean.

    ``arrived`` are the sites they came to, ``count`` how many, ``resident`` how many cells had been in the slot
    of newborns; ``sites`` (ascending), ``born`` and ``overflow`` say where they came from.
    """
    # means are summed as differences from the first, so that equal ones stay equal, to the bit
    parts = frailty.shape[2]
    first = np.zeros((COMPARTMENTS, parts))
    beyond, weights = np.zeros((COMPARTMENTS, parts)), np.zeros(COMPARTMENTS)
    for m in range(sites.size):
        left = overflow[sites[m]]
        if left > 0:
            own = compartment[sites[m]]
            if weights[own] == 0.0:
                first[own] = born[m]
            weights[own] += left
            for c in range(parts):
                beyond[own, c] += left * (born[m, c] - first[own, c])
    start, more = np.empty(parts), np.empty(parts)
    for a in range(arrived.size):
        site = arrived[a]
        own = compartment[site]
        weight = 0.0
        more[:] = 0.0
        for there in neighbours(site, nx, ny, nz):
            if there >= 0 and compartment[there] == own and overflow[there] > 0:
                m = np.searchsorted(sites, there)
                if m == sites.size or sites[m] != there:
                    continue  # a site that was entered in this step has no mothers
                if weight == 0.0:
                    start[:] = born[m]
                weight += overflow[there]
                for c in range(parts):
                    more[c] += overflow[there] * (born[m, c] - start[c])
        if weight == 0.0:
            weight = weights[own]
            if weight == 0.0:
                continue
            start[:] = first[own]
            more[:] = beyond[own]
        share = count[a] / (count[a] + resident[a])
        for c in range(parts):
            mean = start[c] + more[c] / weight
            if resident[a] == 0:
                frailty[site, 0, c] = mean
            else:
                frailty[site, 0, c] += (mean - frailty[site, 0, c]) * share


class Inheritance:
    """The passing on of frailty in one population; ``rule`` as in `kernels.kernels`."""

    def __init__(self, rule: Callable[..., Any] | None = None) -> None:
        self._mix = mix if rule is None else around(mix, rule)
        self._sites = np.zeros(0, dtype=np.int64)
        self._before: NDArray[Any] | None = None
        self._born: NDArray[np.float64] | None = None

    def begin(self, state: State, sites: NDArray[np.int64]) -> None:
        """Keep what the step's start was, where there is anything to pass on."""
        if state.sizes.traits == 0:
            self._before = None
            return
        self._sites = sites
        self._before = (state.phase if state.sizes.one_cell else state.viable)[sites]

    def slots(self, state: State, rule: tuple[Any, ...], fails: tuple[float, float], hazards: tuple[Any, ...],
              overflow: NDArray[Any]) -> None:  # fmt: skip
        """Mix slots after the kernel; ``fails`` are turnover and failing divisions for each that succeeds.

        ``hazards`` are those of ischaemia and starvation, and external ones.
        """
        if self._before is None:
            return
        if state.sizes.one_cell:  # a cell keeps its memory whichever slot it is in
            self._born = state.frailty[self._sites, 0]
            return
        self._born = np.empty((self._sites.size, state.sizes.traits))
        self._mix(
            self._sites, self._before, *rule, *fails, state.share10, *hazards, overflow, state.frailty, self._born
        )

    def newborns(
        self,
        state: State,
        arrived: tuple[NDArray[np.int64], NDArray[np.int64]],
        overflow: NDArray[Any],
        shape: tuple[int, int, int],
    ) -> None:
        """Settle the newborns that `ground.Ground.place` gave other sites: these, and how many each."""
        if self._before is None or self._born is None:
            return
        sites, count = arrived
        resident = np.zeros(count.size, dtype=np.int64)
        if not state.sizes.one_cell:
            resident += state.viable[sites, 0] - count
        settle(sites, count, resident, self._sites, self._born, overflow, state.compartment, *shape, state.frailty)
