"""One seed: the formalism at points known, the 1-D form, decay, inside the capsule, and any seed from a file."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.treatments.seeds import SeedSource
from tumorsim.treatments.seeds.source import kerma_per_activity

DATA = Path(__file__).parents[2] / "data"
OURS = SeedSource.named("Amersham 6711")


def rows(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open() as file:
        lines = csv.DictReader(line for line in file if not line.startswith("#"))
        return [{k: v if k in ("model", "case") else float(v) for k, v in row.items()} for row in lines]


POINTS = rows("tg43_6711_dose_points.csv")


@pytest.mark.parametrize("row", POINTS, ids=lambda r: f"{r['x_cm']:g},{r['y_cm']:g},{r['z_cm']:g}")
def test_dose_points(row: dict[str, Any]) -> None:
    place = [[row[f"{a}_cm"] for a in "xyz"]]
    assert OURS.dose_rate(place)[0] == pytest.approx(row["dose_rate_cGy_per_h_per_U"], rel=1e-6)
    assert OURS.total_dose(place)[0] == pytest.approx(row["dose_inf_Gy_per_U"], rel=1e-6)
    assert OURS.dose_rate(place, 0.635)[0] == pytest.approx(0.635 * row["dose_rate_cGy_per_h_per_U"], rel=1e-6)


def test_away_and_along() -> None:
    table = rows("tg43_6711_along_away.csv")
    got = OURS.dose_rate([[0.0, row["away_y_cm"], row["along_z_cm"]] for row in table])
    np.testing.assert_allclose(got, [row["dose_rate_cGy_per_h_per_U"] for row in table], rtol=1e-4)


def test_phi_an_of_the_table_is_the_mean_of_its_f() -> None:
    """The 1-D form at r is the mean of the 2-D one over the sphere of r."""
    cosine, weight = np.polynomial.legendre.leggauss(400)
    for row in rows("tg43_6711_phi_an.csv"):
        r = row["r_cm"]
        ring = np.stack([r * np.sqrt(1 - cosine**2), 0 * cosine, r * cosine], axis=1)
        mean = 0.5 * weight @ OURS.dose_rate(ring)
        across = OURS.dose_rate([[r, 0.0, 0.0]])[0]
        assert mean / across == pytest.approx(row["phi_an_computed"], abs=1e-3)
        flat = OURS.one_dimensional().dose_rate([[r, 0.0, 0.0], [0.0, 0.6 * r, 0.8 * r]])
        np.testing.assert_allclose(flat, across * row["phi_an_published"], rtol=1e-12)


def test_beyond_the_table() -> None:
    far = OURS.dose_rate([[0.0, r, 0.0] for r in (9.0, 10.0, 12.0)]) * np.array([81.0, 100.0, 144.0])
    assert math.log(far[2] / far[1]) == pytest.approx(2 * math.log(far[1] / far[0]), rel=2e-3)
    # F keeps the value of the nearest radius
    tip, side = OURS.dose_rate([[0.0, 0.0, 20.0], [0.0, 20.0, 0.0]])
    assert tip / side == pytest.approx(0.55, rel=1e-3)


@given(st.tuples(*[st.floats(-15, 15)] * 3), st.floats(0, 2 * math.pi))
def test_finite_everywhere_and_the_same_round_the_axis(place: tuple[float, ...], turn: float) -> None:
    x, y, z = place
    c, s = math.cos(turn), math.sin(turn)
    a, b, mirrored = OURS.dose_rate([place, (c * x - s * y, s * x + c * y, z), (x, y, -z)])
    assert 0 < a < 1e4
    assert b == pytest.approx(a, rel=1e-6)
    assert mirrored == pytest.approx(a, rel=1e-12)


@pytest.mark.parametrize("place", [(0, 0, 0), (0, 0, 0.1), (0, 0, 0.15), (0, 0, 0.17), (1e-9, 0, -0.15), (0.01, 0, 0)])
def test_in_the_capsule_the_dose_rate_is_that_on_it(place: tuple[float, ...]) -> None:
    for source in (OURS, OURS.one_dimensional(), seed(active_length_mm=0, anisotropy=None)):
        inside = source.dose_rate([place])[0]
        assert 0 < inside < 5e3
        x, _, z = place
        half = source.active_length_mm / 20
        past = abs(z) - half
        if math.hypot(x, max(past, 0)) > 0.04:  # outside
            continue
        if past <= 0:
            out = (0.04, 0.0, z)
        else:
            way = np.array([x, past]) / math.hypot(x, past) * 0.04
            out = (way[0], 0.0, math.copysign(half + way[1], z))
        assert inside == pytest.approx(source.dose_rate([out])[0], rel=1e-9)


def test_decay_and_total_dose() -> None:
    place = [[0.0, 1.0, 0.0]]
    assert OURS.decay_per_h == pytest.approx(4.8622e-4, rel=1e-4)
    assert OURS.decay_per_s * 3600 == pytest.approx(OURS.decay_per_h, rel=1e-14)
    whole = OURS.total_dose(place)[0]
    assert whole == pytest.approx(19.84721338531, rel=1e-9)  # the published anchor
    half_life = 59.4 * 24
    assert OURS.total_dose(place, hours=half_life)[0] == pytest.approx(whole / 2)
    parts = OURS.total_dose(place, hours=7.0)[0] + OURS.total_dose(place, after_h=7.0)[0]
    assert parts == pytest.approx(whole, rel=1e-12)
    assert OURS.total_dose(place, hours=1e-6)[0] == pytest.approx(OURS.dose_rate(place)[0] * 1e-8, rel=1e-6)
    assert kerma_per_activity() == pytest.approx(1.27)


def seed(**changes: Any) -> SeedSource:
    """A seed nobody has seen; ``None`` leaves a key out."""
    r = [0.2, 0.7, 1.3, 2.9, 6.0]
    theta = [0, 7.5, 33, 90, 120, 180]
    data: dict[str, Any] = {
        "name": "made up",
        "dose_rate_constant": 0.7,
        "active_length_mm": 4.2,
        "half_life_d": 17.0,
        "radial": {"r_cm": r, "g": [math.exp(0.3 * (1 - x)) for x in r]},
        "anisotropy": {"r_cm": [0.5, 2], "theta_deg": theta, "F": [[0.4, 0.5, 0.9, 1, 0.95, 0.7]] * 2},
        "phi_an": {"r_cm": [1], "value": [0.9]},
    }
    data |= changes
    return SeedSource.from_dict({k: v for k, v in data.items() if v is not None})


def test_a_line_and_its_ends_are_told_apart() -> None:
    """0 to 180 degrees is used as given; the line's geometry is its integral of 1/r^2."""
    source = seed()
    place = np.array([0.0, 0.3, 0.9])
    line = np.linspace(-0.21, 0.21, 20001)
    geometry = np.trapezoid(1 / (place[1] ** 2 + (place[2] - line) ** 2), line) / 0.42
    across = np.trapezoid(1 / (1 + line**2), line) / 0.42
    r, theta = math.hypot(0.3, 0.9), math.degrees(math.atan2(0.3, 0.9))
    tip = np.interp(theta, [7.5, 33], [0.5, 0.9])
    tail = np.interp(180 - theta, [120, 180], [0.95, 0.7])
    expected = 0.7 * geometry / across * math.exp(0.3 * (1 - r))
    got = source.dose_rate([place, place * [1, 1, -1]])
    np.testing.assert_allclose(got, [expected * tip, expected * tail], rtol=1e-7)


