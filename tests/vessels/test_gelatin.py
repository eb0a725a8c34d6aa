"""Gelatin lodges upstream of the beds, closes branches for a while and leaves the portal blood."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.state import EMBOLISED, State
from tumorsim.vessels.beads import Delivery
from tumorsim.vessels.embolics import Sizes, Solid, beads
from tumorsim.vessels.gelatin import gelatin

PARAMETERS = load_parameters()
HASH = 0xABCDEF12 << 32


@pytest.fixture(scope="module")
def patient() -> Patient:
    return build_patient(
        Scenario.from_dict(
            {
                "name": "x",
                "until": "2 d",
                "seed": 7,
                "tissue": {"size": "40 mm", "spacing": "2 mm", "tumour": {"diameter": "20 mm"}},
                "vessels": {"feeders": 4, "terminals": 300},
            }
        )
    )


def deliver(patient: Patient, solid: Solid, delivery: int = HASH) -> tuple[Delivery, State]:
    """To stasis in the artery of the lobe."""
    state = patient.new_state()
    edge = patient.graph.named["right"]
    done = patient.bead_ride.deliver(
        edge, solid=solid, state=state, number=None, endpoint=0.05, seed=7, patient=0, delivery=delivery
    )
    patient.solve_flow(state)
    patient.bring_blood(state)
    return done, state


def test_pieces_have_the_sizes_of_the_table() -> None:
    made = gelatin(PARAMETERS.with_overrides({"embolisation.gelatin_smallest": "0.6 mm"}))
    assert (made.sizes.low, made.sizes.high) == (pytest.approx(0.6e-3), pytest.approx(1e-3))
    assert made.book == "edge_gelatin" and not made.counted
    with pytest.raises(InputError, match="gelatin_smallest"):
        gelatin(PARAMETERS.with_overrides({"embolisation.gelatin_smallest": "1.5 mm"}))


def test_gelatin_closes_branches_and_books_it_as_gelatin(patient: Patient) -> None:
    done, state = deliver(patient, gelatin(PARAMETERS))
    assert done.reached_stasis and done.lodged == done.delivered > 0
    assert not state.edge_beads.any() and not state.edge_solid.any()
    held = np.flatnonzero(state.edge_gelatin)
    shut = held[state.edge_open[held] == 0.0]
    assert np.all(state.edge_gelatin[shut] >= 1.0) and np.all(state.edge_gelatin[np.setdiff1d(held, shut)] < 1.0)
    assert len(shut) > 0.9 * len(held) and np.all(state.edge_state[shut] == EMBOLISED)
    trees = held[np.isnan(patient.graph.conductance[held])]  # not mouths of lumped liver
    assert 0.5e-3 < 2 * patient.graph.radius[trees].max() <= 1e-3


def test_gelatin_lodges_nearer_to_the_catheter_than_beads(patient: Patient) -> None:
    sponge, _ = deliver(patient, gelatin(PARAMETERS))
    fine, _ = deliver(patient, beads(Sizes(100e-6)))
    assert sponge.lodging_diameter > 4 * fine.lodging_diameter == pytest.approx(4 * 100e-6)


def test_half_of_the_vessels_are_open_again_after_a_half_life(patient: Patient) -> None:
    """And so part of the flow, not nearly all of it: plugs open one by one, not each by and by."""
    open_, closed, flow = 0, 0, []
    edge = patient.graph.named["right"]
    for k in range(4):
        done, state = deliver(patient, gelatin(PARAMETERS), delivery=HASH + (k << 40))
        assert state.edge_flow[edge] <= 0.05 * done.flow_before
        shut = np.flatnonzero((state.edge_gelatin > 0.0) & (state.edge_open == 0.0))
        state.edge_gelatin *= 0.5
        patient.bead_ride.apply(state)
        patient.solve_flow(state)
        open_, closed = open_ + int((state.edge_open[shut] > 0.0).sum()), closed + len(shut)
        flow.append(state.edge_flow[edge] / done.flow_before)
        state.edge_gelatin[:] = 0.0
        patient.bead_ride.apply(state)
        patient.solve_flow(state)
        assert state.edge_flow[edge] == pytest.approx(done.flow_before, rel=1e-9)
    assert abs(open_ - closed / 2) < 4 * np.sqrt(closed / 4)
    assert 0.1 < np.mean(flow) < 0.75


def test_how_long_gelatin_holds_is_the_vessels_own(patient: Patient) -> None:
    first, again = (deliver(patient, gelatin(PARAMETERS))[1].edge_gelatin for _ in range(2))
    assert np.array_equal(first, again)
    other = deliver(patient, gelatin(PARAMETERS), delivery=HASH + (1 << 40))[1].edge_gelatin
    both = (first >= 1.0) & (other >= 1.0)
    assert both.any() and not np.any(first[both] == other[both])


def test_lobar_gelatin_leaves_a_rim_with_portal_blood(patient: Patient) -> None:
    """By position: arterial blood is gone everywhere in the tumour, portal blood is at its border."""
    _, state = deliver(patient, gelatin(PARAMETERS))
    tumour, depth = patient.anatomy.tumour, patient.anatomy.depth
    rim, core = tumour & (depth < 3e-3), tumour & (depth > 6e-3)
    arterial = state.q_arterial[tumour].sum() / patient.untreated_arterial[tumour].sum()
    assert arterial < 0.1
    before = patient.new_state()
    assert np.median(state.q_portal[rim]) > 0.9 * np.median(before.q_portal[rim]) > 0.0
    assert np.median(state.q_portal[rim]) > 2 * np.median(state.q_portal[core])
