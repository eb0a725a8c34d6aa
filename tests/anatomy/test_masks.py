"""Segmentations of patients: read right whatever way they lie, or refused in one message."""

from __future__ import annotations

import gzip
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.anatomy import TumourSpec, build
from tumorsim.anatomy.masks import PatientImage, patient_image
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.model import TumorModel
from tumorsim.parameters import load_parameters
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain

pytest.importorskip("nibabel")
pytest.importorskip("nrrd")

_SPEC = importlib.util.spec_from_file_location("mask_files", Path(__file__).with_name("mask_files.py"))
assert _SPEC is not None and _SPEC.loader is not None
files: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(files)

PARAMETERS = load_parameters()
SPACING = (2.0, 2.0, 2.0)
STRAIGHT = files.grid(np.eye(3), SPACING)
MAP = files.labels(STRAIGHT, files.sizes(SPACING))
FINE = (1.25, 1.25, 1.25)
FINE_GRID = files.grid(np.eye(3), FINE, 52.0)
FINE_MAP = files.labels(FINE_GRID, files.sizes(FINE, 52.0))
NAMES = files.named(("liver", 0, 1), ("tumour", 0, 2))
PATIENTS = Path(__file__).parents[3] / "shared" / "patients"

Writer = Callable[[Path], tuple[Path, Any, Any]]


def _write(name: str, data: Any = FINE_MAP, affine: Any = FINE_GRID, **header: Any) -> Writer:
    return lambda folder: (files.nifti(folder / name, data, affine, **header), 2, 1)


def _on_grid(directions: Any, spacing: tuple[float, float, float] = FINE) -> Writer:
    affine = files.grid(directions, spacing, 52.0)
    return _write("mask.nii.gz", files.labels(affine, files.sizes(spacing, 52.0)), affine)


def _slicer(fields: dict[str, Any], data: Any = FINE_MAP, space: str = "left-posterior-superior") -> Writer:
    def write(folder: Path) -> tuple[Path, Any, Any]:
        return files.nrrd(folder / "mask.seg.nrrd", data, FINE_GRID, fields, space), "tumour", "liver"

    return write


LAYERS = np.stack([FINE_MAP > 0, FINE_MAP == 2]).astype(np.uint8)
OLD = {"Segment0_Name": "liver", "Segment0_ID": "Segment_1", "Segment1_Name": "tumour", "Segment1_ID": "Segment_2"}
SHEAR = np.array([[1.0, 0.2, 0.0], [0.0, 1.0, 0.1], [0.0, 0.0, 1.0]])

RIGHT: dict[str, Writer] = {
    "straight": _write("mask.nii"),
    "flipped axes": _on_grid(np.diag([-1.0, -1.0, -1.0])),
    "left-handed": _on_grid(np.diag([-1.0, 1.0, 1.0])),
    "swapped axes": _on_grid(np.eye(3)[[2, 0, 1]]),
    "turned by 90 degrees": _on_grid(files.turned(90, 1)),
    "oblique": _on_grid(files.turned(25, 2) @ files.turned(-17, 0)),
    "sheared": _on_grid(SHEAR),
    "thick slices": _on_grid(files.turned(8, 0), (0.9, 0.9, 3.0)),
    "float labels": _write("mask.nii.gz", FINE_MAP.astype(np.float32)),
    "one time": _write("mask.nii.gz", FINE_MAP[..., None]),
    "in micrometres": _write("mask.nii.gz", affine=np.diag([1e3, 1e3, 1e3, 1.0]) @ FINE_GRID, unit="micron"),
    "NRRD from right, front": _slicer(NAMES, space="right-anterior-superior"),
    "layers of today": _slicer(files.named(("liver", 0, 1), ("tumour", 1, 1)), LAYERS),
    "layers of old, NaN axis": _slicer(OLD, LAYERS, "right-anterior-superior"),
    "tumour at the edge": lambda folder: _ending_at_the_tumour(folder),
}  # fmt: skip