def test_a_point_falls_as_one_over_the_square() -> None:
    point = seed(active_length_mm=0, anisotropy=None)
    r = np.array([0.5, 1.0, 2.0])
    got = point.dose_rate(np.stack([0 * r, 0.6 * r, 0.8 * r], axis=1))
    np.testing.assert_allclose(got, 0.7 * 0.9 * np.exp(0.3 * (1 - r)) / r**2, rtol=1e-12)
    assert not point.is_2d


@pytest.mark.parametrize("source", [OURS, seed(), seed(anisotropy=None)], ids=["6711", "2-D", "1-D"])
def test_a_file_of_a_seed_gives_the_same_seed(source: SeedSource, tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    with path.open("w") as file:
        YAML().dump(source.as_dict(), file)
    again = SeedSource.from_file(path)
    assert again.as_dict() == source.as_dict()
    places = np.array([[0.3, 0.2, 0.7], [0, 0, -2.0], [4, 5, 6.0]])
    np.testing.assert_array_equal(again.dose_rate(places, 0.5), source.dose_rate(places, 0.5))


def test_names() -> None:
    assert SeedSource.names() == ["Amersham 6711"]
    assert SeedSource.named(" amersham  6711") is OURS
    with pytest.raises(InputError, match=r"no 'Amersham 6117'\. Did you mean 'Amersham 6711'"):
        SeedSource.named("Amersham 6117")


def test_places_must_be_places() -> None:
    for wrong in ([1.0, 0.0, 0.0], [[1.0, 0.0]], [[math.nan, 0, 0]]):
        with pytest.raises(InputError, match=r"shape \(n, 3\)"):
            OURS.dose_rate(wrong)
    with pytest.raises(InputError, match="0 U or more"):
        OURS.dose_rate([[1.0, 0, 0]], -1.0)
    with pytest.raises(InputError, match="0 h or more"):
        OURS.total_dose([[1.0, 0, 0]], hours=-1.0)
    with pytest.raises(InputError, match="no phi_an"):
        seed(phi_an=None).one_dimensional()
    assert OURS.dose_rate(np.zeros((0, 3))).shape == (0,)


def test_the_capsule_is_a_parameter(tmp_path: Path) -> None:
    wide = load_parameters({"dose.capsule_radius": "0.5 mm"})
    at_half = OURS.dose_rate([[0.05, 0, 0]])
    path = tmp_path / "seed.yaml"
    with path.open("w") as file:
        YAML().dump(OURS.as_dict(), file)
    for made in (
        SeedSource.named("Amersham 6711", wide),
        SeedSource.from_file(path, wide),
        SeedSource.from_dict(OURS.as_dict(), parameters=wide),
    ):
        np.testing.assert_array_equal(made.dose_rate([[0.01, 0, 0]]), at_half)
    assert OURS.dose_rate([[0.01, 0, 0]]) > at_half
