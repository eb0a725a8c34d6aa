"""What the page shows, without a browser: scenario made small, frames, pictures, problems in words."""

import base64
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

VIZ = Path(__file__).parents[2] / "viz"
MODULES = ("fine", "frame", "page_model", "figures")
SMALL = """
name: Page test
until: 20 d
step: 12 h
seed: 7
tissue:
  size: 40 mm
  spacing: 2 mm
  tumour: {diameter: 24 mm, capsule: intact, septa: 1, satellites: 1}
vessels: {feeders: 2, terminals: 100}
treatments:
  - {at: 1 d, tae: {catheter: lobar}}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page's modules, found as Solara finds them, on a small scenario."""
    file = tmp_path_factory.mktemp("page") / "small.yaml"
    file.write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(VIZ))
        patch.setenv("TUMORSIM_SCENARIO", str(file))
        import page_model

        page_model.choices.cache_clear()
        yield page_model
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def treated(page: Any) -> Any:
    model = page.PageModel()
    model.first = model.frame
    for _ in range(12):
        model.step()
    return model


def test_three_parameters_start_from_the_scenario(page: Any) -> None:
    chosen = page.choices()
    assert {k: v["value"] for k, v in chosen.model_params.items()} == {
        "treatment": "as in the scenario",
        "diameter_mm": 24,
        "patient": 0,
    }
    assert page.choices("tace_superselective").treatment == "TACE, superselective"
    assert "as in the scenario" not in page.choices("untreated").treatments


def test_the_page_coarsens_only_what_is_too_fine(page: Any) -> None:
    shipped = page.choices("tace_lobar")
    case = page.page_scenario(shipped, shipped.treatment, shipped.diameter_mm)
    assert (case.tissue.spacing, case.vessels.terminals) == (2e-3, 600)
    assert (case.until, case.step, case.treatments) == (
        shipped.scenario.until,
        shipped.scenario.step,
        shipped.scenario.treatments,
    )
    own = page.choices()
    assert page.page_scenario(own, "as in the scenario", 24).tissue == own.scenario.tissue
    other = page.page_scenario(own, "TACE, superselective", 20)
    assert other.tissue.tumour.semi_axes[0] == pytest.approx(10e-3)
    assert [event.spec.catheter for event in other.treatments] == ["superselective"]


def test_a_frame_is_a_copy_that_keeps_its_day(treated: Any) -> None:
    first, now = treated.first, treated.frame
    assert (first.day, now.day) == (0.0, 6.0)
    assert first.viable.tolist() == [treated.still.target_cells]
    assert now.viable[-1] == treated.viable_in_target < 0.9 * treated.still.target_cells
    assert sum(now.mix.values()) == pytest.approx(1)
    assert now.mix["debris"] > first.mix["debris"]
    assert now.po2[now.tissue == 2].mean() < first.po2[first.tissue == 2].mean()
    assert now.closed.any()
    assert not first.closed.any()
    assert now.marks[0][0] == 1.0
    assert "bland embolisation (TAE), catheter in right hepatic artery" in now.marks[0][1]
    assert now.told["right"] == "catheter"
    with pytest.raises(AttributeError):
        now.day = 7


def test_walls_lie_between_sites_of_different_compartments(page: Any) -> None:
    from frame import CAPSULE, OPEN_BORDER, SEPTUM, walls

    compartment = np.zeros((4, 5), dtype=np.uint8)
    compartment[1:3, 1:3] = 1
    compartment[1:3, 3] = 2
    covered = np.zeros((4, 5), dtype=bool)
    covered[1] = True  # of the tumour's sites, the lower row
    lines = walls(compartment, covered, 2.0)

    def length(name: str) -> float:
        return float(np.abs(np.diff(lines[name], axis=1)).sum())

    assert length(SEPTUM) == 4  # between columns 2 and 3, two sites of 2 mm
    assert length(CAPSULE) == 2 * 3 + 2 * 2  # the foot and both sides of the covered row
    assert length(OPEN_BORDER) == 2 * 3 + 2 * 2
    assert lines[SEPTUM].tolist() == [[[1.0, -2.0], [1.0, 2.0]]]


