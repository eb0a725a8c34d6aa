"""Closed forms of heat to the digits of their table; they solve their own equations."""

import importlib.util
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.fields import analytic_heat as heat

_SPEC = importlib.util.spec_from_file_location("heat_rows", Path(__file__).with_name("heat_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
given_rows = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(given_rows)
A, K, M, W = given_rows.A, given_rows.K, given_rows.M, given_rows.W
closed, rows = given_rows.closed, given_rows.rows

SOLVED = [f"A{n}" for n in range(12)]


@pytest.mark.parametrize("row", rows(*SOLVED), ids=lambda r: f"{r['test_id']} {r['quantity']}")
def test_closed_forms_have_the_digits_of_the_table(row):
    assert closed(row) == pytest.approx(float(row["value"]), rel=1e-9)


def test_every_row_of_the_solver_is_there():
    assert len(rows(*SOLVED)) == 112


@given(st.floats(1e-3, 0.05), st.floats(1e3, 1e6))
def test_the_transient_ends_in_the_steady_field(r, more):
    steady = heat.point(r, 10.0, K, M)
    assert heat.point_since(r, 50.0 / W + more, 10.0, K, A, W) == pytest.approx(steady, rel=1e-6)


@given(st.floats(2e-3, 0.03), st.floats(20.0, 900.0))
def test_the_transient_point_source_solves_its_equation(r, t):
    dr, dt = 2e-3 * r, 2e-3 * t

    def rise(r, t):
        return heat.point_since(r, t, 10.0, K, A, W)

    middle = rise(r, t)
    if middle < 1e-6:
        return
    change = (rise(r, t + dt) - rise(r, t - dt)) / (2 * dt)
    curved = ((r + dr) * rise(r + dr, t) - 2 * r * middle + (r - dr) * rise(r - dr, t)) / (r * dr * dr)
    scale = abs(A * curved) + W * middle + abs(change)
    assert change == pytest.approx(A * curved - W * middle, abs=1e-3 * scale)


@given(st.floats(0.5, 15.0))
def test_a_vessel_takes_the_flux_that_arrives(mm):
    inner = mm * 5e-4
    h = heat.wall_coefficient(3.66, 0.52, 2 * inner)
    at = {"inner": inner, "outer": inner + 0.02, "k": K, "h": h, "blood": 37.0, "rim": 100.0}
    step = 1e-5 * inner
    slope = (heat.annulus(inner + step, **at) - heat.annulus(inner, **at)) / step
    assert K * slope == pytest.approx(h * (heat.annulus(inner, **at) - 37.0), rel=1e-4)
    reach = heat.annulus_reach(70.0, **at)
    assert heat.annulus(inner + reach, **at) == pytest.approx(70.0, rel=1e-12)


def test_an_isotherm_must_be_there():
    with pytest.raises(InputError, match="annulus: 40 degC is not between"):
        heat.annulus_reach(40.0, 5e-4, 0.0205, K, 1903.2, 37.0, 100.0)


def test_a_heated_sphere_is_smooth_at_its_surface():
    inside, outside = (heat.sphere(0.01 + e, 0.01, 1e6, M, 26752.0) for e in (-1e-9, 1e-9))
    assert inside == pytest.approx(outside, rel=1e-6)
    assert heat.sphere(0.0, 0.01, 1e6, M, 26752.0) == pytest.approx(heat.sphere(1e-6, 0.01, 1e6, M, 26752.0), rel=1e-6)


def test_a_slab_starts_as_a_half_space():
    assert heat.slab(2e-3, 10.0, 0.02, A, 37.0, 80.0) == pytest.approx(
        heat.half_space(2e-3, 10.0, A, 37.0, 80.0), rel=1e-9
    )
    assert math.isclose(heat.slab(0.01, 1e6, 0.02, A, 37.0, 80.0), 80.0)
