"""Closed forms of oxygen: they solve their own equations. Their table is in tests/vessels/test_reference_rows.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.fields import krogh
from tumorsim.fields.analytic_oxygen import anoxic_core, krogh_erlang, slab_limit, sphere_limit

D = 2e-9


@given(st.floats(1.0001, 1e3), st.floats(1e-5, 1e-3))
def test_core_is_the_root_of_the_cubic(times, limit):
    outer = times * limit
    core = anoxic_core(outer, limit)
    assert 0.0 < core < outer
    left = outer**2 - 3 * core**2 + 2 * core**3 / outer
    assert left == pytest.approx(limit**2, rel=1e-6, abs=1e-13 * outer**2)


@given(st.floats(1.0, 30.0), st.floats(0.001, 5.0))
def test_larger_spheroids_have_larger_cores_and_thinner_rims(times, more):
    one, other = anoxic_core(times * 1e-4, 1e-4), anoxic_core((times + more) * 1e-4, 1e-4)
    assert other > one
    assert (times + more) * 1e-4 - other < times * 1e-4 - one


def test_rim_of_a_huge_spheroid_is_a_slab():
    limit = sphere_limit(40.0, 10.0, D)
    assert 1.0 - anoxic_core(1.0, limit) == pytest.approx(slab_limit(40.0, 10.0, D), rel=1e-3)


def test_no_core_up_to_the_limit():
    assert anoxic_core(1e-4, 1e-4) == 0.0 and anoxic_core(0.5e-4, 1e-4) == 0.0


@pytest.mark.parametrize(("outer", "limit"), [(0.0, 1e-4), (-1e-4, 1e-4), (1e-4, 0.0), (float("nan"), 1e-4)])
def test_radii_must_be_positive(outer, limit):
    with pytest.raises(InputError, match="spheroid"):
        anoxic_core(outer, limit)


@given(st.floats(5e-6, 45e-6), st.floats(1.0, 8.0))
def test_cylinder_with_enough_oxygen_is_that_of_the_model(r, consumption):
    plain = krogh_erlang(r, 40.0, consumption, D, 3e-6, 50e-6)
    assert krogh.pressure(r, 40.0, consumption, D, 3e-6, 50e-6) == pytest.approx(plain, rel=1e-12)
