"""Figures of an implant: the reference histogram, the definitions on doses known, and what does not exist."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.seeds.dose import Seeds, dose_rate, in_capsule, total_dose
from tumorsim.treatments.seeds.dosimetry import Dosimetry, Histogram, dosimetry
from tumorsim.treatments.seeds.source import SeedSource

DATA = Path(__file__).parents[2] / "data"
OURS = SeedSource.named("Amersham 6711")


@pytest.fixture(scope="module")
def reference() -> tuple[Lattice, np.ndarray, np.ndarray]:
    step = np.array([-1.0, 0.0, 1.0]) * 0.01
    seeds = Seeds(np.stack(np.meshgrid(step, step, step, indexing="ij"), axis=-1).reshape(-1, 3), (0, 0, 1), 0.635)
    lattice = Lattice((60, 60, 60), 1e-3)
    return lattice, total_dose(dose_rate(lattice, OURS, seeds, centre=True), OURS), in_capsule(lattice, seeds)


def test_reference_histogram(reference: tuple[Lattice, np.ndarray, np.ndarray]) -> None:
    lattice, dose, left_out = reference
    with (DATA / "tg43_6711_implant_dvh.csv").open() as file:
        table = list(csv.DictReader(line for line in file if not line.startswith("#")))
    for row in table:
        target = np.linalg.norm(lattice.centres(), axis=1) <= 0.01 * float(row["R_cm"])
        found = dosimetry(lattice, dose, target, 120.0, left_out=left_out)
        histogram = found.histograms["target"]
        assert len(histogram.doses) == int(row["n_voxel"])
        got = [found.target.d90_gy, found.target.d_min_gy, found.target.d_mean_gy, found.target.v100, found.target.v150,
               found.target.v200, histogram.share_from(145.0)]  # fmt: skip
        keys = ("D90_Gy", "Dmin_Gy", "Dmean_Gy", "V120Gy", "V180Gy", "V240Gy", "V145Gy")
        np.testing.assert_allclose(got, [float(row[k]) for k in keys], rtol=1e-3)


def line(doses: list[float], **others: object) -> Dosimetry:
    """A bar of sites of 1 mL with these doses, padded by two layers without dose."""
    lattice = Lattice((len(doses) + 4, 5, 5), 0.01)
    dose = np.zeros(lattice.shape)
    dose[2:-2, 2, 2] = doses
    target = np.zeros(lattice.shape, dtype=bool)
    target[2:-2, 2, 2] = others.pop("target", True)  # type: ignore[assignment]
    organs = {n: np.isin(np.arange(lattice.n_sites), m) for n, m in others.pop("organs", {}).items()}  # type: ignore[attr-defined]
    return dosimetry(lattice, dose.reshape(-1), target.reshape(-1), 100.0, organs, **others)  # type: ignore[arg-type]


def test_definitions() -> None:
    found = line([90, 100, 120, 150, 160, 200, 210, 99, 300, 100])
    t = found.target
    assert (t.volume_ml, t.d_min_gy, t.d_mean_gy) == (pytest.approx(10), 90, pytest.approx(152.9))
    assert (t.v100, t.v150, t.v200) == (0.8, 0.5, 0.3)  # the dose itself counts
    assert t.d90_gy == pytest.approx(98.1)  # 10th percentile, straight between sites
    assert found.hi == pytest.approx((0.8 - 0.5) / 0.8)
    assert found.isodose_ml == pytest.approx(8)
    assert found.ci == pytest.approx(0.8 * 1.0)  # all tissue within the isodose is target
    # half of the sites within the isodose lie outside the target
    half = line([200.0] * 8, target=[True] * 4 + [False] * 4)
    assert half.ci == pytest.approx(0.5)
    assert line([100.0] * 8).ci == pytest.approx(1.0) == 1 - line([150.0] * 8).hi


def test_hottest_two_millilitres() -> None:
    sites = [(k * 5 + 2) * 5 + 2 for k in range(2, 12)]
    doses = [10.0, 20, 30, 40, 50, 60, 70, 80, 90, 99]
    found = line(doses, organs={"gut": sites, "small": sites[:1], "none": []})
    gut = found.organs["gut"]
    assert (gut.volume_ml, gut.d_max_gy, gut.d_mean_gy) == (pytest.approx(10), 99, pytest.approx(54.9))
    assert 70 <= gut.d2cc_gy <= 90
    assert gut.d2cc_gy == pytest.approx(np.quantile(doses, 0.8))
    assert found.organs["small"].d2cc_gy is None
    assert found.organs["none"].d_max_gy is None


def test_what_does_not_exist_is_none() -> None:
    nothing = line([50.0] * 4, target=False)
    assert nothing.target.d90_gy is None and nothing.target.v100 is None
    assert nothing.ci is None and nothing.hi is None
    cold = line([50.0] * 4)
    assert (cold.ci, cold.hi, cold.isodose_ml, cold.target.v100) == (0.0, None, 0.0, 0.0)
    lattice = Lattice((4, 4, 4), 1e-3)
    leaves = dosimetry(lattice, np.full(64, 120.0), np.ones(64, dtype=bool), 100.0)
    assert leaves.ci is None and leaves.isodose_ml is None and leaves.target.v100 == 1.0
    json.dumps([nothing.as_dict(), cold.as_dict(), leaves.as_dict()], allow_nan=False)


def test_sites_without_tissue_do_not_count() -> None:
    lattice = Lattice((6, 6, 6), 1e-3)
    dose = np.where(lattice.on_face(), 0.0, 100.0)
    target = ~lattice.on_face()
    hot = np.zeros(216, dtype=bool)
    hot[lattice.index(2, 2, 2)] = True
    found = dosimetry(lattice, np.where(hot, 1e9, dose), target, 100.0, left_out=hot)
    assert found.target.d_mean_gy == 100.0
    assert found.target.volume_ml == pytest.approx(0.063)
    assert found.ci == pytest.approx(1.0)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=60))
def test_a_histogram_falls_and_its_two_readings_agree(doses: list[float]) -> None:
    histogram = Histogram.of(np.array(doses), 1e-6)
    at, share = histogram.curve(max(doses) + 1.0)
    assert share[0] == 1.0 and share[-1] == 0.0 and (np.diff(share) <= 0).all()
    assert [histogram.share_from(d) for d in at] == share.tolist()
    for part in (0.1, 0.5, 0.9, 1.0):
        dose = histogram.dose_of_share(part)
        assert histogram.least <= dose <= histogram.most
        # at least that share gets it, but for the site that straddles it
        assert histogram.share_from(dose * (1 - 1e-12)) >= part - 1.0 / len(doses) - 1e-12


def test_what_cannot_be() -> None:
    lattice = Lattice((2, 2, 2), 1e-3)
    with pytest.raises(InputError) as caught:
        dosimetry(lattice, np.zeros(7), np.zeros(8, dtype=bool), 0.0, {"target": np.zeros(8, dtype=bool)})
    assert len(caught.value.problems) == 3
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="finite and 0 Gy"):
            Histogram.of(np.array([1.0, wrong]), 1e-6)
