"""Closed forms of growth against their table, and the model's cells against them."""

import csv
import math
import re
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from tumorsim.anatomy import TumourSpec, build
from tumorsim.cells import analytic_growth as growth
from tumorsim.cells.calibration import calibrate
from tumorsim.cells.rule import cell_rule
from tumorsim.chance import normal_quantile
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice, capacity
from tumorsim.parameters import load_parameters

DAY, TABLE = 86_400.0, Path(__file__).parents[1] / "data" / "analytic_growth.csv"


def rows():
    """Rows of the table; where a description says "same" it is that of the test's row before."""
    with TABLE.open(encoding="utf-8") as file:
        seen = {}
        for row in csv.DictReader(line for line in file if line[0] != "#"):
            if row["description"] == "same":
                row["description"] = seen[row["test_id"]]
            seen[row["test_id"]] = row["description"]
            yield row


def number(name, text):
    return float(re.search(rf"{re.escape(name)}=?\s*([\d.e+]+)", text)[1])


def expected(test, text, quantity):
    if test == "G1":
        return growth.cells_of_sphere(number("d", quantity) * 1e-2, float(quantity.split(",")[1].rstrip(")")) * 1e6)
    if test == "G2":
        doubling = number("time", text) * DAY
        if quantity == "growth rate":
            return growth.growth_rate(doubling) * DAY
        return growth.diameter_time(0.01, 0.02 if "doubling" in quantity else 0.03, doubling) / DAY
    if test == "G3":
        sigma = math.log(302.3 / 72.1) / (2.0 * normal_quantile(0.75))
        if quantity == "sigma_ln":
            return sigma
        limit = NormalDist().cdf(math.log(number("TVDT<" if "<" in quantity else "TVDT>", quantity) / 163.4) / sigma)
        return limit if "<" in quantity else 1.0 - limit
    if test == "G4":
        return growth.logistic(number("t", quantity), 1e6, 0.3, 1e9)
    if test == "G5":
        return growth.gompertz(number("t", quantity), 1e6, 0.05, 1e9)
    potential = growth.potential_doubling_time
    if test == "G6":
        found = potential(number("Tc", text.split(";")[1]) / 24.0, number("GF", text.split(";")[1]))
        return found if quantity == "Tpot" else growth.cell_loss_factor(found, number("TVDT", text.split(";")[1]))
    return growth.crust_speed(number("w", text.split(",")[1]), 1.0)


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row['test_id']} {row['quantity']}")
def test_every_row(row):
    found = expected(row["test_id"], row["description"], row["quantity"])
    assert found == pytest.approx(float(row["value"]), rel=1e-5)


@pytest.mark.parametrize("diameter", [5e-3, 10e-3, 20e-3, 30e-3])
@pytest.mark.parametrize("density", [1e14, 1e15])
def test_a_tumour_on_the_lattice_holds_the_cells_of_its_sphere(diameter, density):
    """G1 at 1 mm within 1 %."""
    lattice = Lattice.for_box(diameter + 4e-3, 1e-3)
    sites = build(lattice, TumourSpec(diameter=diameter), 1, 0, load_parameters()).tumour.sum()
    held = float(sites) * capacity(density, 1e-3)
    assert held == pytest.approx(growth.cells_of_sphere(diameter, density), rel=0.01)


@pytest.mark.parametrize("row", [r for r in rows() if r["quantity"] == "growth rate"], ids=lambda r: r["value"])
@pytest.mark.parametrize("hours", [6, 12, 24])
def test_the_calibrated_cells_grow_at_the_rate(row, hours):
    """G2: in the mean the cells of a step make what the doubling time asks for, whatever the step."""
    share, hazard, dt = np.linspace(0.0, 0.4, 30), np.full(30, 1e-3), hours * 3600
    rest = {"tau_mix": DAY, "tau_phase": 2 * DAY, "growth_fraction": 0.134}
    found = calibrate(
        cell_rule, share, hazard * dt / DAY, dt=dt, doubling_time=number("time", row["description"]) * DAY,
        turnover=1e-3 * dt / DAY, abortive=0.1, cycle_time=1.5 * DAY, **rest,
    )  # fmt: skip
    made = 0.0
    for site, group in enumerate(found.group):
        for slot in range(4):
            loss = (slot & 1) * hazard[site] + (slot >> 1) * 1e-3
            p, *_ = cell_rule(slot >> 1, slot & 1, share[site], dt, found.p_birth, *rest.values())
            stays = math.exp(-loss * dt / DAY) * (1.0 - 0.1 * p)
            made += found.composition[group, slot] * stays * (1.0 + p) / len(share)
    assert math.log(made) * DAY / dt == pytest.approx(float(row["value"]), rel=0.01)


def test_potential_growth_bounds_the_doubling_time():
    """G6: a tumour cannot be asked to double faster than its cycling cells can."""
    table = load_parameters()
    potential = growth.potential_doubling_time(table["cells.cycle_time"], table["cells.growth_fraction"])
    given = {
        "dt": 3_600, "turnover": 0.0, "cycle_time": table["cells.cycle_time"], "tau_mix": DAY, "tau_phase": 600.0,
        "growth_fraction": table["cells.growth_fraction"], "abortive": 0.0,
    }  # fmt: skip
    oxic = (cell_rule, np.zeros(4), np.zeros(4))
    assert calibrate(*oxic, doubling_time=1.2 * potential, **given).p_birth > 0.0
    with pytest.raises(InputError, match="the shortest is"):
        calibrate(*oxic, doubling_time=0.8 * potential, **given)
    with pytest.raises(InputError, match="the shortest is"):  # divisions that fail make it slower still
        calibrate(*oxic, doubling_time=1.2 * potential, **{**given, "abortive": 0.25})


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_numbers_must_make_sense(value):
    with pytest.raises(InputError, match="must be above 0"):
        growth.growth_rate(value)
