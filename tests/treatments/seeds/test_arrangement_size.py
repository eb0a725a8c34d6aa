"""The nomographs give their numbers, for sizes measured as a reader does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.treatments.seeds.arrangement import BECQUEREL_PER_MCI, RULES, strength_of
from tumorsim.treatments.seeds.arrangement_rules import Arranger
from tumorsim.treatments.seeds.arrangement_size import (
    anderson_activity,
    cevc_activity,
    default_activity,
    dimensions,
    nomograph_number,
)

_SPEC = importlib.util.spec_from_file_location("seed_rows", Path(__file__).with_name("seed_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
shared = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shared)
FAN = shared.FAN
MM = shared.MM
PARAMETERS = shared.PARAMETERS
RULES_OF_TABLE = shared.RULES_OF_TABLE
STRENGTH = shared.STRENGTH
ball = shared.ball
box = shared.box
ellipsoid = shared.ellipsoid

MCI = BECQUEREL_PER_MCI


def test_the_nomographs() -> None:
    for d, mci in ((1.0, 5.0), (2.0, 10.0), (3.0, 15.0), (4.0, 1.34 * 4**2.2), (5.0, 46.2209)):
        assert anderson_activity(d * 1e-2) / MCI == pytest.approx(mci, rel=1e-4)
    assert anderson_activity(0.0300001) / anderson_activity(0.03) == pytest.approx(1.0, rel=2e-3)  # 15.02 to 15.00
    assert cevc_activity(0.05) / MCI == pytest.approx(25.0)
    # 5 (4 + 3 + 2) / 3 / 0.6 = 25
    assert nomograph_number((0.04, 0.03, 0.02), 0.6 * MCI, "cevc") == 25
    assert nomograph_number((0.04, 0.03, 0.02), 0.6 * MCI) == 25  # the same line up to 3 cm
    assert nomograph_number((0.001, 0.001, 0.001), 0.8 * MCI) == 1
    assert strength_of(MCI, PARAMETERS) == pytest.approx(1.270)
    assert default_activity(PARAMETERS) == pytest.approx(0.6 * MCI)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("diameter", [20.0, 30.0, 40.0])
def test_total_activity_is_that_of_the_nomograph(rule: str, diameter: float) -> None:
    """To half a seed, for the true diameter: what is measured is one or two per cent more."""
    lattice = box(diameter + 8.0)
    goal = ball(lattice, diameter)
    activity = default_activity(PARAMETERS)
    number = nomograph_number(dimensions(lattice, goal), activity)
    made = Arranger(lattice, goal, rule, STRENGTH, FAN[:1], RULES_OF_TABLE).number(number)
    due = strength_of(anderson_activity(sum(dimensions(lattice, goal)) / 3.0), PARAMETERS)
    assert abs(made.total_strength - due) <= 0.5 * STRENGTH + 1e-12
    true = strength_of(anderson_activity(diameter * MM), PARAMETERS)
    assert made.total_strength == pytest.approx(true, rel=0.06)


def test_sizes_are_those_of_the_body() -> None:
    lattice = box(60.0)
    for axes in ((50.0, 30.0, 20.0), (20.0, 40.0, 30.0)):
        found = np.array(dimensions(lattice, ellipsoid(lattice, axes))) / MM
        assert found == pytest.approx(sorted(axes, reverse=True), abs=1.0)
    one = np.zeros(lattice.n_sites, dtype=bool)
    assert dimensions(lattice, one) == (0.0, 0.0, 0.0)
    one[lattice.locate((0.0, 0.0, 0.0))] = True
    assert dimensions(lattice, one)[0] == pytest.approx(3**0.5 * MM)  # a cube's diagonal
    assert min(dimensions(lattice, one)) > 0.9 * MM
    assert dimensions(lattice, np.ones(lattice.n_sites, dtype=bool))[0] == pytest.approx(3**0.5 * 60 * MM)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="not known"):
        nomograph_number((0.03, 0.03, 0.03), MCI, "anders")
    for size, activity in (((0.0, 0.0, 0.0), MCI), ((0.03, 0.03, 0.03), 0.0)):
        with pytest.raises(InputError, match="positive"):
            nomograph_number(size, activity)
    with pytest.raises(InputError, match="activity"):
        strength_of(-1.0, PARAMETERS)
