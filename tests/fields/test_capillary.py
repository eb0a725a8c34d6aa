from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tumorsim.fields import krogh
from tumorsim.fields.capillary import COLUMNS, ROWS, supply, supply_table, table_place
from tumorsim.fields.haemoglobin import pressure_of
from tumorsim.fields.oxygen import tissue_of
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()
TUMOUR = tissue_of(PARAMETERS, "tumour")
NORMAL = tissue_of(PARAMETERS, "liver_normal")
CIRRHOTIC = tissue_of(PARAMETERS, "liver_cirrhotic")
INLETS = (0.97, 0.85)
x_values, c_values = st.floats(1e-4, 4.0), st.floats(1e-3, 1.2)


def consumption_met(saturated, x, c, tissue):
    """Oxygen consumed per tissue volume [1/s], from the profile's radii alone."""
    wall = pressure_of(max(saturated, 0.0), tissue.p50, tissue.hill)
    cylinder = tissue.cylinder / min(x, 1.0) ** 0.5
    end = krogh.end_radius(wall, tissue.consumption * c, tissue.diffusivity, tissue.capillary, cylinder)
    fed = (end**2 - tissue.capillary**2) / cylinder**2
    return tissue.solubility * tissue.consumption * c * fed


@pytest.mark.parametrize(("x", "c", "kinked"), [(0.3, 1.0, False), (0.1, 0.3, False), (0.16, 0.3, True)])
def test_mass_balance_to_second_order(x, c, kinked):
    """Consumption met = flow x fall of content; the error falls with the square of the points.

    Where anoxia sets in part of the way along the capillary the slope has a kink there, and the error at one
    number of points depends on where it falls between them; only its bound then falls with the square.
    """
    carried = TUMOUR.oxygen_capacity * x * TUMOUR.reference_flow

    def slope(z, y):
        met = consumption_met(y[0], x, c, TUMOUR)
        return [-met / carried, met]

    end = solve_ivp(slope, (0.0, 1.0), [0.97, 0.0], rtol=1e-10, atol=1e-13).y[:, -1]
    assert carried * (0.97 - end[0]) == pytest.approx(end[1], rel=1e-8)
    errors = np.array([abs(supply(TUMOUR, 0.97, x, c, 2**k).outlet - end[0]) for k in range(3, 10)])
    assert errors[2] * carried < 1e-3 * end[1]  # at the 32 points that are used
    orders = np.log2(errors[:-1] / errors[1:])
    if kinked:
        assert np.all(errors * 4.0 ** np.arange(3, 10) < 0.15), errors
    else:
        assert np.all((orders > 1.8) & (orders < 2.2)), orders


def test_well_supplied_tissue_takes_what_it_wants():
    """With no anoxia, flow x fall of content is the full consumption, whatever the points."""
    found = supply(TUMOUR, 0.97, 1.0, 0.5, points=3)
    wanted = TUMOUR.solubility * TUMOUR.consumption * 0.5 * (1 - (TUMOUR.capillary / TUMOUR.cylinder) ** 2)
    carried = TUMOUR.oxygen_capacity * TUMOUR.reference_flow
    assert carried * (0.97 - found.outlet) == pytest.approx(wanted, rel=1e-12)
    assert found.share10 == 0.0


@pytest.mark.parametrize("tissue", [TUMOUR, NORMAL, CIRRHOTIC])
@settings(max_examples=60, deadline=None)
@given(x=x_values, c=c_values, inlet=st.sampled_from(INLETS))
def test_shares_are_nested_and_pressure_is_never_negative(tissue, x, c, inlet):
    found = supply(tissue, inlet, x, c)
    assert 0.0 <= found.share0p5 <= found.share2p5 + 1e-12 <= found.share10 + 2e-12 <= 1.0 + 3e-12
    assert 0.0 <= found.pressure <= pressure_of(inlet, tissue.p50, tissue.hill)
    assert 0.0 <= found.outlet <= inlet


def looked_up(table, x, c, source):
    i, j, up, right = table_place(x, c, ROWS, COLUMNS)
    cell = table[i : i + 2, j : j + 2, source].astype(float)
    return (1 - up) * ((1 - right) * cell[0, 0] + right * cell[0, 1]) + up * (
        (1 - right) * cell[1, 0] + right * cell[1, 1]
    )


@pytest.mark.parametrize("tissue", [TUMOUR, NORMAL, CIRRHOTIC])
def test_table_against_the_exact_function(tissue):
    """Largest error over 4,000 points: 0.01 in a share, 0.05 mmHg; on average 30 times less."""
    table = supply_table(tissue, INLETS)
    random = np.random.default_rng(1)
    errors = []
    for k in range(4000):
        x, c = 3.0 * random.random() ** (1 + 2 * (k % 2)), random.uniform(1e-3, 1.2)
        exact = supply(tissue, INLETS[k % 2], x, c)
        errors.append(np.abs(looked_up(table, x, c, k % 2) - astuple(exact)[:4]))
    largest, mean = np.max(errors, axis=0), np.mean(errors, axis=0)
    assert largest[0] < 0.05
    assert largest[1:].max() < 0.01
    assert mean[1:].max() < 3e-4


@pytest.mark.parametrize("tissue", [TUMOUR, CIRRHOTIC])
@settings(max_examples=200, deadline=None)
@given(x=x_values, c=c_values, more=st.floats(1.0, 3.0), source=st.sampled_from([0, 1]))
def test_more_blood_or_fewer_mouths_never_lower_p(tissue, x, c, more, source):
    table = supply_table(tissue, INLETS)
    here = looked_up(table, x, c, source)
    for better in (looked_up(table, x * more, c, source), looked_up(table, x, c / more, source)):
        assert better[0] >= here[0] - 1e-9
        assert np.all(better[1:] <= here[1:] + 1e-9)


def test_limits():
    none = supply(TUMOUR, 0.97, 0.0, 1.0)
    assert astuple(none)[:4] == (0.0, 1.0, 1.0, 1.0)
    idle = supply(TUMOUR, 0.97, 1.0, 0.0)
    assert idle.pressure == pytest.approx(pressure_of(0.97, 26.0, 2.7))
    assert (idle.share10, idle.outlet) == (0.0, 0.97)
    venous = supply(TUMOUR, 0.0, 1.0, 1.0)
    assert astuple(venous) == (0.0, 1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize("bad", [(1.0, 1.0, 1.0), (-0.1, 1.0, 1.0), (0.9, -1.0, 1.0), (0.9, 1.0, float("inf"))])
def test_impossible_input_is_refused(bad):
    with pytest.raises(ValueError, match="inlet"):
        supply(TUMOUR, *bad)


def test_untreated_tissues():
    """The working point the defaults aim at: a little hypoxia in tumour, none that kills liver."""
    tumour = supply(TUMOUR, 0.97, 1.0, 1.0)
    assert 0.05 < tumour.share10 < 0.15
    assert tumour.share2p5 < 0.03
    assert tumour.share0p5 < 0.01
    for liver in (NORMAL, CIRRHOTIC):
        assert supply(liver, 0.85, 0.75, 1.0).share0p5 < 0.01  # artery closed
