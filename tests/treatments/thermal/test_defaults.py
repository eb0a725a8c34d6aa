"""Numbers of a heat session are those of the table, in SI."""

from __future__ import annotations

from tumorsim.parameters import load_parameters
from tumorsim.treatments.thermal.defaults import Cooling, Perfusion, Practice


def test_numbers_are_those_of_the_table() -> None:
    blood = Perfusion.from_parameters(load_parameters())
    assert (blood.heat, blood.temperature, blood.normal) == (4.18e6, 37.0, 0.0165)
    changed = load_parameters({"heat.perfusion_normal": "0.0097 1/s", "heat.margin": "1 cm"})
    assert Perfusion.from_parameters(changed).normal == 0.0097
    practice = Practice.from_parameters(changed)
    assert (practice.margin, practice.contraction, practice.cem43_lethal) == (0.01, 0.0, 240 * 60)
    assert practice.alarm > practice.alarm_operated
    cooling = Cooling.from_parameters(changed)
    assert (cooling.sink_diameter, cooling.heated_length, cooling.coolant_coefficient) == (0.003, 0.05, 3127.0)
    assert cooling.coolant_temperature < blood.temperature
