"""What vessels do by themselves: exact clocks, recruitment by VEGF, blood led anew only when it matters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.parameters import load_parameters
from tumorsim.state import COAGULATED, DORMANT, EMBOLISED, OPEN, THROMBOSED, Sizes, State
from tumorsim.vessels.closure import open_share
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.remodelling import Grouped, Remodelling, dormant_vessels, set_edge_state

DAY = 86_400.0
EDGES, ROWS = 6, 3


def made(**changes: object) -> Remodelling:
    none = Grouped.of([])
    given_: dict[str, object] = {
        "oil_capacity": np.full(EDGES, 2e-9),
        "oil_half_life": np.full(EDGES, 20 * DAY),
        "weight": np.ones(EDGES),
        "dormant": (none, none),
        "row_of_site": np.array([0, 0, 1, 2, -1], dtype=np.int32),
        "rows": ROWS,
        "gelatin_half_life": 14 * DAY,
        "vegf_time": DAY,
        "growth_time": 60 * DAY,
        "vegf_gain": 4.0,
        "update_share": 0.05,
    }
    return Remodelling(**{**given_, **changes})  # type: ignore[arg-type]


def state() -> State:
    return State(Sizes(sites=5, edges=EDGES, nodes=4, exchange=ROWS))


def test_gelatin_and_oil_halve_in_their_half_lives() -> None:
    s = state()
    s.edge_gelatin[:] = 0.8
    s.edge_oil[:] = 1e-9
    made().advance(s, np.zeros(ROWS), 14 * DAY)
    assert s.edge_gelatin == pytest.approx(0.4, rel=1e-12)
    assert s.edge_oil == pytest.approx(1e-9 * 2 ** (-14 / 20), rel=1e-12)
    assert np.all(s.edge_solid == 0.0)


@given(cuts=st.lists(st.floats(0.01, 5.0), min_size=1, max_size=6))
def test_any_division_of_the_time_gives_the_same(cuts: list[float]) -> None:
    """All laws are exact over a step while the hypoxia holds still and VEGF stands at its level."""
    whole, parts = state(), state()
    vessels = (Grouped.of([np.array([1, 2])]), Grouped.of([np.array([0])]))
    hypoxia = np.array([0.5, 0.0, 0.1])
    for s in (whole, parts):
        s.edge_gelatin[:], s.edge_oil[:] = 0.5, 1e-9
        s.edge_patent[[1, 2]] = 0.0
        s.vegf[:] = 1.0 + 4.0 * hypoxia  # the level that this hypoxia keeps
    made(dormant=vessels).advance(whole, hypoxia, sum(cuts) * DAY)
    for cut in cuts:
        made(dormant=vessels).advance(parts, hypoxia, cut * DAY)
    for name in ("edge_gelatin", "edge_oil", "edge_patent", "vegf"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-9)


def test_vegf_follows_hypoxia_relative_to_the_untreated_tumour() -> None:
    s = state()
    s.untreated_hypoxia[:] = [0.1, 0.1, 0.0]
    made().advance(s, np.array([0.1, 0.6, 0.25]), DAY)
    towards = (1 + 4 * np.array([0.1, 0.6, 0.25])) / (1 + 4 * np.array([0.1, 0.1, 0.0]))
    assert s.vegf == pytest.approx(1 + (towards - 1) * (1 - np.exp(-1)), rel=1e-12)
    assert s.vegf[0] == 1.0


def test_only_tissue_above_its_baseline_recruits() -> None:
    vessels = (Grouped.of([np.array([0]), np.array([3, 4])]), Grouped.of([np.array([0]), np.array([1, 2])]))
    s = state()
    s.edge_patent[[0, 3, 4]] = 0.0
    s.vegf[:] = [0.7, 2.0, 4.0]
    hypoxia = (s.vegf - 1.0) / 4.0
    made(dormant=vessels).advance(s, hypoxia, 30 * DAY)
    assert s.edge_patent[0] == 0.0
    assert s.edge_patent[[3, 4]] == pytest.approx(1 - np.exp(-2.0 * 30 / 60), rel=1e-12)
    assert np.all(s.edge_patent[[1, 2, 5]] == 1.0)


def test_hypoxia_counts_cells_of_the_row_over_what_it_holds() -> None:
    h = made().hypoxia(np.array([50, 30, 7]), np.array([0, 2, 4]), 100)
    assert h == pytest.approx([50 / 200, 30 / 100, 0.0])


def test_blood_is_led_anew_only_when_a_vessel_has_changed_enough() -> None:
    s, r = state(), made()
    r.apply(s)
    assert not r.due(s)
    s.edge_gelatin[2] = 0.04
    assert not r.due(s)
    s.edge_gelatin[2] = 0.06
    assert r.due(s)
    r.apply(s)
    assert s.edge_open[2] == pytest.approx(0.94)
    assert not r.due(s)


def test_a_closed_vessel_that_begins_to_open_counts_for_more() -> None:
    s, r = state(), made()
    s.edge_gelatin[2] = 1.0
    r.apply(s)
    s.edge_gelatin[2] = 0.991
    assert not r.due(s)
    s.edge_gelatin[2] = 0.989
    assert r.due(s)


def test_vessels_count_by_the_blood_they_carry() -> None:
    for weight, is_due in ((1.0, False), (100.0, True)):
        carried = np.ones(EDGES)
        carried[0] = weight
        s, r = state(), made(weight=carried)
        s.edge_gelatin[:] = 0.5
        r.apply(s)
        s.edge_gelatin[0] = 0.45
        assert r.due(s) == is_due


def test_shares_that_close_a_vessel_add_up_and_never_pass_one() -> None:
    s = state()
    s.edge_solid[:] = [0.0, 0.5, 0.5, 1.0, 0.2, 0.0]
    s.edge_gelatin[:] = [0.0, 0.3, 0.9, 0.0, 0.0, 0.0]
    s.edge_oil[:] = [0.0, 0.2e-9, 0.0, 0.0, 0.0, 4e-9]
    s.edge_patent[4] = 0.5
    capacity = np.full(EDGES, 2e-9)
    assert open_share(s, capacity) == pytest.approx([1.0, 0.1, 0.0, 0.0, 0.4, 0.0])
    assert open_share(s, np.full(EDGES, np.inf))[5] == 1.0


def test_every_vessel_has_its_name() -> None:
    s = state()
    s.edge_state[:] = [OPEN, OPEN, THROMBOSED, OPEN, DORMANT, COAGULATED]
    s.edge_patent[:] = [1.0, 1.0, 0.1, 0.0, 0.3, 1.0]
    s.edge_open[:] = [1.0, 0.0, 0.1, 0.0, 0.3, 0.0]
    set_edge_state(s)
    assert s.edge_state.tolist() == [OPEN, EMBOLISED, THROMBOSED, DORMANT, OPEN, COAGULATED]


def test_dormant_vessels_are_grouped_by_what_recruits_them() -> None:
    kind = np.array([Kind.ARTERIAL, Kind.EXTRAHEPATIC, Kind.EXTRAHEPATIC, Kind.ARTERIAL, Kind.ARTERIAL, Kind.PORTAL])
    head = np.array([1, 2, 10, 11, 3, 12], dtype=np.int32)
    exchange = np.array([10, 11, 12], dtype=np.int32)
    patent = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    parasites = [(np.array([1, 2]), np.array([0]))]
    vessels, tissue = dormant_vessels(kind.astype(np.uint8), head, exchange, patent, parasites)
    assert vessels.member.tolist() == [1, 2, 3]
    assert vessels.group.tolist() == [0, 0, 1]
    assert tissue.member.tolist() == [0, 1]
    assert tissue.group.tolist() == [0, 1]


def test_clocks_come_from_the_table() -> None:
    table = load_parameters({"clocks.vegf": "2 d", "clocks.collateral_growth": "30 d", "remodelling.vegf_gain": "3"})
    none = Grouped.of([])
    r = Remodelling.prepare(np.ones(1), np.ones(1), np.ones(1), (none, none), np.zeros(1, dtype=np.int32), 1, table)
    assert (r.vegf_time, r.growth_time, r.vegf_gain) == (2 * DAY, 30 * DAY, 3.0)
    assert (r.update_share, r.gelatin_half_life) == (0.01, 14 * DAY)