def _ending_at_the_tumour(folder: Path) -> tuple[Path, Any, Any]:
    """Cropped to the tumour along x, as Slicer crops a file."""
    held = np.flatnonzero((FINE_MAP == 2).any(axis=(1, 2)))
    part = FINE_MAP[held[0] : held[-1] + 1]
    moved = _moved(FINE_GRID, int(held[0]))
    return files.nrrd(folder / "mask.seg.nrrd", part, moved, NAMES), "tumour", "liver"


def _moved(affine: Any, start: int) -> Any:
    found = affine.copy()
    found[:3, 3] += start * affine[:3, 0]
    return found


@pytest.mark.parametrize("kind", RIGHT)
def test_a_body_is_read_right_in_every_way_it_can_lie(kind: str, tmp_path: Path) -> None:
    path, tumour, liver = RIGHT[kind](tmp_path)
    image = patient_image(path, tumour, liver)
    lattice = Lattice((50, 40, 40), 1e-3)
    anatomy = build(lattice, TumourSpec(shape="image", form=image), 7, 0, PARAMETERS)
    at = (lattice.centres() + image.centre) * 1e3  # in the file's own place, which is that of the phantom
    wanted, organ = files.tumour(at), files.liver(at)
    both = np.count_nonzero(anatomy.tumour & wanted)
    assert 2 * both / (anatomy.tumour.sum() + wanted.sum()) > 0.9
    np.testing.assert_allclose(at[anatomy.tumour].mean(axis=0), at[wanted].mean(axis=0), atol=0.5)
    assert anatomy.tumour_volume == pytest.approx(image.tumour_volume, rel=1e-3)
    assert image.tumour_volume == pytest.approx(wanted.sum() * 1e-9, rel=0.06)
    tissue = anatomy.compartment != 255
    if kind == "tumour at the edge":
        assert not image.liver_whole and "reaches the edge" in image.notes[0]
    else:
        assert np.mean(tissue == (organ | wanted)) > 0.96
        assert image.liver_whole and not image.notes
    assert not anatomy.target[~tissue].any()


def _nii(data: Any = MAP, affine: Any = STRAIGHT, tumour: Any = 2, liver: Any = 1, **header: Any) -> Writer:
    return lambda folder: (files.nifti(folder / "mask.nii.gz", data, affine, **header), tumour, liver)


def _flat_axis(folder: Path) -> tuple[Path, Any, Any]:
    import nibabel

    image = nibabel.Nifti1Image(MAP, STRAIGHT)
    bad = STRAIGHT.copy()
    bad[:, 1] = 0.0
    image.header.set_sform(bad, code=2)
    path = folder / "mask.nii"
    image.to_filename(path)
    raw = bytearray(path.read_bytes())  # the library writes the image's own affine; put the bad one into the bytes
    at = int(nibabel.Nifti1Header.template_dtype.fields["srow_x"][1])
    raw[at : at + 48] = bad[:3].astype("<f4").tobytes()
    path.write_bytes(bytes(raw))
    return path, 2, 1


def _no_codes(folder: Path) -> tuple[Path, Any, Any]:
    import nibabel

    image = nibabel.Nifti1Image(MAP, None)
    image.header.set_zooms(SPACING)
    nibabel.save(image, folder / "mask.nii")
    return folder / "mask.nii", 2, 1


def _in_one_plane(folder: Path) -> tuple[Path, Any, Any]:
    affine = STRAIGHT.copy()
    affine[:3, 1] = affine[:3, 0]
    return files.nrrd(folder / "mask.nrrd", MAP, affine, {}), 2, 1


def _huge(folder: Path) -> tuple[Path, Any, Any]:
    head = "NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 40000 40000 40000\n"
    head += "space directions: (1,0,0) (0,1,0) (0,0,1)\nkinds: domain domain domain\nencoding: gzip\n"
    (folder / "mask.nrrd").write_bytes((head + "space origin: (0,0,0)\n\n").encode() + gzip.compress(b"\0" * 1000))
    return folder / "mask.nrrd", 1, None


