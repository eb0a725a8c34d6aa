"""The birth probability that makes the untreated tumour double in its doubling time, and its cells in balance.

In the mean, one step maps the cells of the four slots of a site by a 4 x 4 matrix: survivors move as the rule
says, newborns enter slot 0. While the whole tumour grows by ``g = 2**(dt / doubling_time)`` a step, the
composition ``c`` of tissue with a given hypoxic share and given hazards obeys ``g c = T c + newborns``. So
``c`` follows from ``T`` and ``g`` alone, and the birth probability is the one at which the births that these
cells give are those that the growth asks for, over the whole tumour. For steps of any length the growth of
a step is then exact in the mean, from the first step on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from tumorsim.errors import InputError

GROUPS = 256  # classes of hypoxic share in which the tumour is calibrated

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What a calibration found.

    Attributes
    ----------
    p_birth : float
        Probability that a proliferating oxic cell divides in a step, passed to the rule.
    imposed : bool
        False where the rule does not use ``p_birth`` and so sets its own growth.
    group : (n,) int64
        Class of each site.
    composition : (groups, 4) float64
        Shares of the four slots in each class; rows sum to 1.
    """

    p_birth: float
    imposed: bool
    group: NDArray[np.int64]
    composition: Array


def most_births(dt: float, cycle_time: float) -> float:
    """Probability that a proliferating cell divides within ``dt`` [s] if it does so once a cycle [s]: the potential."""
    return min(1.0, 2.0 ** (dt / cycle_time) - 1.0)


def potential_births(
    dt: float, *, cycle_time: float, tau_phase: float, growth_fraction: float, abortive: float
) -> float:
    """Probability that a proliferating oxic cell divides within ``dt`` so that tissue grows at its potential rate.

    In continuous time proliferating cells divide at the rate ln 2 / cycle, a share of attempts fails, and cells
    settle to the growth fraction with ``tau_phase``: the dominant eigenvalue is the potential growth rate. The
    probability is the one at which a step of the cells (newborns proliferate) grows by as much, so that a nest
    does not grow faster for being computed in smaller steps. 1 where a step is too long for that. Times in s.
    """
    rate, settling = math.log(2.0) / cycle_time, -math.expm1(-dt / tau_phase)
    leave, enter = (1.0 - growth_fraction) / tau_phase, growth_fraction / tau_phase
    due = _largest(rate * (1.0 - abortive) - leave, enter, leave, -enter) * dt

    def short(p: float) -> float:
        stays = 1.0 - abortive * p
        out, back = settling * (1.0 - growth_fraction), settling * growth_fraction
        return math.log(_largest(stays * (1.0 - out + p), back, stays * out, 1.0 - back)) - due

    return 1.0 if short(1.0) < 0.0 else float(brentq(short, 0.0, 1.0, xtol=1e-14))


def _largest(a: float, b: float, c: float, d: float) -> float:
    """Larger eigenvalue of [[a, b], [c, d]] with b c >= 0."""
    return 0.5 * (a + d) + math.sqrt(0.25 * (a - d) ** 2 + b * c)


def calibrate(
    rule: Callable[..., tuple[float, float, float]],
    share_hypoxic: Array,
    hazard_hypoxic: Array,
    *,
    dt: float,
    doubling_time: float,
    turnover: float,
    abortive: float,
    cycle_time: float,
    tau_mix: float,
    tau_phase: float,
    growth_fraction: float,
    cells: Array | None = None,
) -> Calibration:
    """Find the birth probability of the untreated tumour.

    Parameters
    ----------
    rule : callable
        See `rule.py`.
    share_hypoxic, hazard_hypoxic : (n,) float64
        Of each tumour site: share of its tissue below 10 mmHg, and the hazard of its hypoxic cells over a step.
    dt, doubling_time, cycle_time, tau_mix, tau_phase : float
        Seconds; ``doubling_time`` may be inf (no net growth).
    turnover : float
        Hazard of quiescent cells over a step.
    abortive : float
        Divisions that fail, and lose the cell, for each one that succeeds.
    cells : (n,) float64, optional
        Viable cells of each site, in any unit; equal by default.

    Raises
    ------
    InputError
        Where no birth probability gives this doubling time: proliferating cells would have to divide faster
        than once a cycle (the message gives the shortest doubling time), or the tumour outgrows it without
        birth.
    """
    if not doubling_time > 0:
        raise InputError(f"tumour.doubling_time must be positive, got {doubling_time / 86400:.3g} d")
    group, share, hazard, weight = _classes(share_hypoxic, hazard_hypoxic, cells)
    none = np.zeros_like(hazard)
    survival = np.exp(-np.stack([none, hazard, none + turnover, hazard + turnover], axis=1))

    def excess(p_birth: float, growth: float) -> tuple[float, Array]:
        """Births given less births asked for, over a step and a cell of the tumour; the composition."""
        p = np.array(
            [
                [rule(s >> 1, s & 1, h, dt, p_birth, tau_mix, tau_phase, growth_fraction) for s in range(4)]
                for h in share
            ],
            dtype=np.float64,
        )  # (groups, slot, [divide, phase, side])
        if not (np.all(p >= 0) and np.all(p <= 1)):
            raise InputError("rule: every number it returns must be a probability, 0 to 1")
        lasting = survival * (1.0 - abortive * p[:, :, 0])
        composition = _composition(p[:, :, 1], p[:, :, 2], lasting, growth)
        lives = composition * lasting
        given = (lives * p[:, :, 0]).sum(axis=1)
        asked = growth - lives.sum(axis=1)
        return float(weight @ (given - asked)), composition

    growth = 2.0 ** (dt / doubling_time)
    most = most_births(dt, cycle_time)
    low, _ = excess(0.0, growth)
    high, composition = excess(most, growth)
    if low == high:
        return Calibration(0.0, False, group, composition)
    if high < 0:
        raise InputError(_too_fast(lambda g: excess(most, g)[0], dt, doubling_time))
    if low > 1e-12:
        raise InputError("cells: the rule makes cells without births; the doubling time cannot be imposed")
    p_birth = 0.0 if low >= 0 else brentq(lambda p: excess(p, growth)[0], 0.0, most, xtol=1e-15, rtol=1e-14)
    return Calibration(float(p_birth), True, group, excess(p_birth, growth)[1])