def test_dots_follow_the_shares_and_no_living_site_goes_without(treated: Any) -> None:
    from dataclasses import replace

    from figures import COLOURS, tissue_rgb
    from matplotlib.colors import to_rgb

    shares = np.zeros((40, 40, 5))
    shares[..., 1], shares[..., 4] = 0.25, 0.5
    shares[:20, :, 1] = 1e-7
    frame = replace(treated.frame, shares=shares, tissue=np.full((40, 40), 2, dtype=np.uint8))
    rgb = tissue_rgb(frame, 4)
    resting = np.isclose(rgb, to_rgb(COLOURS["resting"])).all(axis=2)
    debris = np.isclose(rgb, to_rgb(COLOURS["debris"])).all(axis=2)
    assert resting[80:].mean() == pytest.approx(0.25, abs=0.01)
    assert debris[80:].mean() == pytest.approx(0.5, abs=0.01)
    per_site = resting[:80].reshape(20, 4, 40, 4).sum(axis=(1, 3))
    assert per_site.min() >= 1
    assert per_site.max() <= 2


def test_pictures_are_pngs_and_follow_the_frame(treated: Any) -> None:
    from figures import CurvePicture, SlicePicture, VesselPicture
    from PIL import Image

    still = treated.still
    for picture in (
        SlicePicture(still, oxygen=False),
        SlicePicture(still, oxygen=True),
        VesselPicture(still),
        CurvePicture(still),
    ):
        first, later, again = (picture.png(f) for f in (treated.first, treated.frame, treated.first))
        assert first == again != later
        image = Image.open(io.BytesIO(base64.b64decode(later.removeprefix("data:image/png;base64,"))))
        assert min(image.size) >= 480


def test_what_cannot_be_made_is_said_and_does_nothing(page: Any) -> None:
    model = page.PageModel(diameter_mm=60)
    assert any("tissue.size" in problem for problem in model.problems)
    assert not model.running
    model.step()
    assert page.PageModel(treatment="none such").problems


def test_a_cleared_tumour_has_a_curve_that_ends_at_none(treated: Any) -> None:
    from dataclasses import replace

    from figures import CurvePicture

    picture = CurvePicture(treated.still)
    picture.png(replace(treated.frame, viable=np.array([1e9, 1e3, 0.0]), days=np.array([0.0, 0.5, 1.0])))
    labels = [text.get_text() for text in picture.stage.figure.axes[0].get_yticklabels()]
    assert labels[0] == "none"


