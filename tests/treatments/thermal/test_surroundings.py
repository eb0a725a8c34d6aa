"""Water in electrodes, and materials that absorb less than liver."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tumorsim.anatomy.fluid import MATERIALS, materials_table
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.treatments.thermal.alarm import Course
from tumorsim.treatments.thermal.microwave_source import Microwave
from tumorsim.treatments.thermal.rf_source import Radiofrequency
from tumorsim.treatments.thermal.sar import Needle
from tumorsim.treatments.thermal.session import Burn, Window, _intervals
from tumorsim.treatments.thermal.surroundings import absorbing, coolant

TABLE = load_parameters()
MICROWAVE, ELECTRODE = Microwave.from_parameters(TABLE), Radiofrequency.from_parameters(TABLE)
HERE = Needle((0.0, 0.0, 0.0))


def test_gas_absorbs_nothing_and_nothing_absorbs_more_than_liver() -> None:
    others = materials_table(TABLE)
    for source in (MICROWAVE, ELECTRODE):
        share = dict(zip(MATERIALS, absorbing(source, others, TABLE), strict=True))
        assert share["tissue"] == 1.0 and share["gas"] == 0.0
        assert share["bile"] == share["saline"] == 1.0 and 0.0 < share["fat"] < share["lung"] < 1.0
    at_wave, at_current = (
        dict(zip(MATERIALS, absorbing(s, others, TABLE), strict=True)) for s in (MICROWAVE, ELECTRODE)
    )
    assert at_wave["dextrose"] == pytest.approx(1.1 / 1.687)
    assert at_current["dextrose"] == pytest.approx(0.001 / 0.148)  # which is why it is used with electrodes


def test_water_cools_the_tip_of_an_electrode_alone() -> None:
    lattice = Lattice((20, 20, 40), 1e-3)
    assert coolant(MICROWAVE, HERE, lattice, TABLE) is None
    cold = coolant(ELECTRODE, HERE, lattice, TABLE)
    assert cold is not None
    wall = np.pi * ELECTRODE.diameter * ELECTRODE.length
    assert cold.sum() == pytest.approx(TABLE["heat.coolant_coefficient"] * wall, rel=0.02)
    assert not cold.reshape(lattice.shape)[:, :, :4].any()


def test_an_interval_has_the_water_of_its_own_electrodes_and_no_power_in_gas() -> None:
    home = Lattice((30, 30, 40), 1e-3)
    window = Window.around(home, np.array([[0.0, 0.0, 0.0]]), 14e-3, 1e-3)
    code: Any = np.where(window.lattice.centres()[:, 0] > 4e-3, MATERIALS.index("gas"), 0)
    burns = [Burn(ELECTRODE, HERE, 10.0, 0.0, 60.0), Burn(MICROWAVE, HERE, 10.0, 30.0, 60.0)]
    first, both, last = _intervals(Course(burns), burns, window, code, TABLE, 1)
    assert [s.duration for s in (first, both, last)] == [30.0, 30.0, 30.0]
    assert last.sinks is None and np.array_equal(first.sinks, both.sinks)
    assert first.sink_temperature == TABLE["heat.coolant_temperature"]
    for interval in (first, both, last):
        assert not interval.sar[code > 0].any() and interval.sar[code == 0].min() > 0.0
    assert both.sar == pytest.approx(first.sar + last.sar)
