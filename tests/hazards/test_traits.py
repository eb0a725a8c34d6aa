from __future__ import annotations

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.hazards.traits import TRAITS, Traits
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

OFF = {f"traits.{t}_{level}": 0.0 for t in TRAITS for level in ("patient", "region", "cell")}


def traits(spacing: float = 1e-3, n: int = 8, seed: int = 1, patient: int = 0, **given: object) -> Traits:
    parameters = load_parameters({f"traits.{k}": v for k, v in given.items()})
    return Traits.of_patient(parameters, Lattice((n, n, n), spacing), seed, patient)


def test_the_variance_of_a_cell_does_not_depend_on_the_spacing() -> None:
    found = {h: traits(h) for h in (17e-6, 0.5e-3, 0.7e-3, 1e-3, 2e-3, 4e-3)}
    first = found[1e-3]
    whole = (1 + first.point).prod(axis=1) - 1
    for t in found.values():
        assert np.allclose(t.total_variance, whole, rtol=1e-12)
    theta = np.array([t.theta for t in found.values()])
    assert np.all(np.diff(theta, axis=0)[2:] > 0)  # what the larger site averages away is in its cells
    assert np.allclose(theta[0], first.point[:, 2], rtol=1e-2)  # a site of one cell averages nothing
    assert np.all(theta[0] >= first.point[:, 2] * (1 - 1e-12))


def test_over_patients_the_traits_have_mean_one_and_the_variance_they_should() -> None:
    cells, site_means = [], []
    for patient in range(600):
        one = traits(n=2, patient=patient)
        site = one.sensitivity(np.arange(8))
        site_means.append(site)
        cells.append(site.var(axis=0))
    sites = np.array(site_means)
    one = traits(n=2)
    assert np.allclose(sites.mean(axis=(0, 1)), 1.0, atol=0.07)
    expected = (1 + one.point[:, 0]) * (1 + one.region_variance) - 1
    assert np.allclose(sites.reshape(-1, 3).var(axis=0), expected, rtol=0.25)
    log = np.log([traits(n=1, patient=p).patient for p in range(600)])
    assert np.allclose(np.corrcoef(log.T)[np.triu_indices(3, 1)], [0.3, 0.1, 0.1], atol=0.12)


def test_a_patient_is_the_same_at_every_spacing() -> None:
    fine, wide = traits(0.5e-3, 16), traits(1e-3, 8)
    assert np.array_equal(fine.patient, wide.patient)
    of_fine = fine.sensitivity(np.arange(16**3)).reshape(8, 2, 8, 2, 8, 2, 3).mean(axis=(1, 3, 5))
    assert np.allclose(of_fine.reshape(-1, 3), wide.sensitivity(np.arange(8**3)), rtol=1e-12)
    other = traits(1e-3, 8, patient=1)
    assert not np.any(np.isclose(other.patient, wide.patient))


def test_a_value_that_is_not_used_changes_no_other() -> None:
    """The draws of a trait are its own: another trait's spread moves nothing of it."""
    sites = np.arange(8**3)
    base, less = traits(), traits(heat_sensitivity_region=0.0, heat_sensitivity_patient=0.0)
    assert np.array_equal(base.sensitivity(sites)[:, :2], less.sensitivity(sites)[:, :2])
    assert np.all(less.sensitivity(sites)[:, 2] == 1.0)


def test_switched_off_nothing_varies() -> None:
    parameters = load_parameters(OFF)
    t = Traits.of_patient(parameters, Lattice((4, 4, 4), 1e-3), 1, 0)
    assert t.off and not t.frail and np.all(t.theta == 0.0) and np.all(t.sensitivity(np.arange(64)) == 1.0)
    assert np.all(t.total_variance == 0.0)
    # patients alone may differ: cells of one tumour are then alike, and die by exp(-H)
    alone = Traits.of_patient(
        load_parameters({**OFF, "traits.drug_sensitivity_patient": 0.5}), Lattice((4, 4, 4), 1e-3), 1, 0
    )
    assert not alone.off and not alone.frail and alone.patient[1] != 1.0


def test_what_is_impossible_is_refused_all_at_once() -> None:
    with pytest.raises(InputError) as refused:
        traits(drug_sensitivity_cell=3.0, shared=1.5, correlation_drug_heat=1.0)
    assert len(refused.value.problems) == 3
