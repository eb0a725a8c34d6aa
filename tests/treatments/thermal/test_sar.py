"""Sources on the lattice: power is neither lost nor made, whatever the spacing, the place and the direction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.treatments.thermal.microwave_source import Microwave
from tumorsim.treatments.thermal.rf_source import Radiofrequency
from tumorsim.treatments.thermal.sar import Needle, Source, deposit, heating, pull_back

MM = 1e-3
PARAMETERS = load_parameters()
MICROWAVE = Microwave.from_parameters(PARAMETERS)
NEEDLE = Radiofrequency.from_parameters(PARAMETERS)
CLUSTER = Radiofrequency.from_parameters(PARAMETERS, electrodes=3)


def share_of_antenna(source: Microwave, needle: Needle, lattice: Lattice) -> float:
    """Share absorbed in the box, from rays: each point of the line loses exp(-2 a R) through the faces."""
    polar, weight = np.polynomial.legendre.leggauss(96)
    turn = 2.0 * math.pi * (np.arange(192) + 0.5) / 192
    cos, phi = np.meshgrid(polar, turn, indexing="ij")
    sin = np.sqrt(1.0 - cos**2)
    ways = np.stack([sin * np.cos(phi), sin * np.sin(phi), cos], axis=-1).reshape(-1, 3)
    nodes, shares = np.polynomial.legendre.leggauss(24)
    kept, half = 0.0, np.array(lattice.size) / 2.0
    for node, share in zip(nodes, shares, strict=True):
        start = np.array(needle.point) + node * source.half * np.array(needle.direction)
        assert np.all(np.abs(start) < half)
        with np.errstate(divide="ignore"):
            far = np.min(np.where(ways > 0.0, (half - start) / ways, (-half - start) / ways), axis=1)
        absorbed = -np.expm1(-2.0 * source.attenuation * far)
        kept += 0.5 * share * float((np.repeat(weight, 192) * absorbed).sum()) / 384.0
    return kept


def share_of_electrodes(source: Radiofrequency, needle: Needle, lattice: Lattice) -> float:
    """Share absorbed in the box: all but the current through its faces times the potential there."""
    c, (x, y, z) = source.focus, needle.frame
    nodes, weights = np.polynomial.legendre.leggauss(60)
    lost = 0.0
    for axis in range(3):
        for side in (-1.0, 1.0):
            half = np.array(lattice.size) / 2.0
            others = [a for a in range(3) if a != axis]
            u, v = (g.ravel() for g in np.meshgrid(nodes * half[others[0]], nodes * half[others[1]], indexing="ij"))
            place = np.empty((len(u), 3))
            place[:, axis], place[:, others[0]], place[:, others[1]] = side * half[axis], u, v
            area = np.outer(weights * half[others[0]], weights * half[others[1]]).ravel()
            potential, field = np.zeros(len(u)), np.zeros((len(u), 3))
            for a, b in source.axes:
                middle = np.array(needle.point) + a * x + b * y
                behind, ahead = place - (middle - c * z), place - (middle + c * z)
                r1, r2 = np.linalg.norm(behind, axis=1), np.linalg.norm(ahead, axis=1)
                s = r1 + r2
                potential += np.log((s + 2 * c) / (s - 2 * c)) / (2 * c)
                field += (2.0 / (s**2 - 4 * c**2))[:, None] * (behind / r1[:, None] + ahead / r2[:, None])
            lost += side * float((potential * field[:, axis] * area).sum())
    return 1.0 - lost / float(source.numbers[3])


PLACES = [
    Needle((0.0, 0.0, 0.0)),
    Needle((0.3 * MM, -0.7 * MM, 1.1 * MM), (1.0, 2.0, 3.0)),
    Needle((2.1 * MM, 0.4 * MM, -3.3 * MM), (0.0, 1.0, 0.0)),
]


@pytest.mark.parametrize("spacing", [0.25, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("needle", PLACES, ids=["along z", "oblique", "along y"])
def test_antenna_deposits_what_the_box_absorbs(needle: Needle, spacing: float) -> None:
    lattice = Lattice.for_box(40 * MM if spacing > 0.3 else 32 * MM, spacing * MM)
    given = deposit(MICROWAVE, needle, lattice).sum() * lattice.site_volume
    assert given == pytest.approx(share_of_antenna(MICROWAVE, needle, lattice), rel=1e-3)


@pytest.mark.parametrize("source", [NEEDLE, CLUSTER], ids=["needle", "cluster"])
@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("needle", PLACES, ids=["along z", "oblique", "along y"])
def test_electrodes_deposit_what_the_box_absorbs(source: Radiofrequency, needle: Needle, spacing: float) -> None:
    if spacing == 0.5 and needle is not PLACES[1]:
        return
    lattice = Lattice.for_box(48 * MM, spacing * MM)
    given = deposit(source, needle, lattice).sum() * lattice.site_volume
    assert given == pytest.approx(share_of_electrodes(source, needle, lattice), rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.floats(-6.0, 6.0)] * 3),
    st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda d: math.hypot(*d) > 0.1),
    st.sampled_from([1.0, 2.0, 4.0]),
    st.sampled_from([2450, 915]),
)
def test_antenna_anywhere(point, direction, spacing, megahertz) -> None:
    source = Microwave.from_parameters(PARAMETERS, megahertz)
    lattice = Lattice.for_box(40 * MM, spacing * MM)
    needle = Needle(tuple(MM * x for x in point), direction)
    given = deposit(source, needle, lattice).sum() * lattice.site_volume
    assert given == pytest.approx(share_of_antenna(source, needle, lattice), rel=1e-3)


@pytest.mark.parametrize("source", [MICROWAVE, NEEDLE, CLUSTER], ids=["antenna", "needle", "cluster"])
def test_sites_hold_the_mean_of_their_density(source: Source) -> None:
    """A fine lattice joined four by four is the coarse one, near the needle as well as away from it."""
    needle = Needle((0.4 * MM, -0.6 * MM, 0.3 * MM), (0.2, 0.3, 1.0))
    fine, coarse = Lattice((48, 48, 48), 0.5 * MM), Lattice((12, 12, 12), 2 * MM)
    joined = fine.coarsen(deposit(source, needle, fine), 4)
    alone = deposit(source, needle, coarse)
    assert np.abs(alone - joined).sum() < 0.01 * joined.sum()
    assert alone == pytest.approx(joined, rel=0.1)
    local = (coarse.centres() - np.array(needle.point)) @ needle.frame.T
    far = np.hypot(np.hypot(local[:, 0], local[:, 1]), np.maximum(np.abs(local[:, 2]) - source.half, 0.0)) > 9 * MM
    assert alone[far] == pytest.approx(source.density(local[far]), rel=0.03)


def test_direction_and_its_opposite_give_the_same() -> None:
    lattice = Lattice((24, 24, 24), 1 * MM)
    there = deposit(MICROWAVE, Needle((0, 0, 0), (0, 0, 1)), lattice).reshape(lattice.shape)
    back = deposit(MICROWAVE, Needle((0, 0, 0), (0, 0, -1)), lattice).reshape(lattice.shape)
    aside = deposit(MICROWAVE, Needle((0, 0, 0), (1, 0, 0)), lattice).reshape(lattice.shape)
    # points near the needle lie on no lattice of their own, so that mirrored sites are equal only to their number
    for other in (back, np.moveaxis(aside, 0, 2), there[::-1], there[:, :, ::-1]):
        assert other == pytest.approx(there, rel=0.03)
        assert np.abs(other - there).sum() < 2e-3 * there.sum()


def test_threads_change_no_bit() -> None:
    lattice = Lattice((50, 50, 50), 1 * MM)
    one, two = (deposit(MICROWAVE, PLACES[1], lattice, threads=n) for n in (1, 2))
    assert np.array_equal(one, two)


def test_powers_of_needles_add() -> None:
    lattice = Lattice((24, 24, 24), 1 * MM)
    left, right = Needle((-5 * MM, 0, 0)), Needle((5 * MM, 0, 0))
    both = heating([(MICROWAVE, left, 40.0), (MICROWAVE, right, 60.0)], lattice)
    alone = MICROWAVE.efficiency * (
        40.0 * deposit(MICROWAVE, left, lattice) + 60.0 * deposit(MICROWAVE, right, lattice)
    )
    assert both == pytest.approx(alone, rel=1e-12)
    assert not heating([], lattice).any()


def test_pull_back_goes_along_the_track() -> None:
    track = pull_back(Needle((0, 0, 5 * MM), (0, 0, 2)), 10 * MM, 3)
    assert [n.point[2] for n in track] == pytest.approx([5 * MM, -5 * MM, -15 * MM])
    assert all(n.direction == (0, 0, 1) for n in track)
    frame = Needle((0, 0, 0), (1, -2, 0.5)).frame
    assert frame @ frame.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Needle((0, 0, math.nan)), "three finite lengths"),
        (lambda: Needle((0, 0, 0), (0, 0, 0)), "not all 0"),
        (lambda: pull_back(Needle((0, 0, 0)), 0.0, 0), "positive length"),
        (lambda: deposit(MICROWAVE, Needle((0.03, 0, 0)), Lattice((20, 20, 20), MM)), "outside the box of 20 x 20"),
        (lambda: deposit(MICROWAVE, Needle((0, 0, 0)), Lattice((20, 20, 1), MM)), "slab"),
        (lambda: heating([(MICROWAVE, Needle((0, 0, 0)), 0.0)], Lattice((8, 8, 8), MM)), "needle 1: its power must"),
    ],
)
def test_refused(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]


def test_all_needles_are_refused_at_once() -> None:
    with pytest.raises(InputError) as error:
        heating([(MICROWAVE, Needle((0, 0, 0)), -1.0), (MICROWAVE, Needle((1, 0, 0)), 40.0)], Lattice((8, 8, 8), MM))
    assert [line[:9] for line in error.value.problems] == ["needle 1:", "needle 2:"]
