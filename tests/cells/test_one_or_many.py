"""One cell a site and counts a site are one rule: the same mean and the same variance for the same hazards.

Single cells are taken in groups of as many as a site of counts holds. Keys are fixed, so that every run of a test
gives the same numbers; the bounds are 4.5 standard errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

IN_SLOT = 4  # cells of each slot in a site of counts, and in a group of single cells
TOLERANCE = 4.5

CASES: dict[str, dict[str, Any]] = {
    "nothing but hazards": {"growth": False},
    "changes of slot": {"p_birth": 0.0, "overrides": {"cells.turnover": "0 1/d"}, "still": True},
    "births": {"p_birth": 0.4, "share": 0.0, "overrides": {"cells.turnover": "0 1/d"}, "still": True},
    "all at once": {"p_birth": 0.3, "overrides": {"cells.turnover": "0.2 1/d"}},
}


def step(b: Any, k: int) -> tuple[Any, Any]:
    """One step under the hazards of the case; the totals, and births by site."""
    external = np.tile(np.array([0.05, 0.2, 0.1, 0.3]), (1, b.lattice.n_sites, 1))
    columns = [b.state.cause("x")]
    totals = b.step(k) if b.still else b.step(k, H_ext=external, ext_causes=columns)
    return totals, b.population._ground.overflow


def made(bench: Any, case: dict[str, Any], **more: Any) -> Any:
    given = {"share": 0.4, "causes": ["x"], "cells": [1, 0, 0, 0], **case}
    still = given.pop("still", False)
    b = bench(**given, **more)
    b.still = still
    if not still:
        b.starvation[:], b.ischaemia[:] = 0.3, 0.2
    return b


def of_counts(bench: Any, case: dict[str, Any], in_slot: int = IN_SLOT, repeats: int = 1) -> np.ndarray:
    """Deaths, births and cells of every slot after a step, (groups, 6)."""
    b = made(bench, case)
    found = []
    for k in range(repeats):
        state, inside = b.state, b.inside
        for array in (state.viable, state.dying, state.debris, state.deaths, state.doomed):
            array[...] = 0
        state.viable[inside] = in_slot
        b.population.attach(state)
        totals, _ = step(b, k)
        dead = state.deaths[inside].sum(axis=1)
        born = state.viable[inside].sum(axis=1) - 4 * in_slot + dead
        assert born.sum() == totals.births and dead.sum() == sum(totals.deaths)
        found.append(np.column_stack([dead, born, state.viable[inside]]))
    return np.concatenate(found).astype(float)


def of_single_cells(bench: Any, case: dict[str, Any], repeats: int = 3) -> np.ndarray:
    """As `of_counts`, of groups of single cells."""
    b = made(bench, case, spacing=20e-6, shape=(35, 35, 35), radius=16.0)
    sites = np.flatnonzero(b.inside)
    sites = sites[: len(sites) // (4 * IN_SLOT) * (4 * IN_SLOT)]
    slot = np.tile(np.arange(4), len(sites) // 4)
    found = []
    for k in range(repeats):
        state = b.state
        state.phase[:] = 0
        state.compartment[:] = 0
        state.compartment[b.inside] = 1
        state.deaths[:] = 0
        state.phase[sites] = 1 + slot
        b.population.attach(state)
        totals, overflow = step(b, 1_000 + k)
        born = overflow[sites]
        dead = state.deaths[sites].sum(axis=1)
        assert born.sum() == totals.births and dead.sum() == sum(totals.deaths)
        after = (state.phase[sites][:, None] == np.arange(1, 5)).astype(float)
        after[:, 0] += born  # where a newborn goes is for the rest of the step to say: it is proliferating and oxic
        columns = np.column_stack([dead, born, after])
        found.append(columns.reshape(-1, 4 * IN_SLOT, columns.shape[1]).sum(axis=1))
    return np.concatenate(found)


@pytest.mark.parametrize("name", CASES)
def test_single_cells_and_counts_agree_in_mean_and_variance(bench: Any, name: str) -> None:
    many, one = of_counts(bench, CASES[name], repeats=30), of_single_cells(bench, CASES[name])
    assert len(one) > 3_000 and len(many) > 3_000
    for column, what in enumerate(("deaths", "births", "slot 0", "slot 1", "slot 2", "slot 3")):
        a, b = many[:, column], one[:, column]
        if not a.any() and not b.any():
            continue
        spread = np.sqrt(a.var() / len(a) + b.var() / len(b))
        assert abs(a.mean() - b.mean()) < TOLERANCE * spread + 1e-12, what
        assert abs(a.var() - b.var()) < TOLERANCE * np.sqrt(_of_variance(a) + _of_variance(b)) + 1e-12, what
    # and the cases are what they say
    assert many[:, 0].any() or CASES[name].get("still")
    assert many[:, 1].any() == (CASES[name].get("p_birth", 0.0) > 0.0)
    assert np.abs(many[:, 2:] - IN_SLOT).any()


def _of_variance(x: np.ndarray) -> float:
    """Square of the standard error of a sample variance."""
    return float((((x - x.mean()) ** 2).var()) / len(x))


def test_large_counts_keep_the_mean_and_the_variance_of_single_cells(bench: Any) -> None:
    """Deaths and births are binomial at any number; changes of slot keep the mean (`lifecycle`: no cell is lost)."""
    case = CASES["all at once"]
    many, one = of_counts(bench, case, in_slot=1_000, repeats=30), of_single_cells(bench, case)
    cells, singles = 4_000.0, 4.0 * IN_SLOT
    for column in range(many.shape[1]):
        a, b = many[:, column] / cells, one[:, column] / singles
        assert abs(a.mean() - b.mean()) < TOLERANCE * np.sqrt(a.var() / len(a) + b.var() / len(b))
    for column in (0, 1):
        # n independent cells: the variance of a share goes as 1/n
        a, b = many[:, column] / np.sqrt(cells), one[:, column] / np.sqrt(singles)
        assert abs(a.var() - b.var()) < TOLERANCE * np.sqrt(_of_variance(a) + _of_variance(b))
