import math

import numpy as np
import pytest

from tumorsim.cells.calibration import calibrate, potential_births
from tumorsim.cells.rule import cell_rule
from tumorsim.errors import InputError

DAY = 86400.0
FAILS = 0.1 / 0.9  # divisions that fail for each that succeeds
CLOCKS = {
    "abortive": FAILS, "cycle_time": 36 * 3600.0, "tau_mix": DAY, "tau_phase": 2 * DAY, "growth_fraction": 0.134,
}  # fmt: skip


def matrix(p_birth, share, hazard, turnover, dt):
    """Mean of one step, (to, from)."""
    m = np.zeros((4, 4))
    for s in range(4):
        divide, phase, side = cell_rule(
            s >> 1, s & 1, share, dt, p_birth, CLOCKS["tau_mix"], CLOCKS["tau_phase"], 0.134
        )
        m[s ^ 1, s] += side
        m[s ^ 2, s] += (1 - side) * phase
        m[s, s] += (1 - side) * (1 - phase)
        m[0, s] += divide
        m[:, s] *= math.exp(-(hazard * (s & 1) + turnover * (s >> 1))) * (1.0 - FAILS * divide)
    return m


@pytest.mark.parametrize("hours", [6, 12, 24])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_the_growth_of_a_step_is_the_dominant_eigenvalue(hours, share):
    dt, turnover, hazard = hours * 3600.0, 0.001 * hours / 24, 0.01 * hours / 24
    found = calibrate(
        cell_rule, np.full(7, share), np.full(7, hazard), dt=dt, doubling_time=140 * DAY, turnover=turnover, **CLOCKS
    )
    values, vectors = np.linalg.eig(matrix(found.p_birth, share, hazard, turnover, dt))
    top = np.argmax(values.real)
    assert values[top].real == pytest.approx(2 ** (dt / (140 * DAY)), rel=1e-11)
    vector = vectors[:, top].real / vectors[:, top].real.sum()
    assert found.composition[0] == pytest.approx(vector, abs=1e-9)


def test_a_tumour_of_unequal_sites_grows_as_asked_in_the_mean():
    share, cells = np.linspace(0, 0.9, 500), np.linspace(1.0, 0.3, 500)
    found = calibrate(
        cell_rule, share, share * 0.05, dt=DAY / 2, doubling_time=140 * DAY, turnover=5e-4, cells=cells, **CLOCKS
    )
    weight = np.bincount(found.group, cells) / cells.sum()
    mean = [np.bincount(found.group, x) / np.bincount(found.group) for x in (share, share * 0.05)]
    growth = [matrix(found.p_birth, h, hz, 5e-4, DAY / 2).sum(axis=0) for h, hz in zip(*mean, strict=True)]
    total = sum(w * g @ c for w, g, c in zip(weight, growth, found.composition, strict=True))
    assert total == pytest.approx(2 ** (0.5 / 140), abs=2e-5)


def test_without_growth_and_loss_nothing_divides():
    found = calibrate(cell_rule, np.zeros(3), np.zeros(3), dt=DAY, doubling_time=math.inf, turnover=0.0, **CLOCKS)
    assert found.p_birth == 0
    assert found.composition[0] == pytest.approx([0.134, 0, 0.866, 0], abs=1e-9)


def test_too_short_a_doubling_time_is_refused_with_the_shortest():
    with pytest.raises(
        InputError, match=r"shorter than these cells can double; the shortest is (\d+\.?\d*) d"
    ) as refused:
        calibrate(cell_rule, np.zeros(3), np.zeros(3), dt=DAY / 2, doubling_time=3 * DAY, turnover=0.0, **CLOCKS)
    shortest = float(str(refused.value).split("shortest is ")[1].split(" d")[0])
    assert 1.5 < shortest < 36 / 24 / 0.134  # a cycle, and a cycle over the growth fraction
    for times, possible in ((1.01, True), (0.99, False)):
        try:
            calibrate(
                cell_rule, np.zeros(3), np.zeros(3), dt=DAY / 2, doubling_time=shortest * times * DAY, turnover=0.0,
                **CLOCKS,
            )  # fmt: skip
        except InputError:
            assert not possible
        else:
            assert possible


def test_losses_that_births_cannot_make_good_are_refused():
    with pytest.raises(InputError, match="losses exceed"):
        calibrate(cell_rule, np.ones(3), np.full(3, 2.0), dt=DAY, doubling_time=140 * DAY, turnover=0.0, **CLOCKS)


def test_a_rule_that_is_no_probability_is_refused():
    with pytest.raises(InputError, match="probability"):
        calibrate(
            lambda *a: (0.1, 1.5, 0.0),
            np.zeros(3),
            np.zeros(3),
            dt=DAY,
            doubling_time=140 * DAY,
            turnover=0.0,
            **CLOCKS,
        )


def test_a_rule_with_its_own_growth_is_left_alone():
    found = calibrate(
        lambda q, h, share, *rest: (0.01, 0.0, 0.0), np.zeros(3), np.zeros(3), dt=DAY, doubling_time=140 * DAY,
        turnover=0.0, **CLOCKS,
    )  # fmt: skip
    assert not found.imposed


@pytest.mark.parametrize("abortive", [0.0, FAILS])
def test_potential_growth_does_not_depend_on_the_step(abortive):
    """The growth of 60 d from a full cycle's probability, in steps of 3 to 24 h; and its limit for short steps."""
    clocks = {"cycle_time": 36 * 3600.0, "tau_phase": 2 * DAY, "growth_fraction": 0.134, "abortive": abortive}
    grown = []
    for hours in (3, 6, 12, 24):
        p = potential_births(hours * 3600.0, **clocks)
        settling = 1 - math.exp(-hours / 48)
        cells = np.array([0.134, 0.866])
        for k in range(72 * 24 // hours):
            if k == 12 * 24 // hours:  # the mix of the two has settled
                start = cells.sum()
            alive = cells * [1 - abortive * p, 1]
            out = alive * settling * [0.866, 0.134]
            cells = alive - out + out[::-1] + [alive[0] * p, 0]
        grown.append(math.log(cells.sum() / start))
    assert max(grown) == pytest.approx(min(grown), rel=2e-3)
    assert potential_births(60.0, **clocks) == pytest.approx(math.log(2) * 60 / (36 * 3600), rel=2e-3)
    assert potential_births(30 * DAY, **clocks) == 1.0
