"""Whole small runs, whatever is drawn: no life without supply, no prescription without its line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion

from tumorsim.model import TumorModel
from tumorsim.report import audit
from tumorsim.scenario import Scenario
from tumorsim.studies import observe

DAY = 86_400
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "36 d",
    "step": "24 h",
    "seed": 7,
    "tissue": {"size": "26 mm", "tumour": {"diameter": "12 mm", "capsule": "partial", "septa": 1, "satellites": 2}},
    "vessels": {"feeders": 3, "terminals": 120},
    "parameters": {"imaging.smallest_artery": "0.1 mm"},
}


def run(model: TumorModel) -> TumorModel:
    while model.running:
        model.step()
    return model


# --- space without supply --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def without_vessels() -> TumorModel:
    """A run in which blood is what a test sets: vessels do not bring it again."""
    return TumorModel(case=Scenario.from_dict({**SMALL, "couplings": {"perfusion": "off"}}))


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    direction=st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda d: sum(x * x for x in d) > 0.1),
    offset=st.floats(-4.0, 2.0),
    births=st.booleans(),
)
def test_no_cell_lives_where_there_is_no_blood_once_the_clocks_have_run(
    without_vessels: TumorModel, direction: tuple[float, float, float], offset: float, births: bool
) -> None:
    model = without_vessels.fork()
    if not births:
        model.population.p_birth = 0.0
    state, lattice = model.state, model.virtual_patient.lattice
    unit = np.array(direction) / np.linalg.norm(direction)
    bare = lattice.centres() @ unit * 1e3 > offset
    for name in ("q_arterial", "q_portal", "q_extrahepatic"):
        getattr(state, name)[bare] = 0.0
    # oxygen reaches the faces of a supplied neighbour; what lies behind has none
    deep = binary_erosion(bare.reshape(lattice.shape), iterations=2, border_value=1).reshape(-1)
    held = model.population.viable_of_sites()
    assert held[deep].sum() > 1e6
    run(model)
    viable = model.population.viable_of_sites()
    if births:  # newborn cells that were pushed into the room of the dead, of the last few days alone
        assert viable[deep].sum() < sum(totals.births for totals in model.records.totals[-4:])
        assert viable[deep].sum() < 0.01 * held[deep].sum()
    else:
        assert viable[deep].sum() == 0
    assert viable[~bare].sum() > 0.5 * held[~bare].sum()  # elsewhere they live


# --- the audit -------------------------------------------------------------------------------------------

CATHETERS = ("superselective", "segmental", "lobar", "feeder_1", "segment_8", "phrenic", "omental", "proper_hepatic")
NUMBER = {"number": st.sampled_from([0, 1, 500])}
GIVEN = st.one_of(
    st.fixed_dictionaries({"catheter": st.sampled_from(CATHETERS)}, optional=NUMBER),
    st.fixed_dictionaries({"guidance": st.sampled_from(["cone-beam CT", "angiography"])}, optional=NUMBER),
)
TACE = GIVEN.map(lambda keys: {"tace": {**keys, "drug": {"doxorubicin": "50 mg"}}})
ITEMS = st.lists(
    st.tuples(st.integers(0, 5 * 24 - 1), st.one_of(GIVEN.map(lambda keys: {"tae": keys}), TACE)), max_size=5
)


@pytest.fixture(scope="module")
def past() -> TumorModel:
    sloppy = {**SMALL["parameters"], "embolisation.missed_feeder": 0.5}
    return TumorModel(case=Scenario.from_dict({**SMALL, "until": "5 d", "parameters": sloppy}))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=ITEMS)
def test_every_prescription_has_one_line_with_its_status_and_a_reason(past: TumorModel, items: list[Any]) -> None:
    prescribed = [{"at": f"{hour} h", **kind} for hour, kind in items]
    model = run(past.fork(past.case.replace(treatments=prescribed)))
    lines = [observe.schedule_item(done) for done in model.records.done]
    assert [(line["id"], line["time_h"]) for line in lines] == [
        (event.id, event.at / 3600) for event in model.case.treatments
    ]
    assert sorted(line["time_h"] for line in lines) == sorted(float(hour) for hour, _ in items)
    for line, done in zip(lines, model.records.done, strict=True):
        assert line["status"] in ("delivered", "partly delivered", "not delivered")
        assert (line["status"] == "not delivered") == (not done.delivery.changed)
        assert line["reason"] or line["status"] == "delivered"
        assert line["prescribed"]["catheter"] and line["delivered"]
        assert audit.prescribed(line["prescribed"]) and audit.delivered(line["delivered"])
    for name in ("viable", "dying", "debris", "deaths", "nadir", "edge_beads", "edge_solid", "edge_oil"):
        assert getattr(model.state, name).min() >= 0, name
