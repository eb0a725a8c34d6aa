"""Many seeds on the lattice: superposition, the mean over a site at any spacing, any direction, any thread."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.seeds.dose import (
    GY_PER_S,
    Seeds,
    dose_rate,
    dose_rate_at,
    half_width,
    in_capsule,
    total_dose,
)
from tumorsim.treatments.seeds.source import SeedSource

DATA = Path(__file__).parents[2] / "data"
OURS = SeedSource.named("Amersham 6711")
STEP = np.array([-1.0, 0.0, 1.0]) * 0.01
CUBE = np.stack(np.meshgrid(STEP, STEP, STEP, indexing="ij"), axis=-1).reshape(-1, 3)
IMPLANTS = {
    "cubic27_1cm": Seeds(CUBE, (0, 0, 1), 0.635),
    "two_seeds_x_pm0.5": Seeds([[-0.005, 0, 0], [0.005, 0, 0]], (0, 0, 1), 0.635),
}
#: one that tells its tip from its tail
UNEVEN = SeedSource.from_dict(
    {
        "name": "uneven", "dose_rate_constant": 0.7, "active_length_mm": 4.2, "half_life_d": 17.0,
        "radial": {"r_cm": [0.2, 0.7, 1.3, 2.9], "g": [1.2, 1.1, 0.9, 0.5]},
        "anisotropy": {
            "r_cm": [0.5, 2], "theta_deg": [0, 7.5, 33, 90, 120, 180], "F": [[0.4, 0.5, 0.9, 1, 0.95, 0.7]] * 2,
        },
        "phi_an": {"r_cm": [1], "value": [0.9]},
    }
)  # fmt: skip


def implant(seed: int, n: int, box: float = 0.03) -> Seeds:
    """Seeds anywhere, in any direction (a low-discrepancy sequence, so that nothing is drawn)."""
    k = np.arange(1, n + 1)[:, None] + 17 * seed
    share = (k * np.array([0.8191725134, 0.6710436067, 0.5497004779, 0.4503, 0.3689, 0.3022])) % 1.0
    return Seeds(box * (share[:, :3] - 0.5), share[:, 3:] - 0.47, 0.4 + 0.1 * (np.arange(n) % 4))


@pytest.mark.parametrize("name", IMPLANTS)
def test_several_seeds_add(name: str) -> None:
    with (DATA / "tg43_6711_multiseed.csv").open() as file:
        table = [r for r in csv.DictReader(line for line in file if not line.startswith("#")) if r["case"] == name]
    places = [[0.01 * float(row[f"{a}_cm"]) for a in "xyz"] for row in table]
    rate = dose_rate_at(places, OURS, IMPLANTS[name])
    np.testing.assert_allclose(rate / GY_PER_S, [float(row["dose_rate_cGy_per_h"]) for row in table], rtol=1e-6)
    np.testing.assert_allclose(total_dose(rate, OURS), [float(row["dose_inf_Gy"]) for row in table], rtol=1e-6)
    # and on the lattice, where sites of 1 mm have these places at their centres
    lattice = Lattice((61, 61, 61), 1e-3)
    sites = lattice.locate(places)
    np.testing.assert_allclose(lattice.centres(sites), places, atol=1e-15)
    centre = dose_rate(lattice, OURS, IMPLANTS[name], centre=True)[sites]
    np.testing.assert_allclose(centre, rate, rtol=1e-4)
    # on the axis of a seed, where F has its tip, the mean over a site is above its middle
    np.testing.assert_allclose(dose_rate(lattice, OURS, IMPLANTS[name])[sites], rate, rtol=0.05)


@pytest.mark.parametrize("source", [OURS, OURS.one_dimensional(), UNEVEN], ids=["6711", "1-D", "uneven"])
def test_the_chart_is_the_formalism(source: SeedSource) -> None:
    lattice, seeds = Lattice((40, 40, 40), 1.3e-3), implant(1, 9)
    got = dose_rate(lattice, source, seeds, centre=True)
    np.testing.assert_allclose(got, dose_rate_at(lattice.centres(), source, seeds), rtol=1e-3)


@pytest.mark.parametrize("source", [OURS, UNEVEN], ids=["6711", "uneven"])
def test_a_coarse_site_holds_what_its_fine_ones_hold(source: SeedSource) -> None:
    """0.5, 1 and 2 mm agree, also where the seed lies."""
    seeds = implant(2, 2, 0.01)
    fine = Lattice((64, 64, 64), 0.5e-3)
    rate = dose_rate(fine, source, seeds)
    assert np.isfinite(rate).all() and (rate > 0).all()
    for factor in (2, 4):
        coarse = fine.field_lattice(factor)
        got, due = dose_rate(coarse, source, seeds), fine.coarsen(rate, factor)
        off = np.abs(got / due - 1)
        assert off.max() < 0.02  # on the axis, where F has its tip
        assert np.mean(off) < 1e-3
        beside = np.linalg.norm(coarse.centres()[:, None] - seeds.points, axis=2).min(axis=1) < 3e-3
        assert off[beside].max() < 0.01
        assert got.sum() == pytest.approx(due.sum(), rel=1e-3)


def test_the_mean_of_a_site_with_a_seed_in_it() -> None:
    """Against a plain sum over points of the site."""
    lattice, seeds = Lattice((3, 3, 3), 2e-3), Seeds([[1e-4, 3e-4, 2e-4]], (0.3, 0.5, 1), 1.0)
    n = 60
    side = ((np.arange(n) + 0.5) / n - 0.5) * 2e-3
    grid = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    got = dose_rate(lattice, OURS, seeds)
    for site in (13, 14, 12, 0):
        due = dose_rate_at(grid + lattice.centres([site]), OURS, seeds).mean()
        assert got[site] == pytest.approx(due, rel=5e-3)


TURN = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: math.hypot(*v) > 0.1)


@settings(deadline=None, max_examples=30)
@given(TURN, st.floats(0, 6.3), st.tuples(*[st.floats(-0.03, 0.03)] * 3))
def test_turning_everything_changes_nothing(axis: tuple[float, ...], angle: float, shift: tuple[float, ...]) -> None:
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_rotvec(angle * np.array(axis) / math.hypot(*axis))
    seeds = implant(3, 5)
    places = implant(5, 40, 0.06).points
    moved = Seeds(turn.apply(seeds.points) + shift, turn.apply(seeds.directions), seeds.strengths)
    there = dose_rate_at(turn.apply(places) + shift, UNEVEN, moved)
    np.testing.assert_allclose(there, dose_rate_at(places, UNEVEN, seeds), rtol=1e-6)


def test_a_seed_along_each_axis_is_the_seed_along_z() -> None:
    place = np.array([[0.3, 0.5, 1.2]])
    due = UNEVEN.dose_rate(place)[0] * GY_PER_S
    for way in range(3):
        seeds = Seeds([[0, 0, 0]], np.eye(3)[way], 1.0)
        got = dose_rate_at(np.roll(place, way + 1, axis=1) * 1e-2, UNEVEN, seeds)
        assert got[0] == pytest.approx(due, rel=1e-12)


def test_superposition_and_strength() -> None:
    lattice, parts = Lattice((20, 22, 24), 2e-3), [implant(6, 3), implant(7, 4)]
    both = dose_rate(lattice, OURS, Seeds.joined(parts))
    np.testing.assert_allclose(both, sum(dose_rate(lattice, OURS, p) for p in parts), rtol=1e-12)
    double = Seeds(parts[0].points, parts[0].directions, 2 * parts[0].strengths)
    np.testing.assert_allclose(dose_rate(lattice, OURS, double), 2 * dose_rate(lattice, OURS, parts[0]), rtol=1e-12)
    assert len(Seeds.joined([])) == 0
    assert not dose_rate(lattice, OURS, Seeds.joined([])).any()
    assert not dose_rate_at([[0, 0, 0]], OURS, Seeds.joined([])).any()


def test_the_same_bits_on_two_threads() -> None:
    lattice, seeds = Lattice((70, 61, 53), 1e-3), implant(8, 7)
    one = dose_rate(lattice, OURS, seeds)
    assert np.array_equal(one, dose_rate(lattice, OURS, seeds, threads=2))
    assert np.array_equal(half_width(lattice, OURS, seeds, one), half_width(lattice, OURS, seeds, one, threads=2))
    places = lattice.centres()
    assert np.array_equal(dose_rate_at(places, OURS, seeds), dose_rate_at(places, OURS, seeds, threads=2))


def test_slabs_and_fine_lattices() -> None:
    seeds = Seeds([[0, 0, 0], [0.2e-3, 0, 1e-3]], (1, 0, 0), 1.0)
    slab = Lattice((60, 60, 1), 20e-6)
    rate = dose_rate(slab, OURS, seeds)
    assert np.isfinite(rate).all()
    np.testing.assert_allclose(rate, dose_rate_at(slab.centres(), OURS, seeds), rtol=0.02)
    assert (half_width(slab, OURS, seeds, rate) <= rate).all()


def test_total_dose_of_a_field() -> None:
    rate = np.array([1e-5, 2e-5])
    whole = total_dose(rate, OURS)
    np.testing.assert_allclose(whole, rate * 59.4 * 86400 / math.log(2))
    # doses of unequal steps add up to the whole
    ends = np.cumsum([360, 1080, 25200, 59.4 * 86400])
    assert total_dose(rate, OURS, ends[-1])[0] < whole[0]
    steps = np.diff([total_dose(rate, OURS, t)[0] for t in (0.0, *ends)])
    after = rate[0] * np.exp(-OURS.decay_per_s * np.array([0.0, *ends[:-1]]))
    np.testing.assert_allclose(
        steps, [total_dose(np.array([r]), OURS, t)[0] for r, t in zip(after, np.diff([0, *ends]), strict=True)]
    )
    with pytest.raises(InputError, match="0 s or more"):
        total_dose(rate, OURS, -1.0)


def test_sites_in_capsules() -> None:
    lattice = Lattice((40, 40, 40), 0.25e-3)
    seeds = Seeds([[0.1e-3, 0, 0], [0, 4.9e-3, 0]], [(0, 0, 1), (1, 0, 0)], 1.0)
    found = in_capsule(lattice, seeds)
    x, y, z = lattice.centres().T
    first = (np.hypot(x - 0.1e-3, y) < 0.4e-3) & (np.abs(z) < 2.25e-3)
    second = (np.hypot(y - 4.9e-3, z) < 0.4e-3) & (np.abs(x) < 2.25e-3)
    np.testing.assert_array_equal(found, first | second)
    assert first.any() and second.any()


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.3])
def test_what_survives_in_a_site_does_not_depend_on_its_size(alpha: float) -> None:
    """The mean dose alone is off by decades at 2 mm; with the half width the residue agrees within 0.2 log10."""
    seeds = Seeds(CUBE + np.array([3e-4, 1e-4, -2e-4]), (0, 0.3, 1), 0.635)
    log10, plain = [], []
    for spacing, n in ((0.5e-3, 64), (1e-3, 32), (2e-3, 16)):
        lattice = Lattice((n, n, n), spacing)
        rate = dose_rate(lattice, OURS, seeds)
        width = half_width(lattice, OURS, seeds, rate)
        assert (width >= 0).all() and (width <= rate).all()
        mean, w = alpha * total_dose(rate, OURS), np.maximum(alpha * total_dose(width, OURS), 1e-6)
        more = w + np.log1p(-np.exp(-2 * w)) - np.log(2 * w)
        inside = np.abs(lattice.centres()).max(axis=1) < 0.014  # a box: the same tissue at every spacing
        volume = math.log10(spacing**3)
        log10.append(math.log10(np.exp(more - mean)[inside].sum()) + volume)
        plain.append(math.log10(np.exp(-mean)[inside].sum()) + volume)
    assert max(log10) - min(log10) < 0.2
    if alpha > 0.1:
        assert max(plain) - min(plain) > 0.2


def test_an_applicator_leaves_seeds_behind_it() -> None:
    seeds = Seeds.along_track((0.0, 0.01, 0.0), (0, 2.0, 0), 3, 0.005, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(seeds.points, [[0, 0.01, 0], [0, 0.005, 0], [0, 0, 0]])
    np.testing.assert_allclose(seeds.directions, [[0, 1, 0]] * 3)
    np.testing.assert_allclose(seeds.strengths, [1, 2, 3])
    with pytest.raises(InputError) as caught:
        Seeds.along_track((0, 0, 0), (0, 0, 1), 0, -1.0, 1.0)
    assert len(caught.value.problems) == 2


def test_seeds_that_cannot_be() -> None:
    for points, ways, strengths, words in (
        ([[0, 0, math.nan]], (0, 0, 1), 1.0, "finite places"),
        ([0, 0, 0], (0, 0, 1), 1.0, "finite places"),
        ([[0, 0, 0]] * 2, [[0, 0, 1], [0, 0, 0]], 1.0, "direction 2 has no length"),
        ([[0, 0, 0]] * 2, [[0, 0, 1]] * 3, 1.0, "a direction for each of 2"),
        ([[0, 0, 0]] * 2, (0, 0, 1), [1.0, -1.0], "0 U or more"),
        ([[0, 0, 0]] * 2, (0, 0, 1), [1.0] * 3, "0 U or more"),
    ):
        with pytest.raises(InputError, match=words):
            Seeds(points, ways, strengths)
    with pytest.raises(InputError, match="finite places"):
        dose_rate_at([0, 0, 0], OURS, IMPLANTS["cubic27_1cm"])


def test_a_seed_in_the_middle_of_a_site_or_on_its_corner_gives_a_number() -> None:
    source = SeedSource.named("Amersham 6711")
    one = Seeds(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.ones(1))
    for shape in ((5, 5, 5), (6, 6, 6)):  # a site's middle, and a corner of eight
        lattice = Lattice(shape, 2e-3)
        middle, mean = dose_rate(lattice, source, one, centre=True), dose_rate(lattice, source, one)
        assert np.all(np.isfinite(middle)) and middle.min() > 0.0
        wide = half_width(lattice, source, one, mean)
        assert np.all((wide >= 0.0) & (wide <= mean))
        assert middle == pytest.approx(dose_rate_at(lattice.centres(), source, one), rel=1e-3)
