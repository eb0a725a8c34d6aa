"""Whole patients with organs beside the tumour: nothing lives, flows or grows in what is not liver."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.anatomy.fluid import MATERIALS, materials_of
from tumorsim.model import TumorModel
from tumorsim.outcomes import harm
from tumorsim.outcomes.organ_harm import book_heat
from tumorsim.scenario import Scenario
from tumorsim.state import OUTSIDE
from tumorsim.studies import observe
from tumorsim.vessels.graph import Kind

BASE: dict[str, Any] = {
    "name": "beside",
    "until": "10 d",
    "seed": 3,
    "tissue": {"tumour": {"diameter": "12 mm", "satellites": 3, "septa": 1}},
    "vessels": {"feeders": 2, "terminals": 150},
    "parameters": {"imaging.smallest_artery": "0.1 mm"},
}


def model(organs: list[Any], treatments: list[Any] | None = None, **tissue: Any) -> TumorModel:
    data = {**BASE, "tissue": {**BASE["tissue"], "organs": organs, **tissue}, "treatments": treatments or []}
    return TumorModel(case=Scenario.from_dict(data))


def sound(made: TumorModel, steps: int = 6) -> TumorModel:
    """Run some steps; then nothing is in what is outside the liver."""
    fixed, state = made.virtual_patient, made.state
    grown, outside = fixed.grown, fixed.anatomy.compartment == OUTSIDE
    assert (
        outside.any()
        and np.all(grown.exchange_of_site[outside] == -1)
        and np.all(grown.exchange_of_site[~outside] >= 0)
    )
    before = made.viable_in_target
    for _ in range(steps):
        made.step()
    assert made.viable_in_target > before and np.array_equal(state.compartment == OUTSIDE, outside)
    living = state.viable_cells() + made.population.dying_of_sites()
    assert not living[outside].any() and not state.liver_hazard[outside].any()
    for blood in (state.q_arterial, state.q_portal, state.q_extrahepatic, state.po2):
        assert not blood[outside].any()
    graph = fixed.graph
    beds = np.isfinite(graph.conductance)
    ends = graph.node_pos[np.unique(graph.exchange)]
    at = fixed.lattice.locate(ends)
    assert beds.any() and np.mean(outside[at[at >= 0]]) < 0.05  # a node is the middle of what it serves
    return made


@pytest.mark.parametrize(
    "organ",
    [
        {"gallbladder": {"distance": "0 mm", "side": "-x"}},
        {"bowel": {"distance": "0 mm"}},
        {"stomach": {"distance": "2 mm", "side": [1, -1, 0]}},
        {"diaphragm": {"distance": "1 mm"}},
        {"bile_duct": {"distance": "0 mm", "side": "+y", "place": "lobar"}},
    ],
    ids=lambda organ: next(iter(organ)),
)
def test_no_cell_no_vessel_and_no_blood_in_an_organ(organ: dict[str, Any]) -> None:
    made = sound(model([organ]))
    assert len(made.virtual_patient.anatomy.satellites) == 3
    assert made.state.wall_dose.shape == (made.virtual_patient.n_walls, 3) and made.virtual_patient.n_walls > 100


@pytest.mark.parametrize("shape", ["lobulated", "infiltrating"])
def test_drawn_tumours_have_neighbours_too(shape: str) -> None:
    sound(model([{"gallbladder": {"distance": "2 mm"}}], tumour={"diameter": "14 mm", "shape": shape}), 2)


def test_a_slab_has_neighbours_in_its_plane() -> None:
    made = sound(model(["stomach"], dimensions=2, tumour={"diameter": "14 mm"}), 2)
    walls = made.virtual_patient.anatomy.organs.walls()
    assert np.all(walls.points[:, 2] == 0.0)
    assert 5e-6 < walls.area.sum() < 200e-6  # a line times 1 mm


def test_a_patients_image_has_neighbours(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    sys.path.insert(0, str(Path(__file__).parent / "anatomy"))
    import mask_files as files

    spacing = (2.0, 2.0, 2.0)
    affine = files.grid(np.eye(3), spacing)
    path = files.nifti(tmp_path / "body.nii.gz", files.labels(affine, files.sizes(spacing)), affine)
    data = {
        **BASE,
        "tissue": {
            "image": {"file": str(path), "tumour": 2, "liver": 1},
            "spacing": "2 mm",
            "organs": [{"gallbladder": {"distance": "3 mm", "side": "-z"}}],
        },
    }
    made = sound(TumorModel(case=Scenario.from_dict(data)), 2)
    organs, anatomy = made.virtual_patient.anatomy.organs, made.virtual_patient.anatomy
    assert 3e-3 - 1e-3 < organs.distance("gallbladder")[anatomy.tumour].min() < 3e-3 + 2e-3
    bare = TumorModel(case=Scenario.from_dict({**data, "tissue": {**data["tissue"], "organs": []}}))
    beyond = bare.virtual_patient.anatomy.compartment == OUTSIDE
    fat = materials_of(bare.virtual_patient, bare.state) == MATERIALS.index("fat")
    assert beyond.any() and np.array_equal(fat, beyond)  # what the image shows outside the liver
    assert observe.harms(bare)["wall_over_threshold_mm2"] is None


def test_arteries_of_organs_and_walls_are_two_harms() -> None:
    """Beads reach the gallbladder by the cystic artery, drawn or not; heat reaches the wall that is drawn."""
    lobar = [{"at": "1 h", "tae": {"catheter": "right", "beads": "100 um"}}]
    drawn, plain = (model(organs, lobar) for organs in ([{"gallbladder": {"side": "-x"}}], []))
    for made in (drawn, plain):
        made.step()
        assert "gallbladder" in [branch.name for branch in made.virtual_patient.grown.non_target]
        assert (
            observe.harms(made)["organs_embolised_ml"] == harm.non_target_ml(made.state, made.virtual_patient.grown) > 0
        )
    assert observe.harms(plain)["wall_over_threshold_mm2"] is None
    assert set(observe.harms(drawn)["wall_over_threshold_mm2"]) == {"gallbladder"}
    assert not any(observe.harms(drawn)["wall_over_threshold_mm2"]["gallbladder"].values())
    fixed, n = drawn.virtual_patient, drawn.virtual_patient.lattice.n_sites
    hot = np.full(n, 60.0)
    book_heat(drawn.state, fixed.lattice, fixed.anatomy.organs.walls(), omega=hot, cem43=1e3 * hot, temperature=hot)
    told = observe.harms(drawn)["wall_over_threshold_mm2"]["gallbladder"]
    whole = 1e6 * fixed.anatomy.organs.walls().area.sum()
    assert told == {cause: pytest.approx(whole) for cause in ("heat", "heat_cem43", "heat_alarm")}
    twin = drawn.fork()
    assert observe.harms(twin)["wall_over_threshold_mm2"]["gallbladder"] == told


def test_vessels_of_the_liver_go_round_an_organ() -> None:
    fixed = model([{"gallbladder": {"distance": "2 mm", "side": "-x"}}]).virtual_patient
    graph, share = fixed.graph, (np.arange(20) + 0.5) / 20
    inner = np.flatnonzero(~np.isfinite(graph.conductance) & np.isin(graph.kind, (Kind.ARTERIAL, Kind.PORTAL)))
    a, b = graph.node_pos[graph.tail[inner]], graph.node_pos[graph.head[inner]]
    at = fixed.lattice.locate((a[:, None] + share[None, :, None] * (b - a)[:, None]).reshape(-1, 3))
    length = np.repeat(np.linalg.norm(b - a, axis=1), 20)
    inside = at >= 0
    through = inside & (fixed.anatomy.compartment[at] == OUTSIDE)
    assert length[through].sum() < 0.01 * length[inside].sum()


def test_the_picture_shows_what_lies_beside() -> None:
    from tumorsim.report import slices

    made = model([{"gallbladder": {"distance": "2 mm", "side": "-x"}}], [{"at": "0 d", "hydrodissection": {}}])
    made.case.load_parameters()
    made.step()
    snapshot = observe.picture(made)
    assert "organ_z" in snapshot and set(np.unique(snapshot["organ_z"])) >= {1, 6, 12}
    said = " ".join(words for _, _, words in slices.legend([snapshot]))
    assert "wall of the gallbladder" in said and "bile in the gallbladder" in said and "saline" in said
    plain = {key: part for key, part in snapshot.items() if not key.startswith("organ_")}
    assert slices.tissue(snapshot, "z", "a") != slices.tissue(plain, "z", "a")
    assert slices.seen_through(snapshot, "z", "a") == slices.seen_through(plain, "z", "a")
    assert "gallbladder" not in " ".join(words for _, _, words in slices.legend([plain]))
    bare = observe.picture(model([]))
    assert not any(key.startswith("organ") for key in bare)
