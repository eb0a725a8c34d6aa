"""Heat in whole patients: lost blood, wide vessels, closed vessels, needles together, and the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from tumorsim.model import TumorModel
from tumorsim.outcomes.residue import REASON_NAMES
from tumorsim.parameters import load_parameters
from tumorsim.scenario import Scenario
from tumorsim.state import COAGULATED, State
from tumorsim.studies.observe import reasons
from tumorsim.treatments.thermal.ablation import near_sinks
from tumorsim.treatments.thermal.microwave_source import Microwave
from tumorsim.treatments.thermal.sar import Needle
from tumorsim.treatments.thermal.session import Burn, burn, coagulated_vessels
from tumorsim.vessels.passing_vein import NAME

EXACT = {
    **{f"planning.{key}": "0 mm" for key in ("aim_error", "depth_error", "breathing")},
    "planning.tilt_error": "0 deg",
    "imaging.registration_error": "0 mm",
    "imaging.smallest_artery": "0.1 mm",
    "ablation.reach": "16 mm",
    "ablation.expected_spacing": "3 mm",
}
SMALL: dict[str, Any] = {
    "name": "laws of heat",
    "until": "3 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {"size": "40 mm", "spacing": "2 mm", "tumour": {"diameter": "14 mm", "doubling_time": "140 d"}},
    "vessels": {"feeders": 3, "terminals": 150},
    "parameters": EXACT,
}
# a vein at the tumour's wall, where a needle through the middle would heat it
VEIN = {"diameter": "5 mm", "distance": "0 mm", "side": "+x"}
NEEDLE = {"needles": [{"tip": ["0 mm", "0 mm", "12.5 mm"]}], "power": "40 W", "duration": "3 min"}
HEAT = {"at": "1 d", "microwave": NEEDLE}


def scenario(*treatments: dict[str, Any], parameters: dict[str, str] | None = None, **more: Any) -> Scenario:
    return Scenario.from_dict(
        {**SMALL, **more, "treatments": list(treatments), "parameters": {**EXACT, **(parameters or {})}}
    )


def run(case: Scenario, threads: int = 1) -> TumorModel:
    model = TumorModel(case=case, threads=threads)
    while model.running:
        model.step()
    return model


@pytest.fixture(scope="module")
def before() -> TumorModel:
    model = TumorModel(case=scenario())
    model.step()
    return model


@pytest.fixture(scope="module")
def heated(before: TumorModel) -> TumorModel:
    model = before.fork(scenario(HEAT))
    while model.running:
        model.step()
    return model


def beside(velocity: str) -> TumorModel:
    vessels = {**SMALL["vessels"], "vein": VEIN}
    return run(scenario(HEAT, vessels=vessels, parameters={"vessels.cirrhotic_vein_velocity": velocity}))


@pytest.fixture(scope="module")
def cooled() -> TumorModel:
    return beside("12.7 cm/s")


def needle(x: float = 0.0) -> Burn:
    return Burn(Microwave.from_parameters(load_parameters()), Needle((x, 0.0, 0.0)), 30.0, 0.0, 150.0)


def volume(omega: np.ndarray) -> int:
    return int((omega >= 1.0).sum())


# --- blood that is lost --------------------------------------------------------------------------------------


def test_an_embolised_tumour_gets_a_larger_zone_by_its_lost_blood_alone(before: TumorModel) -> None:
    patient = before.virtual_patient
    tae = before.fork(scenario({"at": "13 h", "tae": {"catheter": "superselective", "beads": "40 um"}}))
    while tae.now < 86_400:
        tae.step()
    untreated, after = before.state, tae.state
    tumour = patient.anatomy.tumour
    assert after.q_arterial[tumour].sum() < 0.6 * untreated.q_arterial[tumour].sum()
    swapped: State = untreated.fork()
    for name in ("q_arterial", "q_portal", "q_extrahepatic", "edge_flow"):
        getattr(swapped, name)[:] = getattr(after, name)
    zones = [burn(patient, state, [needle()], 86_400).omega for state in (untreated, after, swapped)]
    assert volume(zones[1]) > volume(zones[0])
    assert np.array_equal(zones[1], zones[2])  # nothing else of the embolisation has any part in it


def test_the_less_blood_the_larger_the_zone(before: TumorModel) -> None:
    found = []
    for share in (1.0, 0.5, 0.0):
        state = before.state.fork()
        for name in ("q_arterial", "q_portal", "q_extrahepatic"):
            getattr(state, name)[:] *= share
        found.append(burn(before.virtual_patient, state, [needle()], 86_400).omega)
    assert volume(found[0]) < volume(found[1]) < volume(found[2])
    assert np.all(found[2] >= found[0] * (1.0 - 1e-3) - 1e-9)  # nowhere less


# --- a wide vein ---------------------------------------------------------------------------------------------


def test_a_vein_of_5_mm_dents_the_zone_on_its_side_and_cools_survivors(cooled: TumorModel) -> None:
    still = beside("0 cm/s")
    patient = cooled.virtual_patient
    lumen, x = patient.anatomy.lumen, patient.lattice.centres()[:, 0]
    with_flow, without = cooled.state.heat_damage >= 1.0, still.state.heat_damage >= 1.0
    beyond = (x > 0.0) & ~lumen
    assert (with_flow & beyond).sum() < 0.9 * (without & beyond).sum()
    assert (with_flow & (x < 0.0)).sum() > 0.95 * (without & (x < 0.0)).sum()
    left = {}
    for name, model in (("flowing", cooled), ("still", still)):
        viable, why = model.population.viable_of_sites(), reasons(model)
        by_vein = x > 4e-3  # what lies at its wall
        mine = by_vein & (why == REASON_NAMES.index("cooled")) & patient.anatomy.tumour
        left[name] = int(viable[mine].sum(dtype=np.int64))
    assert left["flowing"] > 1000 * max(left["still"], 1)
    at_wall = near_sinks(patient, 3e-3, 1e-3)
    assert at_wall[lumen].all()


def test_heat_closes_a_vein_only_where_its_blood_stands(cooled: TumorModel) -> None:
    patient, state = cooled.virtual_patient, cooled.state
    edge, hot = patient.graph.named[NAME], np.full(patient.lattice.n_sites, 2.0)
    assert state.edge_state[edge] != COAGULATED and state.edge_flow[edge] > 0.0
    assert not coagulated_vessels(patient, state, hot)[edge]
    still = state.fork()
    still.edge_flow[edge] = 0.0
    assert coagulated_vessels(patient, still, hot)[edge]


def test_chemoembolisation_never_reaches_the_vein(before: TumorModel) -> None:
    tace = {"at": "1 d", "tace": {"catheter": "lobar", "beads": "100 um", "drug": {"doxorubicin": "50 mg"}}}
    model = run(scenario(tace, vessels={**SMALL["vessels"], "vein": VEIN}))
    edge = model.virtual_patient.graph.named[NAME]
    assert model.state.edge_beads.sum() > 0 and model.state.edge_beads[edge] == 0
    assert model.state.edge_open[edge] == 1.0
    assert model.state.edge_flow[edge] == pytest.approx(model.virtual_patient.untreated_flow[edge])


# --- vessels that heat closes --------------------------------------------------------------------------------


def test_coagulated_tissue_has_no_blood_no_oxygen_and_no_later_access(before: TumorModel, heated: TumorModel) -> None:
    state = heated.state
    dead = (state.coagulated > 0.999) & (state.compartment != 255)
    blood = state.q_arterial + state.q_portal + state.q_extrahepatic
    fresh = before.state.q_arterial + before.state.q_portal + before.state.q_extrahepatic
    # what is left of a capillary bed gets a little more than its share where beds beside it are shut
    assert dead.sum() > 20 and np.all(blood[dead] <= 2e-3 * fresh[dead])
    partly = (state.heat_damage >= 1.0) & (state.compartment != 255)
    assert np.all(blood[partly] < 0.5 * fresh[partly]) and partly.sum() > dead.sum()
    tae = {"at": "36 h", "tae": {"catheter": "lobar", "beads": "40 um"}}
    alone, after = (before.fork(scenario(*items)) for items in ([tae], [HEAT, tae]))
    for model in (alone, after):
        while model.running:
            model.step()
    shut = after.state.edge_state == COAGULATED
    assert shut.any() and alone.state.edge_beads[shut].sum() > 0
    assert after.state.edge_beads[shut].sum() == 0


def test_tissue_without_blood_is_without_oxygen(heated: TumorModel) -> None:
    state = heated.state
    none = (state.coagulated > 0.999) & (state.q_arterial + state.q_portal + state.q_extrahepatic == 0.0)
    shape = heated.virtual_patient.lattice.shape
    deep = ndimage.binary_erosion(none.reshape(shape)).reshape(-1)  # what borders on blood gets a little across
    assert deep.sum() > 20 and not state.po2[deep].any()
    left = heated.population.viable_of_sites()[none].sum()  # what the needle left there is dying for want of oxygen
    assert left < 1e-6 * none.sum() * heated.population.capacity


# --- needles together ----------------------------------------------------------------------------------------


def test_two_needles_close_by_heat_more_than_their_sum(before: TumorModel) -> None:
    patient, state = before.virtual_patient, before.state
    pair = [needle(-6e-3), needle(6e-3)]
    together = burn(patient, state, pair, 86_400).omega >= 1.0
    single = [burn(patient, state, [each], 86_400).omega >= 1.0 for each in pair]
    union = single[0] | single[1]
    assert together.sum() > 1.1 * union.sum() and not (union & ~together).any()


# --- the same bits, and both storages ------------------------------------------------------------------------


def test_a_session_beside_a_vein_is_the_same_saved_forked_and_on_two_threads(
    cooled: TumorModel, tmp_path: Path
) -> None:
    vessels = {**SMALL["vessels"], "vein": VEIN}
    case = scenario(HEAT, vessels=vessels, parameters={"vessels.cirrhotic_vein_velocity": "12.7 cm/s"})
    model = TumorModel(case=case, threads=2)
    while model.now < 36 * 3600:
        model.step()
    model.save(tmp_path / "run.npz")
    for again in (TumorModel.load(tmp_path / "run.npz", threads=1), model.fork(), model):
        while again.running:
            again.step()
        assert again.state.hash() == cooled.state.hash()


def test_both_storages_get_the_same_hazard() -> None:
    weak = {"at": "0 d", "microwave": {**NEEDLE, "power": "20 W", "duration": "2 min"}}  # ends within the tumour
    one_cell = {**SMALL["tissue"], "density": "125 1/mL"}  # one cell a site of 2 mm
    counts, killed, sites = [], [], []
    for tissue in (SMALL["tissue"], one_cell):
        model = TumorModel(case=scenario(weak, until="12 h", tissue=tissue))
        counts.append(model.population.viable_of_sites()[model.virtual_patient.anatomy.tumour])
        model.step()
        killed.append(model.state.deaths[model.virtual_patient.anatomy.tumour, model.state.cause("heat")])
        sites.append(model)
    many, one = sites
    assert one.population.one_cell and not many.population.one_cell
    for name in ("heat_damage", "coagulated"):
        assert np.array_equal(getattr(one.state, name), getattr(many.state, name))
    share = killed[0] / counts[0]  # what one cell of the site risks
    here = counts[1] == 1
    assert (share > 0.999).any() and (share < 0.4).any()
    expected, spread = share[here].sum(), np.sqrt((share * (1.0 - share))[here].sum())
    assert abs(killed[1][here].sum() - expected) < 4.0 * spread + 1.0
    assert np.all(killed[1][here & (share > 0.9999)] == 1)
