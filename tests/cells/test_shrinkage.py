"""Shrinkage: volume follows what is left of a site, by its clock, and the untreated tumour keeps its own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tumorsim.cells.shrinkage import Shrinkage
from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.state import Sizes, State

DAY = 86_400.0
PARAMETERS = {**load_parameters()}
CLOCK, SCAR = PARAMETERS["clocks.shrinkage"], PARAMETERS["tissue.scar_share"]
NATIVE = np.array([1, 1, 1, 1, 0, 255], np.uint8)  # four sites of tumour, liver, and what is outside


def tissue() -> tuple[State, Shrinkage, np.ndarray]:
    state = State(Sizes(sites=6))
    state.compartment[:] = NATIVE
    state.viable[:4, 0] = 600
    state.viable[:4, 3] = 100
    state.dying[:4] = 100
    state.debris[:4] = 150
    state.doomed[:4, 1] = 50
    return state, Shrinkage(NATIVE, 1000, PARAMETERS), np.arange(4)


def test_a_full_tumour_keeps_its_volume_to_the_bit() -> None:
    state, shrinkage, sites = tissue()
    for _ in range(50):
        shrinkage.age(state, sites, DAY)
    assert np.all(state.volume == 1.0)


def test_it_relaxes_to_the_share_left_and_not_below_the_scar() -> None:
    state, shrinkage, sites = tissue()
    state.viable[0] = 0  # 300 of 1000 are left
    for array in (state.viable, state.dying, state.debris, state.doomed):
        array[1] = 0
    shrinkage.age(state, sites, 5 * DAY)
    assert state.volume[0] == pytest.approx(0.3 + 0.7 * math.exp(-5 * DAY / CLOCK), rel=1e-6)
    assert np.all(state.volume[2:] == 1.0)
    for _ in range(400):
        shrinkage.age(state, sites, DAY)
    assert state.volume[:2] == pytest.approx([0.3, SCAR], rel=1e-5)
    state.viable[:2, 0] = 1000  # regrown
    for _ in range(400):
        shrinkage.age(state, sites, DAY)
    assert state.volume[:2] == pytest.approx([1.0, 1.0], rel=1e-5)


def test_many_small_steps_are_one_large_one() -> None:
    one, shrinkage, sites = tissue()
    one.viable[0] = 0
    many = one.fork()
    shrinkage.age(one, sites, 10 * DAY)
    for _ in range(40):
        shrinkage.age(many, sites, DAY / 4)
    assert many.volume == pytest.approx(one.volume, rel=1e-5)


def test_a_site_that_tumour_entered_loses_only_what_it_had_gained() -> None:
    state, shrinkage, _ = tissue()
    state.compartment[4] = 1
    state.viable[4, 0], state.peak[4] = 50, 50
    entered = np.array([4])
    assert shrinkage.goal(state, entered)[0] == 1.0
    assert shrinkage.tumour_share(state, entered)[0] == pytest.approx(0.05)
    state.viable[4] = 0
    assert shrinkage.goal(state, entered)[0] == pytest.approx(0.95)


def test_it_can_be_switched_off_and_single_cells_do_not_shrink() -> None:
    state, shrinkage, sites = tissue()
    state.viable[:] = 0
    shrinkage.active = False
    shrinkage.age(state, sites, DAY)
    single = State(Sizes(sites=6, one_cell=True))
    Shrinkage(NATIVE, 1, PARAMETERS).age(single, sites, DAY)
    assert np.all(state.volume == 1.0) and np.all(single.volume == 1.0)


def test_impossible_parameters_are_refused_together() -> None:
    with pytest.raises(InputError, match=r"clocks\.shrinkage(.|\n)*tissue\.scar_share"):
        Shrinkage(NATIVE, 1000, {**PARAMETERS, "clocks.shrinkage": 0.0, "tissue.scar_share": 0.0})
