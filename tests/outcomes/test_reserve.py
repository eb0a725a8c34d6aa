"""Liver function: published worked examples of the scores, and the closed form of recovery."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tumorsim.outcomes.reserve import (
    ASCITES,
    Condition,
    Recovery,
    albi,
    albi_grade,
    ascites_of,
    child_pugh,
    child_pugh_class,
    decompensated,
    inr_of,
)
from tumorsim.parameters import load_parameters

DAY = 86_400.0
UMOL = 1e-3  # mol/m3 in a umol/L
MG_DL = 17.104e-3


@pytest.mark.parametrize(
    ("bilirubin", "albumin", "score", "grade"),
    [
        (10.0, 40.0, -2.74, 1),  # 0.66 x 1 - 3.4
        (20.0, 35.0, -2.116, 2),
        (50.0, 28.0, -1.259, 3),
        (100.0, 25.0, -0.805, 3),
    ],
)
def test_albi_of_johnson(bilirubin: float, albumin: float, score: float, grade: int) -> None:
    got = albi(bilirubin * UMOL, albumin)
    assert got == pytest.approx(score, abs=6e-4)
    assert albi_grade(got) == grade


def test_albi_grades_meet_at_the_published_cuts() -> None:
    assert [albi_grade(x) for x in (-2.60, -2.59, -1.39, -1.38)] == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("bilirubin", "albumin", "inr", "ascites", "encephalopathy", "text"),
    [
        (3.2, 26.0, 2.0, "mild", "mild", "C12"),  # 3 + 3 + 2 + 2 + 2
        (1.0, 40.0, 1.1, "none", "none", "A5"),
        (2.5, 30.0, 1.8, "mild", "none", "B9"),
        (2.0, 36.0, 1.6, "none", "none", "A6"),  # 2 mg/dL is within 2 to 3
        (3.0, 28.0, 2.3, "none", "none", "B8"),  # all upper ends of the middle
        (10.0, 20.0, 3.0, "moderate", "severe", "C15"),
    ],
)
def test_child_pugh_of_worked_examples(
    bilirubin: float, albumin: float, inr: float, ascites: str, encephalopathy: str, text: str
) -> None:
    points = child_pugh(bilirubin * MG_DL, albumin, inr, ascites, encephalopathy)
    assert f"{child_pugh_class(points)}{points}" == text
    who = Condition(albumin, bilirubin * MG_DL, 1e14, inr, ascites, encephalopathy)
    assert (who.child_pugh, who.child_pugh_text) == (points, text)


def law(**changes: float) -> Recovery:
    given = {"volume": 1.5e-3, "time": 40 * DAY, "complete": 0.6, "albumin": 37.0, "albumin_half_life": 20 * DAY}
    return Recovery(**{**given, **changes})


def test_a_loss_at_once_comes_back_by_its_clock() -> None:
    liver = law()
    lost, recovered, _ = liver.advance(3e-4, 0.0, 37.0, 3e-4, 40 * DAY)
    assert lost == 3e-4 and recovered == pytest.approx(0.6 * 3e-4 * (1 - math.exp(-1)), rel=1e-12)
    _, late, albumin = liver.advance(3e-4, 0.0, 37.0, 3e-4, 4000 * DAY)
    assert late == pytest.approx(0.6 * 3e-4) and liver.share(3e-4, late) == pytest.approx(1 - 0.4 * 0.2)
    assert albumin == pytest.approx(37.0 * 0.92)  # made in proportion to what works


def test_nothing_lost_changes_nothing() -> None:
    liver = law(albumin=28.0)  # a limit of Child-Pugh: rounding must not cross it
    assert liver.advance(0.0, 0.0, 28.0, 0.0, 12 * 3600.0) == (0.0, 0.0, 28.0)
    assert inr_of(1.5, 1.0, 0.4) == 1.5


def test_a_cirrhotic_liver_comes_back_more_slowly_and_less() -> None:
    table = load_parameters()
    normal, cirrhotic = (Recovery.of(kind, 1.5e-3, 40.0, table) for kind in ("normal", "cirrhotic"))
    for days in (7, 30, 365):
        back = [one.advance(3e-4, 0.0, 40.0, 3e-4, days * DAY)[1] for one in (normal, cirrhotic)]
        assert back[0] > 1.3 * back[1]


@given(
    lost=st.floats(0, 5e-4), more=st.floats(0, 5e-4), recovered=st.floats(0, 3e-4), albumin=st.floats(15, 50),
    days=st.floats(0.1, 100), time=st.floats(5, 60), half=st.floats(5, 40), complete=st.floats(0, 1),
)  # fmt: skip
def test_any_step_is_the_solution_of_the_equations(
    lost: float, more: float, recovered: float, albumin: float, days: float, time: float, half: float, complete: float
) -> None:
    liver = law(time=time * DAY, albumin_half_life=half * DAY, complete=complete)
    dt = days * DAY
    got = liver.advance(lost, recovered, albumin, lost + more, dt)

    def change(t: float, y: list[float]) -> list[float]:
        now = lost + more * t / dt
        made = 1.0 - (now - y[0] * 1e-3) / liver.volume
        return [
            (complete * now * 1e3 - y[0]) / liver.time,
            math.log(2) / liver.albumin_half_life * (liver.albumin * made - y[1]),
        ]

    y = solve_ivp(change, (0, dt), [recovered * 1e3, albumin], rtol=1e-9, atol=1e-11).y[:, -1]
    assert got[1] == pytest.approx(y[0] * 1e-3, rel=1e-6, abs=1e-12)
    assert got[2] == pytest.approx(y[1], rel=1e-6)
    # a step may be cut anywhere
    half_way = liver.advance(
        *liver.advance(lost, recovered, albumin, lost + 0.3 * more, 0.3 * dt), lost + more, 0.7 * dt
    )
    assert half_way == pytest.approx(got, rel=1e-9, abs=1e-15)


def test_equal_clocks_are_no_special_case() -> None:
    exact = law(albumin_half_life=math.log(2) * 40 * DAY)
    near = law(albumin_half_life=math.log(2) * 40 * DAY * (1 + 1e-9))
    assert exact.advance(1e-4, 0, 37.0, 3e-4, DAY) == pytest.approx(near.advance(1e-4, 0, 37.0, 3e-4, DAY), rel=1e-9)


def test_inr_follows_the_clotting_factors() -> None:
    slope = load_parameters()["condition.inr_slope"]
    assert inr_of(1.1, 1.0, slope) == pytest.approx(1.1)
    assert inr_of(1.0, 0.5, slope) == pytest.approx(1.4) and inr_of(1.0, 0.3, slope) == pytest.approx(1.93, abs=0.01)
    # twice a loss is a loss of the product
    assert inr_of(inr_of(1.0, 0.8, slope), 0.5, slope) == pytest.approx(inr_of(1.0, 0.4, slope))


def test_ascites_needs_pressure_and_want_of_albumin() -> None:
    table, mmhg = load_parameters(), 133.322387415
    got = [ascites_of(g * mmhg, a, table) for g, a in ((11, 20), (13, 35), (13, 29), (13, 24))]
    assert got == ["none", "none", "mild", "moderate"]


def test_decompensation_is_what_has_come_about() -> None:
    table = load_parameters()
    start = Condition(37.0, 17 * UMOL, 1.3e14, 1.1, "mild", "none")
    assert not decompensated(start, start, table)
    assert decompensated(Condition(30.0, 17 * UMOL, 1.3e14, 1.1, "moderate", "none"), start, table)
    assert decompensated(Condition(30.0, 60 * UMOL, 1.3e14, 1.1, "none", "none"), start, table)
    yellow = Condition(30.0, 60 * UMOL, 1.3e14, 1.1, "none", "none")
    assert not decompensated(yellow, yellow, table)
    assert ASCITES == ("none", "mild", "moderate")
