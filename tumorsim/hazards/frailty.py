"""Frailty of the cells of one site: how a hazard on unequal cells selects, and what the survivors remember.

A cell's frailty for trait t is ``Z_t = theta_t (Y_0 + Y_t)``, of independent gammas of rate 1: one shared by
all traits, with shape k_0, and one of its own, with shape ``k_t = 1/theta_t - k_0``. So Z_t has mean 1 and
variance theta_t, and two of them the correlation ``k_0 sqrt(theta_s theta_t)`` (the correlated gamma frailty
of Yashin, Vaupel and Iachine, Math Popul Stud 5:145, 1995, which allows a variance for each). Survival of
nominal hazards H_t is

    S = (1 + sum theta_t H_t)^(-k_0) prod (1 + theta_t H_t)^(-k_t),

which for one trait is ``(1 + theta H)^(-1/theta)`` and for theta = 0 is exp(-H).

Gammas keep their shape under selection: survivors of H have the mean ``m = 1 / (1 + theta H)`` of what it was.
The four means (shared, then one a trait) are all there is to remember. Of a further nominal dH the survivors
get the *effective* hazard ``k ln(1 + m theta dH)`` and their mean becomes ``m / (1 + m theta dH)``: summed over
any cuts and any order it depends on the nominal sum alone. Cells are handed the effective hazard and know
nothing of all this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.hazards.traits import TRAITS, Traits
from tumorsim.state import DYING, EMPTY, State

PARTS = 1 + len(TRAITS)  # of `State.frailty`: shared, then one a trait


def survival(nominal: NDArray[np.float64], theta: NDArray[np.float64], shared: float) -> NDArray[np.float64]:
    """Share of untouched cells that survives nominal hazards, (..., traits) -> (...)."""
    scaled = nominal * theta
    own = np.where(theta > 0.0, 1.0 / np.where(theta > 0.0, theta, 1.0) - shared, 0.0)
    log = shared * np.log1p(scaled.sum(axis=-1)) + (own * np.log1p(scaled)).sum(axis=-1)
    return np.asarray(np.exp(-log - np.where(theta > 0.0, 0.0, nominal).sum(axis=-1)))


@njit
def select(nominal: Any, theta: Any, shared: float, means: Any, effective: Any) -> None:
    """Effective hazards of one slot, and the means of its survivors.

    Parameters
    ----------
    nominal : (traits,) float64
        Hazard on a cell of mean frailty.
    theta : (traits,) float64
        Variance of the frailty.
    shared : float
        Shape of the shared part.
    means : (1 + traits,) float64
        Means before; overwritten with those after.
    effective : (traits,) float64
        Out. What the shared part takes is split among the traits in proportion to theta_t H_t.
    """
    total = 0.0
    for t in range(theta.size):
        total += theta[t] * nominal[t]
    common = 0.0
    if total > 0.0:
        common = shared * math.log1p(means[0] * total) / total
        means[0] /= 1.0 + means[0] * total
    for t in range(theta.size):
        scaled = theta[t] * nominal[t]
        if theta[t] == 0.0:
            effective[t] = nominal[t]  # equal cells: nothing to select
        elif scaled == 0.0:
            effective[t] = 0.0
        else:
            own = (1.0 / theta[t] - shared) * math.log1p(means[1 + t] * scaled)
            means[1 + t] /= 1.0 + means[1 + t] * scaled
            effective[t] = own + common * scaled


@njit
def _impose(
    sites: Any, sensitivity: Any, theta: Any, shared: float, trait_of: Any, phase: Any, frailty: Any, hazard: Any
) -> None:
    """`impose` over ``sites``; ``phase`` is empty where sites hold counts."""
    n_traits, one_cell = theta.size, phase.size > 0
    nominal, effective = np.empty(n_traits), np.empty(n_traits)
    means = np.ones(1 + n_traits)
    remember = frailty.shape[2] > 0
    for m in range(sites.size):
        site = sites[m]
        for slot in range(4):
            nominal[:] = 0.0
            for e in range(trait_of.size):
                if trait_of[e] >= 0:
                    nominal[trait_of[e]] += sensitivity[m, trait_of[e]] * hazard[e, site, slot]
            if nominal.max() == 0.0:
                continue
            row = 0 if one_cell else slot
            if remember:
                means[:] = frailty[site, row]
            # a site of one cell has one memory, that of the slot its cell is in; the others are never read
            mine = not one_cell or phase[site] == slot + 1
            if one_cell and not mine:
                continue
            select(nominal, theta, shared, means, effective)
            if remember:
                frailty[site, row] = means
            for e in range(trait_of.size):
                t = trait_of[e]
                if t >= 0 and nominal[t] > 0.0:
                    hazard[e, site, slot] *= sensitivity[m, t] * (effective[t] / nominal[t])


def impose(
    state: State,
    traits: Traits,
    sites: NDArray[np.int64],
    hazard: NDArray[np.float64],
    trait_of: Sequence[int],
) -> None:
    """Turn nominal hazards into effective ones, in place, and let the survivors remember.

    Parameters
    ----------
    state : State
        Its ``frailty`` appears with the first hazard that selects, and is written.
    traits : Traits
    sites : (n,) int64
        Sites that hold cells.
    hazard : [cause, site, slot] float64
        Over one step, on a cell of mean sensitivity; effective ones at ``sites`` afterwards.
    trait_of : sequence of int
        Trait that each cause bears, -1 for none.
    """
    bearing = [e for e, t in enumerate(trait_of) if t >= 0]
    if traits.off or not any(hazard[e].any() for e in bearing):
        return
    if traits.frail:
        state.remember(PARTS)
    phase = state.phase if state.sizes.one_cell else np.zeros(0, dtype=np.uint8)
    which = np.asarray(trait_of, dtype=np.int64)
    _impose(sites, traits.sensitivity(sites), traits.theta, traits.shared, which, phase, state.frailty, hazard)


# share of what is missing that selection must account for, so that "resistant" is the word for it
RESISTANT_FROM = 0.5


def resistant(state: State, traits: Traits, borne: Sequence[int], planned: float) -> NDArray[np.bool_]:
    """Sites whose survivors have lived through what would have killed cells of mean sensitivity: (sites,).

    What a site's survivors have lived through is read from their memory, ``theta H = 1/m - 1`` of a trait's own
    part; divided by the sensitivity of patient and place it is the nominal hazard on a cell of mean
    sensitivity, and ``ln(1 + theta H) / theta`` is the effective one. Of what is missing of the plan, sites
    count where the difference of the two is at least half. A nominal hazard of the whole plan always counts.

    Parameters
    ----------
    state : State
    traits : Traits
    borne : sequence of int
        Traits that the treatment's causes bear.
    planned : float
        Hazard that was meant [-].
    """
    found = np.zeros(state.sizes.sites, dtype=np.bool_)
    kept = [t for t in borne if traits.theta[t] > 0.0]
    if state.sizes.traits == 0 or not kept:
        return found
    if state.sizes.one_cell:
        sites = np.flatnonzero((state.phase > EMPTY) & (state.phase < DYING))
        means = state.frailty[sites, 0]
    else:
        sites = np.flatnonzero(state.viable.any(axis=1))
        cells = state.viable[sites].astype(np.float64)
        means = (state.frailty[sites] * cells[:, :, None]).sum(axis=1) / cells.sum(axis=1)[:, None]
    sensitivity = traits.sensitivity(sites)
    for t in kept:
        scaled = 1.0 / means[:, 1 + t] - 1.0
        nominal = scaled / (traits.theta[t] * sensitivity[:, t])
        effective = np.log1p(scaled) / traits.theta[t]
        lost = nominal - effective
        found[sites] |= (lost > 0.0) & (lost >= RESISTANT_FROM * (planned - effective))
    return found