def _truncated(name: str, keep: float = 0.5) -> Writer:
    def write(folder: Path) -> tuple[Path, Any, Any]:
        path = (
            files.nrrd(folder / name, MAP, STRAIGHT, NAMES)
            if name.endswith("nrrd")
            else files.nifti(folder / name, MAP, STRAIGHT)
        )
        raw = path.read_bytes()
        path.write_bytes(raw[: int(keep * len(raw))])
        return path, 2, 1

    return write


def _bytes(name: str, content: bytes) -> Writer:
    def write(folder: Path) -> tuple[Path, Any, Any]:
        (folder / name).write_bytes(content)
        return folder / name, 2, 1

    return write


def _far(folder: Path) -> tuple[Path, Any, Any]:
    data = np.zeros_like(MAP)
    data[5:20, 5:20, 5:20] = 1
    data[40:46, 40:46, 40:46] = 2
    return files.nifti(folder / "mask.nii", data, STRAIGHT), 2, 1


def _with(value: float, dtype: Any = np.float32) -> Any:
    data = MAP.astype(dtype)
    data[3, 3, 3] = value
    return data


HOSTILE: dict[str, tuple[Writer, str]] = {
    "empty label": (_nii(np.where(MAP == 2, 1, MAP)), r"tumour: mask.nii.gz has no voxel of label 2. It has 1"),
    "empty segment": (_slicer(NAMES, np.minimum(FINE_MAP, 1)), "tumour: segment 'tumour' of mask.seg.nrrd is empty"),
    "nothing at all": (_nii(np.zeros_like(MAP)), "It has none but background"),
    "missing name": (
        _slicer(files.named(("liver", 0, 1), ("tumor", 0, 2))), r"no segment 'tumour'. Did you mean 'tumor'\?"
    ),
    "name for a label": (_nii(tumour="tumour"), "has labels and no names. Write one of: 1, 2"),
    "background asked for": (_nii(tumour="0"), "label 0 is the background"),
    "one name twice": (_slicer(files.named(("tumour", 0, 1), ("tumour", 0, 2))), "stands for 2 segments"),
    "liver is the tumour": (_nii(liver=2), "liver: is the same segment as tumour"),
    "tumour outside the liver": (_far, "tumour: 'label 2' of mask.nii lies outside the liver"),
    "NaN": (_nii(_with(np.nan)), "holds 1 voxels that are not a number"),
    "infinite": (_nii(_with(np.inf)), "holds 1 voxels that are not a number"),
    "probabilities": (_nii(_with(0.25)), "holds 0.25, which is no label but a fraction"),
    "negative": (_nii(_with(-1024, np.int16)), "holds -1024: an image, not a segmentation"),
    "complex": (_nii(MAP.astype(np.complex64)), "values of type complex64"),
    "two dimensions": (_nii(MAP[:, :, 30]), r"has 2 dimensions in space \(62 x 62\)"),
    "four dimensions": (_nii(np.stack([MAP] * 3, axis=3)), "has 4 dimensions in space"),
    "one slice": (_nii(MAP[:, :, 30:31]), "which is no volume: at least 2 along each axis"),
    "layers without names": (_slicer({}, LAYERS), "has 2 layers and names no segment"),
    "layer that is not there": (_slicer(files.named(("tumour", 4, 1)), LAYERS), "into layer 4 and has 2 layers"),
    "huge": (_huge, "40000 x 40000 x 40000 voxels; at most 1 billion"),
    "huge voxels": (_nii(affine=np.diag([1e3, 1e3, 1e3, 1.0]) @ STRAIGHT), "Is its unit right"),
    "zero spacing": (_flat_axis, r"voxels of no size along an axis \(spacing 0\)"),
    "axes in one plane": (_in_one_plane, "axes that lie in one plane"),
    "no orientation": (_no_codes, "says nothing of left, back and head"),
    "space of a scanner": (_slicer(NAMES, space="scanner-xyz"), "space 'scanner-xyz', which does not say"),
    "truncated NIfTI": (_truncated("mask.nii"), "cannot be read as NIfTI"),
    "truncated gzip": (_truncated("mask.nii.gz", 0.9), "cannot be read as NIfTI"),
    "truncated NRRD": (_truncated("mask.seg.nrrd", 0.9), "cannot be read as NRRD"),
    "header only": (_truncated("mask.nii", 0.0001), "cannot be read as NIfTI"),
    "not an image": (_bytes("mask.nrrd", b"name: a scenario\n"), "cannot be read as NRRD"),
    "empty file": (_bytes("mask.nii", b""), "cannot be read as NIfTI"),
    "a picture": (_bytes("mask.png", b"\x89PNG"), "Allowed: .nii, .nii.gz, .seg.nrrd, .nrrd"),
    "not there": (lambda folder: (folder / "none.nii", 2, 1), "is not there"),
    "a folder": (lambda folder: ((folder / "a.nii").mkdir() or folder / "a.nii", 2, 1), "is a folder"),  # type: ignore[func-returns-value]
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_in_one_message(kind: str, tmp_path: Path) -> None:
    write, words = HOSTILE[kind]
    path, tumour, liver = write(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        patient_image(path, tumour, liver)
    (message,) = caught.value.problems
    assert message.split(": ")[0] in ("file", "tumour", "liver") and "\n" not in message


@pytest.mark.parametrize(("library", "ending"), [("nibabel", "nii"), ("nrrd", "nrrd")])
def test_a_missing_library_is_one_line(
    library: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"mask.{ending}").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=r'pip install "tumorsim\[imaging\]"'):
        patient_image(tmp_path / f"mask.{ending}", 1, None)


def test_what_is_worth_knowing_is_said(tmp_path: Path) -> None:
    cut = files.nifti(tmp_path / "cut.nii", MAP[20:], _moved(STRAIGHT, 20))
    image = patient_image(cut, 2, 1)
    assert not image.liver_whole  # a broad section of liver in the first slice
    at_edge = files.nifti(tmp_path / "edge.nii", MAP[30:], _moved(STRAIGHT, 30))
    (note,) = patient_image(at_edge, 2, None).notes
    assert "reaches the edge of the image" in note


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = files.nifti(tmp_path / "mask.nii", MAP, STRAIGHT)
    first = patient_image(path, 2, 1)
    assert patient_image(path, 2, 1) is first
    files.nifti(path, np.where(MAP == 2, 2, 0).astype(np.int16), STRAIGHT)
    again = patient_image(path, 2, None)
    assert again != first and again.tumour_volume == first.tumour_volume


def test_pieces_grow_on_their_own_and_specks_do_not(tmp_path: Path) -> None:
    data = np.where(MAP > 0, 1, 0).astype(np.uint8)
    data[26:32, 26:32, 26:32] = 2
    data[36:41, 26:31, 26:31] = 2
    data[36, 36, 36] = 2
    image = patient_image(files.nifti(tmp_path / "mask.nii", data, STRAIGHT), 2, 1)
    lattice = Lattice((60, 60, 60), 1e-3)
    anatomy = build(lattice, TumourSpec(shape="image", form=image), 7, 0, PARAMETERS)
    found = np.bincount(anatomy.compartment[anatomy.tumour])[1:]
    np.testing.assert_allclose(found, [6**3 * 8, (5**3 + 1) * 8], rtol=0.01)
    assert anatomy.n_compartments == 2
    with pytest.raises(InputError, match="in 2 pieces"):
        build(lattice, TumourSpec(shape="image", form=image, septa=1), 7, 0, PARAMETERS)


def _scenario(path: Path, **tissue: Any) -> dict[str, Any]:
    return {
        "name": "own tumour",
        "until": "10 d",
        "tissue": {
            "spacing": "2 mm",
            "image": {"file": str(path), "tumour": "tumour", "liver": "liver"},
            "tumour": {"capsule": "partial"},
            **tissue,
        },
        "vessels": {"feeders": 2, "terminals": 300},
        "treatments": [{"at": "1 d", "tae": {"catheter": "superselective"}}],
    }


def test_a_model_runs_on_the_tumour_of_an_image(tmp_path: Path) -> None:
    path = files.nrrd(tmp_path / "mask.seg.nrrd", MAP, STRAIGHT, NAMES)
    model = TumorModel(case=Scenario.from_dict(_scenario(path)))
    anatomy = model.virtual_patient.anatomy
    before = model.viable_in_target
    for _ in range(5):
        model.step()
    assert 0 < model.viable_in_target < before  # treated on day 1
    outside = anatomy.compartment == 255
    assert outside.any()
    assert not model.population.viable_of_sites()[outside].any()
    assert not model.state.q_arterial[outside].any() and not model.state.q_portal[outside].any()
    # what the box does not hold of the patient's own liver hangs on the trunk
    volume = model.virtual_patient.parameters["vessels.liver_volume"]
    assert volume == pytest.approx(model.case.tissue.image.liver_volume)
    assert volume != PARAMETERS["vessels.liver_volume"]


def test_a_scenario_says_what_was_read(tmp_path: Path) -> None:
    path = files.nrrd(tmp_path / "mask.seg.nrrd", MAP, STRAIGHT, NAMES)
    scenario = Scenario.from_dict(_scenario(path))
    text = " ".join(explain(scenario).split())
    assert "'tumour' of mask.seg.nrrd, 26 x 12 x 16 mm" in text
    assert "voxels of 2 x 2 x 2 mm: 'tumour' is" in text and "one lumped rest" in text
    assert scenario.settled["tissue"]["image"]["file"] == str(path)
    assert Scenario.from_dict(scenario.settled).tissue == scenario.tissue
    fixed = scenario.replace("parameters", {"vessels.liver_volume": "1200 mL"})
    assert fixed.load_parameters()["vessels.liver_volume"] == pytest.approx(1.2e-3)
    assert "1,200 mL, as the scenario says" in " ".join(explain(fixed).split())


def test_a_scenario_is_refused_where_image_and_keys_contradict(tmp_path: Path) -> None:
    path = files.nrrd(tmp_path / "mask.seg.nrrd", MAP, STRAIGHT, NAMES)
    wrong = _scenario(path, tumour={"diameter": "20 mm"}, dimensions=2)
    wrong["tissue"]["image"]["tumour"] = "tumor"
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(wrong)
    text = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 3
    for words in (
        "tissue.tumour.diameter: stands beside tissue.image",
        "tissue.dimensions: a slab",
        "tissue.image.tumour",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("name", "tumour", "liver", "tumour_ml", "liver_ml"),
    [("liver01", "tumour", "liver", 2.91, 1408.0), ("liver02", "Tumor", "Liver", 3.68, 1956.0)],
)
def test_volumes_of_real_livers_come_back(
    name: str, tumour: str, liver: str, tumour_ml: float, liver_ml: float
) -> None:
    path = PATIENTS / f"{name}.seg.nrrd"
    if not path.is_file():
        pytest.skip("the patients' files are not here")
    image: PatientImage = patient_image(path, tumour, liver)
    assert image.tumour_volume * 1e6 == pytest.approx(tumour_ml, rel=0.005)
    assert image.liver_volume * 1e6 == pytest.approx(liver_ml, rel=0.005)
    assert image.liver_whole
    assert image.centre[0] < -0.05  # both tumours lie on the patient's right
    whole = image.liver
    assert whole is not None
    low, high = whole.extent()
    far = 2 * np.maximum(np.abs(low - image.centre), np.abs(high - image.centre)) + 4e-3
    lattice = Lattice.for_box(list(far), 1e-3)
    tissue, growth = image.tissue(lattice), image.tumour_share(lattice)
    ml = 1e6 * lattice.site_volume
    assert np.count_nonzero(tissue) * ml == pytest.approx(tumour_ml + liver_ml, rel=0.02)
    assert growth.sum() * ml == pytest.approx(tumour_ml, rel=0.02)
    box = Lattice.for_box(0.06, 1e-3)
    anatomy = build(box, TumourSpec(shape="image", form=image), 7, 0, PARAMETERS)
    assert anatomy.tumour_volume * 1e6 == pytest.approx(tumour_ml, rel=0.02)
