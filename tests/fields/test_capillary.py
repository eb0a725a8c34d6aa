from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tumorsim.fields import krogh
from tumorsim.fields.capillary import PLACES, ROWS, supply, supply_table, table_place
from tumorsim.fields.haemoglobin import pressure_of, saturation
from tumorsim.fields.oxygen import tissue_of
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()
TUMOUR = tissue_of(PARAMETERS, "tumour")
NORMAL = tissue_of(PARAMETERS, "liver_normal")
CIRRHOTIC = tissue_of(PARAMETERS, "liver_cirrhotic")
INLETS = (0.97, 0.85)
x_values, c_values = st.floats(1e-4, 4.0), st.floats(1e-3, 1.2)


def cylinders(x, c, tissue, borders):
    """States of one cylinder by another solver: columns content of the blood, fed area, mean p, shares below."""
    limit = (tissue.cylinder / tissue.capillary) ** 2 / min(x, 1.0)
    strength = tissue.consumption * c * tissue.capillary**2 / tissue.diffusivity
    marks = [lambda r, y, mark=mark: y[0] - mark for mark in (10.0, 2.5, 0.5)]
    rows = []
    for border in borders:
        run = solve_ivp(
            lambda r, y: [y[1], strength * y[0] / (y[0] + tissue.half_consumption) - y[1] / r, -2.0 * r * y[0]],
            (limit**0.5, 1.0), [border, 0.0, 0.0], rtol=1e-8, atol=1e-13, events=marks,
        )  # fmt: skip
        wall, steep, total = run.y[:, -1]
        fed = -2.0 * steep / strength
        flux = tissue.solubility * tissue.consumption * c * np.pi * tissue.capillary**2 * fed
        blood = wall + tissue.wall * flux
        content = tissue.oxygen_capacity * saturation(blood, tissue.p50, tissue.hill) + tissue.dissolved * blood
        below = []
        for mark, when in zip((10.0, 2.5, 0.5), run.t_events, strict=True):
            inner = when[0] ** 2 if len(when) else 1.0
            below.append(0.0 if border >= mark else (limit - inner) / (limit - 1.0))
        rows.append([content, fed, total / (limit - 1.0), *below])
    return np.array(rows), limit


@pytest.mark.parametrize(
    ("tissue", "x", "c"), [(TUMOUR, 1.0, 1.0), (TUMOUR, 0.5, 0.8), (TUMOUR, 2.0, 1.2), (CIRRHOTIC, 0.3, 1.0)]
)
def test_along_a_capillary_as_another_solver_has_it(tissue, x, c):
    """Cylinder and capillary integrated anew, in one go: shares within 0.005, pressures within 0.1 mmHg."""
    below = [mark * (1.0 - np.geomspace(1e-4, 0.9, 40)) for mark in (0.5, 2.5, 10.0)]
    borders = np.unique(np.concatenate([np.geomspace(1e-13, 0.05, 50), *below, np.linspace(10.0, 94.0, 85)]))
    rows, limit = cylinders(x, c, tissue, borders)
    content, order = rows[:, 0], np.argsort(rows[:, 0])
    arterial = pressure_of(0.97, tissue.p50, tissue.hill)
    start = tissue.oxygen_capacity * 0.97 + tissue.dissolved * arterial
    loss = tissue.solubility * tissue.consumption * c / (x * tissue.reference_flow) / limit

    def slope(z, y):
        now = [np.interp(y[0], content[order], rows[order, k]) for k in range(1, 6)]
        return [-loss * now[0], *now[1:]]

    end = solve_ivp(slope, (0.0, 1.0), [start, 0.0, 0.0, 0.0, 0.0], rtol=1e-8, atol=1e-10, max_step=0.005).y[:, -1]
    found = supply(tissue, 0.97, x, c)
    assert found.pressure == pytest.approx(end[1], abs=0.1)
    assert [found.share10, found.share2p5, found.share0p5] == pytest.approx(list(end[2:]), abs=5e-3)
    left = pressure_of(found.outlet, tissue.p50, tissue.hill)
    assert tissue.oxygen_capacity * found.outlet + tissue.dissolved * left == pytest.approx(end[0], abs=2e-4)


