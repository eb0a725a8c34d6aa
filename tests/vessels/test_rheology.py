"""Viscosity against the published table, and closed forms of single vessels and Murray trees."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.vessels import rheology
from tumorsim.vessels.rheology import (
    mean_velocity,
    murray_radii,
    murray_tree_resistance,
    poiseuille_conductance,
    relative_viscosity,
    viscosity,
    wall_shear_stress,
)

DATA = Path(__file__).parents[1] / "data"
MMHG = 133.322368  # Pa, as the table of closed forms has it


@pytest.mark.parametrize(("law", "column"), [("in vitro", 2), ("in vivo", 3)])
def test_pries_table(law, column):
    rows = np.loadtxt(DATA / "pries_viscosity.csv", delimiter=",", skiprows=3)
    assert len(rows) == 52
    assert relative_viscosity(rows[:, 0], rows[:, 1], law) == pytest.approx(rows[:, column], rel=1e-6)


def test_defaults_are_the_parameters():
    table = load_parameters()
    assert table["blood.cell_volume"] == pytest.approx(rheology.CELL_VOLUME)
    assert table["blood.plasma_viscosity"] == pytest.approx(rheology.PLASMA_VISCOSITY)
    assert viscosity(20e-6, 0.45) == pytest.approx(1.2e-3 * 3.231083562, rel=1e-6)


def test_species_enter_by_cell_volume():
    scaled = 10e-6 * (92 / 55) ** (1 / 3)
    assert viscosity(10e-6, 0.4, cell_volume=55e-18) == pytest.approx(viscosity(scaled, 0.4), rel=1e-12)
    assert viscosity(10e-6, 0.4, cell_volume=55e-18) < viscosity(10e-6, 0.4)


@given(st.floats(3, 2000), st.floats(0.0, 0.7), st.floats(0.001, 0.2), st.sampled_from(["in vivo", "in vitro"]))
def test_more_cells_are_thicker_and_never_thinner_than_plasma(d, h, more, law):
    thin, thick = relative_viscosity(d, h, law), relative_viscosity(d, h + more, law)
    assert 1.0 <= thin <= thick


def test_exponent_through_zero_is_smooth():
    """The exponent C passes through zero near 8.2 um; the ratio of powers must not break there."""
    fine = np.linspace(5.0, 12.0, 20001)
    mu = relative_viscosity(fine, 0.3)
    assert np.isfinite(mu).all()
    assert np.abs(np.diff(mu, 2)).max() < 1e-5


@pytest.mark.parametrize(
    ("d", "h", "law"),
    [(1.1, 0.4, "in vivo"), (-3, 0.4, "in vivo"), (np.nan, 0.4, "in vivo"), (10, 1.0, "in vivo"),
     (10, -0.1, "in vivo"), (10, np.nan, "in vitro"), (10, 0.4, "in glass")],
)  # fmt: skip
def test_values_outside_the_law_are_refused(d, h, law):
    with pytest.raises(InputError, match="viscosity"):
        relative_viscosity(d, h, law)


@pytest.mark.parametrize("wrong", [{"cell_volume": 0.0}, {"cell_volume": np.nan}, {"plasma": -1e-3}])
def test_impossible_blood_is_refused(wrong):
    with pytest.raises(InputError, match="not positive"):
        viscosity(10e-6, 0.4, **wrong)


@pytest.mark.parametrize(
    ("d", "length", "mu", "dp", "ul_min", "mm_s", "pa"),
    [
        (10, 100, 3, 5, 0.03272223218, 6.943873333, 16.665296),
        (100, 1000, 3, 10, 65.44446435, 138.8774667, 33.330592),
        (1000, 10000, 3.5, 5, 28047.62758, 595.1891429, 16.665296),
        (5000, 100000, 3.5, 2, 701190.6895, 595.1891429, 3.3330592),
    ],
)
def test_poiseuille(d, length, mu, dp, ul_min, mm_s, pa):
    """Closed forms C1."""
    radius = d * 0.5e-6
    flow = poiseuille_conductance(radius, length * 1e-6, mu * 1e-3) * dp * MMHG
    assert flow * 6e10 == pytest.approx(ul_min, rel=1e-6)
    assert mean_velocity(flow, radius) * 1e3 == pytest.approx(mm_s, rel=1e-6)
    assert wall_shear_stress(flow, radius, mu * 1e-3) == pytest.approx(pa, rel=1e-6)


@pytest.mark.parametrize(("generations", "resistance"), [(3, 713014145.1), (6, 1247774754), (10, 1960788899)])
def test_murray_tree_closed_form(generations, resistance):
    """Closed form C3; the same trees are solved in test_flow."""
    assert murray_tree_resistance(1e-3, 20e-3, 3.5e-3, generations) == pytest.approx(resistance, rel=1e-6)


def test_murray_radii():
    """Closed form C4."""
    assert murray_radii(1.0, 0.5) == pytest.approx((0.4807498568, 0.9614997135), rel=1e-6)
    small, large = murray_radii(2.0, 0.7, exponent=2.7)
    assert small / large == pytest.approx(0.7)
    assert small**2.7 + large**2.7 == pytest.approx(2.0**2.7)
