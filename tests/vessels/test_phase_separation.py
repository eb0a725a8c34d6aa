"""Phase separation against the table, and what any such law must keep."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.vessels.phase_separation import LAWS, cell_scale, cell_share, share_of_cells

TABLE = Path(__file__).parents[1] / "data" / "pries_phase_separation.csv"
ROWS = np.loadtxt(TABLE, delimiter=",", skiprows=2)
UM = 1e-6
diameters = st.floats(2.0, 200.0)
laws = st.sampled_from(LAWS)


@pytest.mark.parametrize(("law", "column"), [("1990", 5), ("2005", 7)])
def test_every_row_of_the_table(law, column):
    """To the printed digits: shares of cells and the haematocrit of the branch."""
    feed, alpha, beta, h, blood = ROWS[:, :5].T
    assert len(ROWS) == 28
    share = cell_share(blood, alpha * UM, beta * UM, feed * UM, h, law)
    assert share == pytest.approx(ROWS[:, column], rel=1e-8, abs=1e-10)
    assert share * h / blood == pytest.approx(ROWS[:, column + 1], rel=1e-8, abs=1e-10)
    assert np.array_equal(share == 0.0, ROWS[:, column] == 0.0)


def test_the_table_has_a_row_below_the_limit():
    assert (ROWS[:, 7] == 0.0).sum() == 1


@given(st.floats(0.0, 1.0), diameters, diameters, diameters, st.floats(0.0, 0.95), laws)
def test_the_two_branches_share_all_cells(blood, alpha, beta, feed, h, law):
    one = float(cell_share(blood, alpha * UM, beta * UM, feed * UM, h, law))
    other = float(cell_share(1.0 - blood, beta * UM, alpha * UM, feed * UM, h, law))
    assert 0.0 <= one <= 1.0
    assert one + other == pytest.approx(1.0, abs=1e-9)


@given(st.floats(0.0, 0.999), st.floats(1e-6, 1e-3), diameters, diameters, diameters, st.floats(0.0, 0.95), laws)
def test_more_blood_never_brings_fewer_cells(blood, more, alpha, beta, feed, h, law):
    less = cell_share(blood, alpha * UM, beta * UM, feed * UM, h, law)
    assert cell_share(min(1.0, blood + more), alpha * UM, beta * UM, feed * UM, h, law) >= less


@given(diameters, diameters, st.floats(0.0, 0.95), laws)
def test_equal_branches_share_equally(branch, feed, h, law):
    assert float(cell_share(0.5, branch * UM, branch * UM, feed * UM, h, law)) == 0.5


@pytest.mark.parametrize(("law", "limit"), [("1990", 0.4 / 10.0), ("2005", 0.964 * 0.6 / 10.0)])
def test_limits_are_exact(law, limit):
    """At and below X0 no cell, at and above 1 - X0 all of them, and in between neither."""
    share = cell_share([0.0, limit, limit * 1.001, 1.0], 5 * UM, 8 * UM, 10 * UM, 0.4, law)
    assert share[0] == 0.0 and share[1] == 0.0 and share[2] > 0.0 and share[3] == 1.0
    assert cell_share(1.0 - limit * 0.999, 5 * UM, 8 * UM, 10 * UM, 0.4, law) == 1.0
    assert cell_share(1.0 - limit * 1.001, 5 * UM, 8 * UM, 10 * UM, 0.4, law) < 1.0


@pytest.mark.parametrize("law", LAWS)
def test_feeding_vessels_under_a_micrometre_send_all_cells_with_most_of_the_blood(law):
    share = cell_share([0.3, 0.5, 0.7], 0.5 * UM, 0.5 * UM, 0.6 * UM, 0.3, law)
    assert share.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("law", LAWS)
def test_thin_branches_take_more_cells_than_wide_ones(law):
    """At equal flow the branch alpha of a smaller diameter is the richer one (A > 0)."""
    assert cell_share(0.5, 6 * UM, 12 * UM, 12 * UM, 0.4, law) > 0.5


@pytest.mark.parametrize("law", LAWS)
def test_volume_of_the_cell_scales_the_diameters_only_where_it_is_given(law):
    plain = cell_share(0.2, 6 * UM, 9 * UM, 12 * UM, 0.3, law)
    scale = (92 / 55) ** (1 / 3)
    assert cell_scale(55e-18) == pytest.approx(scale, rel=1e-14)
    scaled = cell_share(0.2, 6 * UM, 9 * UM, 12 * UM, 0.3, law, cell_volume=55e-18)
    assert scaled == pytest.approx(
        cell_share(0.2, 6 * scale * UM, 9 * scale * UM, 12 * scale * UM, 0.3, law), rel=1e-12
    )
    assert scaled != plain
    assert cell_share(0.2, 6 * UM, 9 * UM, 12 * UM, 0.3, law, cell_volume=92e-18) == pytest.approx(plain, rel=1e-12)


@given(st.floats(0.0, 1.0), diameters, diameters, diameters, st.floats(0.0, 0.95), st.booleans())
def test_compiled_and_plain_are_the_same_rule(blood, alpha, beta, feed, h, later):
    plain = share_of_cells.py_func(blood, alpha, beta, feed, h, later)
    assert share_of_cells(blood, alpha, beta, feed, h, later) == pytest.approx(plain, abs=1e-14)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"blood": 1.1}, "share of the blood"),
        ({"blood": np.nan}, "share of the blood"),
        ({"alpha": 0.0}, "alpha"),
        ({"beta": np.inf}, "beta"),
        ({"feed": -1e-6}, "feed"),
        ({"haematocrit": 1.0}, "haematocrit"),
        ({"law": "1989"}, "unknown law '1989'. Allowed: '1990', '2005'"),
        ({"cell_volume": 0.0}, "cell volume"),
    ],
)
def test_what_cannot_be_is_refused(change, words):
    usual = {"blood": 0.3, "alpha": 6e-6, "beta": 8e-6, "feed": 1e-5, "haematocrit": 0.4}
    with pytest.raises(InputError, match=words):
        cell_share(**{**usual, **change})