def test_arteries_from_outside_and_a_thrombus_are_shown_and_named(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import figures
    import frame

    from tumorsim.model import TumorModel

    small = {"tissue__spacing": "2 mm", "vessels__terminals": 200}
    dome = TumorModel(case="dome_phrenic", **small)
    still = frame.Still.of(dome)
    first = frame.Frame.of(dome, still)
    drawn: list[str] = []
    monkeypatch.setattr(figures.Line2D, "set_label", lambda self, s: drawn.append(str(s)))
    assert "phrenic" in [name for name, *_ in still.names]
    assert not first.unseen
    figures.VesselPicture(still).png(first)
    assert "extrahepatic artery" in drawn

    clot = TumorModel(case="portal_thrombus", **small)
    still = frame.Still.of(clot)
    first = frame.Frame.of(clot, still)
    assert still.thrombus.sum() == 1
    assert not first.closed.any()  # a thrombus is none of the treatment's doing
    assert "thrombus_artery" in [name for name, *_ in still.names]


def test_a_dormant_artery_is_not_named(page: Any) -> None:
    import frame

    from tumorsim.model import TumorModel

    model = TumorModel(case="dome_phrenic", tissue__spacing="2 mm", vessels__terminals=200)
    edge = model.virtual_patient.graph.named["phrenic"]
    still = frame.Still.of(model)
    asleep = model.virtual_patient.grown.patent.copy()
    model.virtual_patient.grown.patent[edge], model.state.edge_open[edge] = 0.0, 0.0
    try:
        now = frame.Frame.of(model, still)
    finally:
        model.virtual_patient.grown.patent[:] = asleep
    assert now.unseen == {"phrenic"}
    assert now.hidden.sum() == (asleep == 0.0).sum() + 1


FINE = {
    "spheroid": """
name: Small spheroid
until: 1 d
step: 12 h
tissue:
  spacing: 20 um
  culture: {medium: 100 mmHg}
  tumour: {diameter: 240 um, doubling_time: 12 d}
""",
    "cord": """
name: Small cord
until: 1 d
step: 12 h
tissue:
  spacing: 20 um
  cord: {radius: 80 um, length: 60 um, vessel: 20 um, blood: 80 mmHg}
""",
}


@pytest.mark.parametrize("kind", FINE)
def test_fine_tissue_plays_without_liver_trees_or_treatments(
    page: Any, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from figures import CurvePicture, SlicePicture
    from fine import who

    file = tmp_path / "fine.yaml"
    file.write_text(FINE[kind])
    monkeypatch.setenv("TUMORSIM_SCENARIO", str(file))
    page.choices.cache_clear()
    try:
        params = page.choices().model_params
        size = {"spheroid": 240, "cord": 80}[kind]
        assert {name: p["value"] for name, p in params.items()} == {
            "treatment": "untreated",
            "size_um": size,
            "patient": 0,
        }
        assert params["treatment"]["values"] == ["untreated"]
        model = page.PageModel()
        assert model.problems == [] and model.still.kind_of_tissue == kind
        assert model.still.po2_top == {"spheroid": 100.0, "cord": 80.0}[kind]
        assert f"{size} µm" in who(model.case, 0)
        pictures = [
            SlicePicture(model.still, oxygen=False),
            SlicePicture(model.still, oxygen=True),
            CurvePicture(model.still),
        ]
        first = [picture.png(model.frame) for picture in pictures]
        model.step()
        again = [picture.png(model.frame) for picture in pictures]
        assert model.frame.day == 0.5 and all(a != b for a, b in zip(first, again, strict=True))
        larger = page.PageModel(size_um=size + 40)
        assert larger.viable_in_target > model.still.target_cells
    finally:
        monkeypatch.undo()
        page.choices.cache_clear()


def test_a_bench_is_refused_in_a_sentence(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUMORSIM_SCENARIO", "bench_in_vivo")
    page.choices.cache_clear()
    try:
        model = page.PageModel()
        assert not model.running and len(model.problems) == 1 and "a bench has none" in model.problems[0]
        model.step()
    finally:
        monkeypatch.undo()
        page.choices.cache_clear()


HEAT = """
name: Small heat
until: 3 d
step: 12 h
seed: 7
tissue:
  size: 40 mm
  spacing: 2 mm
  tumour: {diameter: 14 mm, doubling_time: 140 d}
vessels: {feeders: 3, terminals: 100}
parameters: {ablation.reach: 16 mm, ablation.expected_spacing: 3 mm}
treatments:
  - at: 1 d
    microwave:
      needles: [{tip: [6 mm, 4 mm, 0 mm], direction: [1, 0, 0]}]
      power: 40 W
      duration: 3 min
"""


def _has(png: str, colour: str) -> int:
    """How many pixels of a picture have a colour, about."""
    from PIL import Image

    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(png.split(",")[1]))).convert("RGB"), dtype=int)
    due = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
    return int((np.abs(shown - due).max(axis=2) < 12).sum())


def test_a_session_of_heat_shows_its_zone_and_needles(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from figures import ZONE, SlicePicture
    from frame import slice_of

    file = tmp_path / "heat.yaml"
    file.write_text(HEAT)
    monkeypatch.setenv("TUMORSIM_SCENARIO", str(file))
    page.choices.cache_clear()
    try:
        model = page.PageModel()
        picture = SlicePicture(model.still, oxygen=False)
        first, before = model.frame, picture.png(model.frame)
        assert first.zone == () and len(first.needles) == len(first.active) == 0
        for _ in range(4):
            model.step()
        now, after = model.frame, picture.png(model.frame)
        assert now.needles.shape == now.active.shape == (1, 2, 2)
        placed = model.records.done[0].delivery.delivered["placed"][0]
        assert now.needles[0, 1] == pytest.approx(1e3 * np.array(placed["tip"][:2]))
        assert np.linalg.norm(now.active[0, 1] - now.active[0, 0]) < np.linalg.norm(
            now.needles[0, 1] - now.needles[0, 0]
        )
        hot = slice_of(model.virtual_patient.lattice, model.state.heat_damage) >= 1.0
        line = max(now.zone, key=len)
        assert len(now.zone) == 1 and (line[0] == line[-1]).all()
        x, y = line[:-1].T
        area = 0.5 * abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))
        assert area == pytest.approx(hot.sum() * model.still.spacing_mm**2, rel=0.15)
        assert _has(before, ZONE) == 0 and _has(after, ZONE) > 200
        (mark,) = now.marks
        assert mark[1].startswith("microwave ablation, zone of") and mark[1].endswith(
            "of outline and margin coagulated"
        )
    finally:
        monkeypatch.undo()
        page.choices.cache_clear()
