"""Contraction: volume is kept, what has lost nothing stays, nothing overtakes, a finer lattice is nearer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from tumorsim.anatomy import TumourSpec, build
from tumorsim.anatomy.contraction import Contraction, Lesion, lesions_of
from tumorsim.anatomy.forms import Nodules
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

MM = 1e-3
PARAMETERS = load_parameters()


def ball(lattice: Lattice, radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    return np.linalg.norm(lattice.centres() - np.asarray(centre), axis=1) <= radius


def shrunk(lattice: Lattice, volume: np.ndarray, *lesions: Lesion, labels: np.ndarray | None = None) -> Contraction:
    label = np.zeros(lattice.n_sites, np.uint8) if labels is None else labels.astype(np.uint8)
    if labels is None:
        label[volume < 1] = 1
    return Contraction.of(lattice, label, volume.astype(np.float32), lesions or (Lesion((1,), (0, 0, 0)),))


def directions(n: int = 400) -> np.ndarray:
    k = np.arange(n) + 0.5
    z, a = 1 - 2 * k / n, math.pi * (1 + math.sqrt(5)) * k
    return np.stack([np.sqrt(1 - z * z) * np.cos(a), np.sqrt(1 - z * z) * np.sin(a), z], axis=1)


def test_nothing_lost_is_the_identity_to_the_bit() -> None:
    lattice = Lattice.for_box(20 * MM, 1 * MM)
    same = shrunk(lattice, np.ones(lattice.n_sites))
    points = lattice.centres()
    assert same.identity and np.array_equal(same.to_present(points), points)


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("left", [0.2, 0.5, 0.9])
def test_an_even_loss_is_an_even_contraction(spacing: float, left: float) -> None:
    lattice = Lattice.for_box(50 * MM, spacing * MM)
    inside = ball(lattice, 15 * MM)
    map_ = shrunk(lattice, np.where(inside, left, 1.0))
    scale = left ** (1 / 3)
    for r in (4, 8, 12):  # clear of the smeared border at every spacing
        got = np.linalg.norm(map_.to_present(r * MM * directions()), axis=1)
        assert got == pytest.approx(r * MM * scale, rel=0.002)
    # liver follows by the volume that is gone: of the lattice's ball to 1 %
    gone = (1 - left) * inside.sum() * lattice.site_volume
    far = np.linalg.norm(map_.to_present(22 * MM * directions()), axis=1)
    assert (4 / 3 * math.pi * ((22 * MM) ** 3 - far**3)).mean() == pytest.approx(gone, rel=0.02)


def volume_error(spacing: float) -> float:
    """Of a ball that has lost more in the middle and on one side, as a share of what it had.

    v = 0.3 + 0.5 (r / R)^2 + 0.2 x / R, in a ball of R = 12 mm: its mean is 0.3 + 0.5 * 3/5.
    """
    lattice = Lattice.for_box(40 * MM, spacing * MM)
    away = np.linalg.norm(lattice.centres(), axis=1) / (12 * MM)
    x = lattice.centres()[:, 0] / (12 * MM)
    inside = away <= 1
    volume = np.where(inside, 0.3 + 0.5 * away**2 + 0.2 * x, 1.0)
    map_ = shrunk(lattice, volume)
    shell = map_.to_present(18 * MM * directions(4000))
    now = ConvexHull(shell).volume
    before = ConvexHull(18 * MM * directions(4000)).volume
    ball_ = 4 / 3 * math.pi * (12 * MM) ** 3
    return abs((before - now) / ball_ - (1 - 0.6))


@pytest.mark.parametrize("spacing", [2.0, 1.0, 0.5])
def test_volume_is_conserved(spacing: float) -> None:
    assert volume_error(spacing) < 0.004


def place_error(spacing: float) -> float:
    """Largest error of a place [m] where v = 1 - 0.7 (1 - (r / R)^2)^2 up to R = 12 mm: a polynomial."""
    lattice = Lattice.for_box(32 * MM, spacing * MM)
    big = 12 * MM
    away = np.linalg.norm(lattice.centres(), axis=1) / big
    volume = np.where(away < 1, 1 - 0.7 * (1 - away**2) ** 2, 1.0)
    x = np.linspace(0.05, 1.2, 40)
    y = np.minimum(x, 1)
    exact = big * np.cbrt(x**3 - 2.1 * (y**3 / 3 - 2 * y**5 / 5 + y**7 / 7))
    map_ = shrunk(lattice, volume)
    points = x[:, None, None] * big * directions(200)
    got = np.linalg.norm(map_.to_present(points.reshape(-1, 3)), axis=1).reshape(40, 200)
    return float(np.abs(got - exact[:, None]).max())


def test_places_are_right_to_second_order_in_the_spacing() -> None:
    coarse, middle, fine = (place_error(h) for h in (2.0, 1.0, 0.5))
    assert coarse < 0.15 * MM and fine < 0.01 * MM
    assert math.log2(coarse / middle) > 1.6 and math.log2(middle / fine) > 1.6


@given(
    left=st.floats(0.15, 1.0),
    side=st.floats(0.15, 1.0),
    radius=st.floats(4.0, 11.0),
    off=st.tuples(*[st.floats(-3.0, 3.0)] * 3),
)
@settings(max_examples=25, deadline=None)
def test_nothing_overtakes_and_volume_agrees_with_the_sites(
    left: float, side: float, radius: float, off: tuple[float, float, float]
) -> None:
    lattice = Lattice.for_box(36 * MM, 1 * MM)
    centre = np.array(off) * MM
    away = lattice.centres() - centre
    inside = np.linalg.norm(away, axis=1) <= radius * MM
    volume = np.where(inside, np.where(away[:, 0] > 0, left, side), 1.0)
    map_ = shrunk(lattice, volume, Lesion((1,), tuple(centre)), labels=inside)
    r = np.linspace(0.1, 17, 120)[:, None, None] * MM
    there = map_.to_present((centre + r * directions(60)).reshape(-1, 3)).reshape(120, 60, 3) - centre
    distance = np.linalg.norm(there, axis=2)
    assert np.all(np.diff(distance, axis=0) > 0)
    assert np.all(distance <= r[:, :, 0] + 1e-12)  # towards the middle, never away
    shell = ConvexHull(centre + 14 * MM * directions(3000))
    now = ConvexHull(map_.to_present(centre + 14 * MM * directions(3000)))
    lost = ((1 - volume) * lattice.site_volume).sum()
    assert shell.volume - now.volume == pytest.approx(lost, abs=0.02 * inside.sum() * lattice.site_volume)


def test_the_side_that_died_contracts() -> None:
    lattice = Lattice.for_box(40 * MM, 1 * MM)
    inside = ball(lattice, 12 * MM)
    volume = np.where(inside & (lattice.centres()[:, 0] < 0), 0.2, 1.0)
    map_ = shrunk(lattice, volume, labels=inside)
    dead, alive = map_.to_present([[-10 * MM, 0, 0], [12 * MM, 0, 0]])
    assert -dead[0] == pytest.approx(10 * MM * 0.2 ** (1 / 3), rel=0.02)
    assert alive[0] == pytest.approx(12 * MM, rel=0.01)


def test_two_nodules_contract_each_to_its_own_middle() -> None:
    lattice = Lattice.for_box((60 * MM, 30 * MM, 30 * MM), 1 * MM)
    centres = ((-15 * MM, 0.0, 0.0), (15 * MM, 0.0, 0.0))
    labels = np.zeros(lattice.n_sites)
    for k, centre in enumerate(centres):
        labels[ball(lattice, 8 * MM, centre)] = k + 1
    lesions = tuple(Lesion((k + 1,), c) for k, c in enumerate(centres))
    map_ = shrunk(lattice, np.where(labels == 1, 0.3, 1.0), *lesions, labels=labels)
    ends = map_.to_present([[-23 * MM, 0, 0], [-7 * MM, 0, 0], [7 * MM, 0, 0], [23 * MM, 0, 0]])[:, 0]
    assert ends[1] - ends[0] == pytest.approx(16 * MM * 0.3 ** (1 / 3), rel=0.04)
    # the other keeps its size and is drawn nearer by a fraction of a millimetre
    assert ends[3] - ends[2] == pytest.approx(16 * MM, rel=0.02) and 0 < 7 * MM - ends[2] < 0.5 * MM


def test_a_slab_keeps_its_area() -> None:
    lattice = Lattice.for_box(40 * MM, 1 * MM, slab=True)
    inside = np.linalg.norm(lattice.centres()[:, :2], axis=1) <= 12 * MM
    map_ = shrunk(lattice, np.where(inside, 0.36, 1.0))
    got = map_.to_present([[8 * MM, 0, 0], [0, -8 * MM, 0]])
    assert np.linalg.norm(got, axis=1) == pytest.approx([4.8 * MM, 4.8 * MM], rel=0.01)
    assert np.all(got[:, 2] == 0)


def test_lesions_are_tumour_nodules_and_satellites() -> None:
    lattice = Lattice.for_box(60 * MM, 1 * MM)
    whole = build(lattice, TumourSpec(diameter=20 * MM, septa=2, satellites=2), 7, 0, PARAMETERS)
    found = lesions_of(whole)
    assert [len(lesion.labels) for lesion in found] == [3, 1, 1]
    assert np.abs(found[0].centre).max() < 0.5 * MM
    assert [lesion.labels[0] for lesion in found[1:]] == [200, 201]
    parts = build(
        lattice, TumourSpec(diameter=16 * MM, form=Nodules(3, (2 * MM, 4 * MM)), shape="nodules"), 7, 0, PARAMETERS
    )
    assert [lesion.labels for lesion in lesions_of(parts)] == [(1,), (2,), (3,)]
