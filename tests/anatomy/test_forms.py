"""Lobulated, nodular and infiltrating tumours: volume, form, luck, and what lies on and around them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree

from tumorsim.anatomy import Anatomy, TumourSpec, box_size, build
from tumorsim.anatomy.forms import Balls, Infiltrating, Lobulated, Nodules, draw_lobes, draw_nodules
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()
FORMS: dict[str, Any] = {
    "lobulated": Lobulated(6, 4e-3),
    "nodules": Nodules(3, (3e-3, 3e-3)),
    "infiltrating": Infiltrating(6e-3),
}


@lru_cache(maxsize=16)
def made(word: str, patient: int = 0, spacing: float = 1e-3, diameter: float = 0.03, **more: Any) -> Anatomy:
    spec = TumourSpec(diameter=diameter, shape=word, form=FORMS[word], **more)
    return build(Lattice.for_box(box_size(spec, 0.0, PARAMETERS), spacing), spec, 7, patient, PARAMETERS)


@pytest.mark.parametrize("word", FORMS)
@pytest.mark.parametrize("spacing", [1e-3, 2e-3])
def test_volume_is_that_of_the_sphere_asked_for(word: str, spacing: float) -> None:
    wanted = np.pi / 6 * 0.03**3
    for patient in range(2):
        assert made(word, patient, spacing).tumour_volume == pytest.approx(wanted, abs=0.51 * spacing**3)


@pytest.mark.parametrize("word", ["lobulated", "nodules"])
def test_the_drawn_solid_itself_has_that_volume(word: str) -> None:
    """Not only the sites that are filled up to it: counted in a cloud of points of another grid."""
    draw: Any = draw_lobes if word == "lobulated" else draw_nodules
    balls: Balls = draw(FORMS[word], 0.015, 7, 1, PARAMETERS)
    half = FORMS[word].reach(0.015)
    x = (np.arange(101) + 0.5) / 101 * 2 * half - half
    points = np.stack([g.ravel() for g in np.meshgrid(x, x, x, indexing="ij")], axis=1)
    volume = np.count_nonzero(balls.depth(points) > 0) * (2 * half / 101) ** 3
    assert volume == pytest.approx(np.pi / 6 * 0.03**3, rel=0.01)
    assert np.all(np.abs(balls.centres) + balls.radii[:, None] <= half * (1 + 1e-9))


@pytest.mark.parametrize("word", FORMS)
def test_patients_differ_and_each_is_the_same_again(word: str) -> None:
    one, other = made(word, 0), made(word, 1)
    assert not np.array_equal(one.tumour, other.tumour)
    again = build(one.lattice, one.spec, 7, 0, PARAMETERS)
    for name in ("compartment", "depth", "capsule_site"):
        assert np.array_equal(getattr(again, name), getattr(one, name))


@pytest.mark.parametrize("word", FORMS)
def test_the_form_does_not_hang_on_the_spacing(word: str) -> None:
    fine, coarse = made(word, 3), made(word, 3, 2e-3)
    at = fine.lattice.locate(coarse.lattice.centres(np.flatnonzero(coarse.tumour)))
    deep = np.abs(fine.depth[at]) > 2e-3
    assert np.mean(fine.tumour[at[deep]]) > (0.85 if word == "infiltrating" else 0.99)


@pytest.mark.parametrize("word", FORMS)
def test_depth_is_the_distance_to_the_border(word: str) -> None:
    """Against the nearest site of the other kind, which lies half a site to a site beyond the border."""
    anatomy = made(word, 1)
    assert np.array_equal(anatomy.depth > 0, anatomy.tumour)
    shape, h = anatomy.lattice.shape, anatomy.lattice.spacing
    inside = ndimage.distance_transform_edt(anatomy.tumour.reshape(shape), h).ravel()
    outside = ndimage.distance_transform_edt(~anatomy.tumour.reshape(shape), h).ravel()
    off = np.where(anatomy.tumour, inside, outside) - np.abs(anatomy.depth)
    assert -0.6 * h < off.min() and off.max() < 1.5 * h
    assert 0.0 < off.mean() < 0.6 * h
    volume = np.count_nonzero(anatomy.target & ~anatomy.tumour)
    assert volume == np.count_nonzero((anatomy.depth >= -5e-3) & (anatomy.depth < 0))


def test_depth_of_nodules_is_exact_to_a_fraction_of_a_site() -> None:
    anatomy = made("nodules", 1)
    balls = draw_nodules(FORMS["nodules"], 0.015, 7, 1, PARAMETERS)
    exact = balls.depth(anatomy.lattice.centres())
    assert np.abs(anatomy.depth - exact).max() < 0.2e-3


def test_lobes_stand_out_and_notches_are_as_deep_as_asked() -> None:
    for lobes, depth in ((4, 0.3), (8, 0.2), (12, 0.4)):
        balls = draw_lobes(Lobulated(lobes, depth * 0.02), 0.02, 7, 0, load_parameters({"anatomy.lobe_spread": 0.0}))
        assert len(balls.radii) == lobes + 1
        tip = np.linalg.norm(balls.centres[1:], axis=1) + balls.radii[1:]
        np.testing.assert_allclose(tip, tip[0], rtol=1e-9)
        assert balls.radii[0] == pytest.approx((1 - depth) * tip[0])
        assert tip[0] > 0.02  # lobes reach beyond the sphere of their volume


def test_nodules_keep_their_gaps_sizes_and_compartments() -> None:
    form = Nodules(4, (2e-3, 5e-3), (0.02, 0.012, 0.012, 0.008))
    spec = TumourSpec(shape="nodules", form=form)
    assert spec.volume == pytest.approx(np.pi / 6 * sum(s**3 for s in form.sizes or ()))
    anatomy = build(Lattice.for_box(box_size(spec, 0.0, PARAMETERS), 1e-3), spec, 7, 2, PARAMETERS)
    assert anatomy.n_compartments == 4
    counts = np.bincount(anatomy.compartment[anatomy.tumour])[1:] * 1e-9
    np.testing.assert_allclose(counts, np.pi / 6 * np.array(form.sizes) ** 3, rtol=0.05)
    trees = [cKDTree(anatomy.lattice.centres(np.flatnonzero(anatomy.compartment == k))) for k in range(1, 5)]
    for k, tree in enumerate(trees):
        gap = min(tree.query(other.data)[0].min() for j, other in enumerate(trees) if j != k)
        assert 2e-3 - 0.5e-3 < gap < 5e-3 + 2.5e-3  # between centres of sites


def test_the_rim_of_an_infiltrating_tumour_thins_out_evenly() -> None:
    anatomy = made("infiltrating", 0, diameter=0.04)
    away = np.linalg.norm(anatomy.lattice.centres(), axis=1) - 0.02
    share = [anatomy.tumour[np.abs(away - at) < 0.5e-3].mean() for at in (-4e-3, -1.5e-3, 0.0, 1.5e-3, 4e-3)]
    np.testing.assert_allclose(share, [1.0, 0.75, 0.5, 0.25, 0.0], atol=0.12)
    # strands of several sites, no salt and pepper: most sites of the rim have neighbours of their own
    body = anatomy.tumour.reshape(anatomy.lattice.shape)
    alone = body & ~ndimage.binary_dilation(body, [[[0] * 3] * 3, [[0, 1, 0], [1, 0, 1], [0, 1, 0]], [[0] * 3] * 3])
    assert alone.sum() < 0.02 * body.sum()


@pytest.mark.parametrize("word", FORMS)
@pytest.mark.parametrize("thrombus", ["Vp1", "Vp3"])
def test_satellites_and_thrombus_lie_beside_every_form(word: str, thrombus: str) -> None:
    anatomy = made(word, 1, satellites=3, thrombus=thrombus)
    for satellite in anatomy.satellites:
        sites = anatomy.lattice.centres(np.flatnonzero(anatomy.compartment == satellite.label))
        border = anatomy.lattice.centres(np.flatnonzero(anatomy.tumour))
        nearest = cKDTree(border).query(np.array([satellite.centre]))[0][0]
        assert nearest - satellite.radius == pytest.approx(satellite.distance, abs=1.2e-3)
        assert len(sites) == pytest.approx(4 / 3 * np.pi * (satellite.radius * 1e3) ** 3, abs=1)
    assert anatomy.vein is not None
    clot = ndimage.binary_dilation(anatomy.thrombus.reshape(anatomy.lattice.shape))
    assert (clot.ravel() & anatomy.tumour).any()  # it grows out of the tumour


@pytest.mark.parametrize("word", ["lobulated", "nodules"])
def test_a_partial_capsule_parts_the_border_of_every_form(word: str) -> None:
    anatomy = made(word, 0, capsule="partial")
    skin = anatomy.tumour & (anatomy.depth < 0.8e-3)
    assert anatomy.capsule_site[skin].mean() == pytest.approx(0.6, abs=0.12)
    covered = anatomy.distance_to_covered_border[anatomy.tumour]
    free = anatomy.distance_to_uncovered_border[anatomy.tumour]
    excess = np.minimum(covered, free) - anatomy.depth[anatomy.tumour]  # as the distances' own words allow
    assert excess.min() > -1e-6 and excess.max() < 1e-3 and excess.mean() < 0.15e-3


@pytest.mark.parametrize("word", ["lobulated", "infiltrating"])
def test_septa_cut_other_forms_too(word: str) -> None:
    anatomy = made(word, 0, septa=3)
    assert np.unique(anatomy.compartment[anatomy.tumour]).tolist() == [1, 2, 3, 4]
    assert np.bincount(anatomy.compartment[anatomy.tumour])[1:].min() > 0.03 * anatomy.tumour.sum()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shape": "infiltrating", "form": Infiltrating(3e-3), "capsule": "partial"}, "tumour.capsule: an infiltr"),
        ({"shape": "nodules", "form": Nodules(2, (0.0, 0.0)), "septa": 1}, "tumour.septa: nodules are compartments"),
        ({"shape": "lobulated", "form": Lobulated(1, 2e-3)}, "lobulated.lobes: 1 must be"),
        ({"shape": "lobulated", "form": Lobulated(5, 9e-3)}, "up to 7.5 mm deep"),
        ({"shape": "infiltrating", "form": Infiltrating(0.02)}, "up to 15 mm wide"),
        ({"shape": "nodules", "form": Nodules(13, (0.0, 0.0))}, "nodules.number: 13"),
        ({"shape": "nodules", "form": Nodules(2, (3e-3, 1e-3))}, "the least first"),
        ({"shape": "lobulated"}, "needs its Lobulated"),
        ({"shape": "sphere", "form": Infiltrating(3e-3)}, "takes none"),
    ],
)
def test_refuses_what_cannot_be(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        TumourSpec(diameter=0.03, **fields)


@pytest.mark.parametrize("word", FORMS)
def test_a_slab_and_a_small_box_are_refused(word: str) -> None:
    spec = TumourSpec(diameter=0.03, shape=word, form=FORMS[word])
    with pytest.raises(InputError, match="a slab holds a sphere or an ellipsoid"):
        build(Lattice.for_box(0.09, 1e-3, slab=True), spec, 7, 0, PARAMETERS)
    with pytest.raises(InputError, match="does not fit into a box"):
        build(Lattice.for_box(0.03, 1e-3), spec, 7, 0, PARAMETERS)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 12), st.floats(0.0, 10e-3), st.floats(0.0, 5e-3), st.integers(0, 10**6), st.floats(5e-3, 40e-3)
)  # fmt: skip
def test_any_nodules_can_be_placed_apart_and_within_their_reach(
    number: int, low: float, more: float, patient: int, radius: float
) -> None:
    form = Nodules(number, (low, low + more))
    balls = draw_nodules(form, radius, 3, patient, PARAMETERS)
    assert np.sum(balls.radii**3) == pytest.approx(radius**3)
    assert np.all(np.abs(balls.centres) + balls.radii[:, None] <= form.reach(radius) * (1 + 1e-9))
    away = np.linalg.norm(balls.centres[:, None] - balls.centres[None], axis=2) - balls.radii[:, None] - balls.radii
    apart = away[~np.eye(number, dtype=bool)].reshape(number, -1).min(axis=1)
    assert np.all(apart >= low - 1e-9) and np.all(apart <= low + more + 1e-9)
