"""A record refuses what cannot be, with its place."""

import dataclasses
import math

import pytest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state_hash": "abc"}, "64 hexadecimal"),
        ({"arm": " "}, "needs a name"),
        ({"patient": -1}, "patient and seed"),
        ({"after_last_time_h": 5.0}, "come together"),
        ({"series": [(0.0, "volume", 1.0, "mL")]}, "no 'viable_cells'"),
        ({"series": [(0.0, "viable_cells", math.nan, "cells")]}, "viable_cells at 0.0 h"),
        ({"nadir_fraction": math.inf}, "nadir_fraction"),
        ({"perfusion": {"liver": {"portal": math.nan}}}, "perfusion.liver.portal"),
    ],
)
def test_an_impossible_record_is_refused_by_name(synthetic, change, message):
    record = synthetic.record("untreated", 2, picture=False)
    with pytest.raises(ValueError, match=message) as error:
        dataclasses.replace(record, **change)
    assert "arm" in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p0": 0.5}, "0 or 1"),
        ({"imaging": {"margin_mm": math.nan}}, "imaging.margin_mm"),
        ({"harm": {"wall": {"gallbladder": [1.0, math.inf]}}}, r"harm.wall.gallbladder\[1\]"),
    ],
)
def test_an_impossible_outcome_is_refused_by_name(synthetic, change, message):
    reading = synthetic.record("tae", 1, picture=False).at_horizon
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(reading, **change)


def test_cells_at_a_time_are_those_at_the_end_of_its_step(synthetic):
    record = synthetic.record("untreated", 1, picture=False)
    times, cells = record.viable_series()
    assert record.viable_at(times[3]) == cells[3]
    assert record.viable_at(times[3] + 5) == cells[4]
    assert record.viable_at(times[-1] + 24) is None
    assert record.first_treatment_h is None
    assert synthetic.record("tae", 1, picture=False).first_treatment_h == 0.0