@pytest.mark.parametrize(("x", "c"), [(1.0, 1.0), (0.3, 1.0), (0.1, 0.3)])
def test_the_midpoint_rule_is_of_second_order(x, c):
    ends = np.array([supply(TUMOUR, 0.97, x, c, 2**k).outlet for k in range(2, 11)])
    errors = np.abs(ends[:-3] - ends[-1])
    assert np.all(errors * 4.0 ** np.arange(2, 8) < 0.4), errors
    assert errors[3] < 1e-3  # at the 32 points that are used


def test_without_km_resistance_and_dissolved_oxygen_it_is_krogh():
    """The closed forms of `krogh` along a capillary whose content is known: rich tissue, the same fall everywhere."""
    plain = replace(TUMOUR, half_consumption=1e-5, dissolved=1e-12, wall=1e-3)
    found = supply(plain, 0.97, 1.0, 1.0, points=200)
    share = pressure = 0.0
    fall = plain.solubility * plain.consumption * (1 - (plain.capillary / plain.cylinder) ** 2)
    fall /= plain.oxygen_capacity * plain.reference_flow
    for k in range(200):
        wall = pressure_of(0.97 - fall * (k + 0.5) / 200, plain.p50, plain.hill)
        given = (wall, plain.consumption, plain.diffusivity, plain.capillary, plain.cylinder)
        share += krogh.share_below(10.0, *given) / 200
        pressure += krogh.mean_pressure(*given) / 200
    assert found.outlet == pytest.approx(0.97 - fall, rel=1e-4)
    assert found.pressure == pytest.approx(pressure, rel=2e-3)
    assert found.share10 == pytest.approx(share, abs=3e-3)


@pytest.mark.parametrize(
    ("change", "better"),
    [({"wall": 0.5}, True), ({"half_consumption": 2.0}, True), ({"dissolved": 2.0}, True), ({"wall": 2.0}, False)],
)
def test_every_part_of_the_physics_acts(change, better):
    changed = replace(TUMOUR, **{name: getattr(TUMOUR, name) * by for name, by in change.items()})
    found, before = supply(changed, 0.97, 1.0, 1.0), supply(TUMOUR, 0.97, 1.0, 1.0)
    assert (found.share10 < before.share10 - 0.005) == better
    assert (found.pressure > before.pressure) == better


def test_well_supplied_tissue_takes_what_it_wants():
    """With much oxygen, the fall of content x flow is the full consumption, but for what p / (p + Km) leaves."""
    found = supply(TUMOUR, 0.97, 1.0, 0.5, points=3)
    wanted = TUMOUR.solubility * TUMOUR.consumption * 0.5 * (1 - (TUMOUR.capillary / TUMOUR.cylinder) ** 2)
    carried = TUMOUR.oxygen_capacity * TUMOUR.reference_flow
    fall = pressure_of(0.97, TUMOUR.p50, TUMOUR.hill) - pressure_of(found.outlet, TUMOUR.p50, TUMOUR.hill)
    given_off = carried * (0.97 - found.outlet) + TUMOUR.dissolved * TUMOUR.reference_flow * fall
    assert 0.96 * wanted < given_off < wanted
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
    i, j, up, right = table_place(x, c, ROWS, PLACES)
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


def test_blood_without_oxygen_brings_none():
    table = supply_table(TUMOUR, (0.5, 0.0))
    assert np.all(table[:, :-1, 1, 0] == 0.0) and np.all(table[:, :-1, 1, 1:] == 1.0)
    assert np.all(np.isfinite(table)) and table[ROWS - 1, PLACES // 2, 0, 0] > 0.0


@pytest.mark.parametrize("bad", [(1.0, 1.0, 1.0), (-0.1, 1.0, 1.0), (0.9, -1.0, 1.0), (0.9, 1.0, float("inf"))])
def test_impossible_input_is_refused(bad):
    with pytest.raises(ValueError, match="inlet"):
        supply(TUMOUR, *bad)


def test_untreated_tissues():
    """The working point of the defaults: hypoxia in tumour, hardly any of it severe, and none that kills liver."""
    tumour = supply(TUMOUR, 0.97, 1.0, 1.0)
    assert 0.15 < tumour.share10 < 0.3
    assert tumour.share2p5 < 0.03
    assert tumour.share0p5 < 0.01
    for liver in (NORMAL, CIRRHOTIC):
        assert supply(liver, 0.85, 0.75, 1.0).share0p5 < 0.01  # artery closed
