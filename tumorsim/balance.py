"""The untreated tumour in balance: blood, oxygen, living cells and debris that fit each other.

Cells consume oxygen, want of oxygen kills cells, dead cells take room until they are resorbed. A tumour that
started full of living cells would first have to find this balance, and its growth would drift while it did.
So it starts there: for every site the share of its capacity that lives is the fixed point of

    living = full - dead,   dead = loss(oxygen(living)) x living x (time as dying cell + time as debris)

with the loss a hazard per time, and both times shortened by the growth that dilutes what is left.
"""

from __future__ import annotations

import math

import numpy as np

from tumorsim.cells.population import Population
from tumorsim.oxygenation import Oxygenation
from tumorsim.state import OUTSIDE, State

ROUNDS = 40
DAMPING = 0.5
SETTLED = 1e-3  # of a full site


def fill_in_balance(state: State, population: Population, oxygenation: Oxygenation, dt: int) -> None:
    """Fill the tumour with cells and debris in balance with its blood, and calibrate its growth.

    Parameters
    ----------
    state : State
        With blood flow, without cells; filled in place.
    population, oxygenation
        Of the same run.
    dt : int
        Base step [s].
    """
    sites = population.members
    if not len(sites):
        return  # no tumour: nothing to fill
    # mean time as a dying cell, and then as debris, in a growing tumour [s], counted at the ends of steps
    growth = 2.0 ** (dt / population.doubling_time)
    dying, resorbing = population.rates_of_debris
    stay = dt / (1.0 - math.exp(-dying * dt) / growth)
    waste = stay * -math.expm1(-dying * dt) / (growth - math.exp(-resorbing * dt))
    living = np.full(len(sites), population.initial_fill)
    tissue = np.flatnonzero(state.compartment != OUTSIDE)
    oxygenation.living[:] = 1.0
    for _ in range(ROUNDS):
        oxygenation.living[sites] = living
        oxygenation.update(state, sites)
        # the untreated tumour has been so for long: its anoxic tissue is past the latency
        state.anoxic_lag[sites] = state.share0p5[sites]
        oxygenation.clear(sites)
        oxygenation.integrate(state, population, dt)
        of_hypoxic = oxygenation.h_ischaemia[sites] + oxygenation.h_starvation[sites]
        turnover = population.turnover * (1.0 - population.growth_fraction)  # of quiescent cells
        loss = (turnover + of_hypoxic * state.share10[sites]) / dt
        aim = population.initial_fill / (1.0 + loss * (stay + waste))
        if np.abs(aim - living).max(initial=0.0) < SETTLED:
            break
        living += DAMPING * (aim - living)
    oxygenation.update(state, tissue)
    state.anoxic_lag[:] = state.share0p5
    population.seed_cells(
        state.share10,
        oxygenation.h_ischaemia + oxygenation.h_starvation,
        living=living,
        dying=living * loss * stay,
        debris=living * loss * waste,
    )
    oxygenation.clear(sites)
    oxygenation.attach(state)
