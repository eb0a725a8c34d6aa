"""Numbers of cooling are those of the table, in SI."""

from __future__ import annotations

from tumorsim.parameters import load_parameters
from tumorsim.treatments.thermal.defaults import Cooling


def test_numbers_are_those_of_the_table() -> None:
    cooling = Cooling.from_parameters(load_parameters({"heat.coolant_temperature": "10 degC"}))
    assert (cooling.sink_diameter, cooling.heated_length, cooling.coolant_coefficient) == (0.003, 0.05, 3127.0)
    assert cooling.coolant_temperature == 10.0