def _classes(share: Array, hazard: Array, cells: Array | None) -> tuple[NDArray[np.int64], Array, Array, Array]:
    """Class of each site by rank of its share; mean share, hazard and weight of each class."""
    share = np.asarray(share, dtype=np.float64)
    if share.size == 0:
        raise InputError("cells: there is no tumour site to calibrate")
    if not (np.all(share >= 0) and np.all(share <= 1)):
        raise InputError("cells: shares of hypoxic tissue must lie between 0 and 1")
    # equal shares belong to one class: rank by value, not by place
    _, inverse = np.unique(share, return_inverse=True)
    upto = np.cumsum(np.bincount(inverse))
    middle = upto - 0.5 * np.diff(upto, prepend=0)
    by_value = np.minimum((middle / share.size * GROUPS).astype(np.int64), GROUPS - 1)
    _, group = np.unique(by_value[inverse.reshape(-1)], return_inverse=True)
    count = np.bincount(group).astype(np.float64)
    held = np.ones(share.size) if cells is None else np.asarray(cells, dtype=np.float64)
    weight = np.bincount(group, held)
    if not weight.sum() > 0:
        raise InputError("cells: the tumour holds no viable cell")
    mean_share = np.bincount(group, share) / count
    # average survival of hypoxic cells, not hazard, where it varies within a class
    hypoxic = np.bincount(group, share)
    survive = np.bincount(group, share * np.exp(-np.asarray(hazard, dtype=np.float64)))
    mean_hazard = np.where(hypoxic > 0, -np.log(np.where(hypoxic > 0, survive / np.maximum(hypoxic, 1e-300), 1.0)), 0.0)
    return group.astype(np.int64), mean_share, mean_hazard, weight / weight.sum()


def _composition(p_phase: Array, p_side: Array, survival: Array, growth: float) -> Array:
    """Shares of the slots in each class while it grows by ``growth`` a step: ``(groups, 4)``."""
    moves = np.zeros((p_phase.shape[0], 4, 4))  # [group, to, from]
    for slot in range(4):
        stays = 1.0 - p_side[:, slot]
        moves[:, slot ^ 1, slot] = p_side[:, slot]
        moves[:, slot ^ 2, slot] = stays * p_phase[:, slot]
        moves[:, slot, slot] = stays * (1.0 - p_phase[:, slot])
    moves *= survival[:, None, :]
    newborns = np.zeros((p_phase.shape[0], 4, 1))
    newborns[:, 0] = 1.0
    # at growth 1 without loss the system is singular; a hair above it the solution is the balance
    above = np.maximum(growth, 1.0 + 1e-12)
    solved = np.linalg.solve(above * np.eye(4) - moves, newborns)[:, :, 0]
    solved = np.maximum(solved, 0.0)
    composition: Array = solved / solved.sum(axis=1, keepdims=True)
    return composition


def _too_fast(excess: Callable[[float], float], dt: float, doubling_time: float) -> str:
    asked = f"tumour.doubling_time: {doubling_time / 86400:.4g} d is shorter than these cells can double"
    below, above = 1.0, 2.0 ** (dt / doubling_time)
    if excess(below) < 0:
        return f"{asked}; their losses exceed their births at any doubling time"
    for _ in range(60):
        middle = 0.5 * (below + above)
        if excess(middle) >= 0:
            below = middle
        else:
            above = middle
    shortest = dt * math.log(2.0) / math.log(max(below, 1.0 + 1e-15)) / 86400
    return f"{asked}; the shortest is {shortest:.4g} d (cells.growth_fraction, cells.cycle_time)"
