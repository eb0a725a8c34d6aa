import numpy as np
import pytest
from scipy.stats import binom, norm

from tumorsim import _quantiles, chance
from tumorsim.cells import bulk


def test_draws_are_those_of_the_chance_room():
    sites = np.array([0, 7, 12345, 2**33 + 5])
    rows = np.zeros((4, sites.size))
    slots = np.array([0, 1, 2, 3])
    bulk.draw4(sites, sites.size, 2**32 - 1, 3, 1, slots, 41, *rows)
    for i, site in enumerate(sites):
        assert tuple(rows[:, i]) == chance.uniform4(2**32 - 1, 3, 1, int(site), int(slots[i]), 41)


def test_counts_are_those_of_the_chance_room_bit_for_bit():
    rng = np.random.default_rng(1)  # numbers to test with, not chance of the program
    u = np.concatenate([rng.random(6000), [1e-12, 0.075, 0.925, 1 - 1e-12]])
    trials = np.floor(10 ** rng.uniform(0, 6, u.size))
    trials[:50] = 0
    p = rng.choice([0.0, 1.0, 0.5, 1e-4, 1 - 1e-4, 0.02, 0.999], u.size)
    z, out, pick = np.zeros(u.size), np.zeros(u.size), np.zeros(u.size, dtype=np.int64)
    bulk.binomials(u.size, u, trials, p, z, pick, out)
    assert all(out[i] == chance.binomial_quantile(u[i], int(trials[i]), p[i]) for i in range(u.size))


def test_movers_have_the_right_mean_and_are_bernoulli_for_one_cell():
    u = (np.arange(2000) + 0.5) / 2000
    for n in (3, 64, 65, 1001):
        moved = np.array([bulk.movers(x, n, 0.3) for x in u])
        assert abs(moved.mean() - 0.3 * n) < 0.01 * n**0.5 + 1e-9
        assert moved.min() >= 0 and moved.max() <= n
    assert [bulk.movers(x, 1, 0.3) for x in (0.29, 0.31)] == [1, 0]
    rows = np.zeros(u.size)
    bulk.movers_each(u.size, u, np.full(u.size, 1001.0), np.full(u.size, 0.3), rows)
    assert np.array_equal(rows, moved)


@pytest.mark.parametrize("p", [1e-6, 1e-3, 0.03, 0.2, 0.35, 0.5])
@pytest.mark.parametrize(
    ("least", "reach", "margin"),
    [(bulk.NEAR_FROM, bulk.CENTRAL, bulk.NEAR), (bulk.FAR_FROM, bulk.TAIL, bulk.FAR)],
)
def test_the_expansion_is_as_near_the_true_curve_as_the_shortcut_takes_it_to_be(p, least, reach, margin):
    for mean in np.geomspace(least, _quantiles.SEAM, 40):
        n = np.ceil(mean / p)
        k = np.arange(min(n, 60.0))
        z = norm.ppf(binom.cdf(k, n, mean / n))
        for step, at in zip(k[np.abs(z) <= reach], z[np.abs(z) <= reach], strict=True):
            # the curve meets the distribution half way between whole numbers, of survivors and of the dead
            assert abs(_quantiles._binomial_smooth(at, n, mean / n) - (step + 0.5)) < margin
            assert abs(_quantiles._binomial_smooth(-at, n, 1.0 - mean / n) - (n - step - 0.5)) < margin


def test_shortcuts_give_the_counts_of_the_chance_room_for_every_expectation_of_the_rarer_outcome():
    rng = np.random.default_rng(3)
    trials = np.floor(10.0 ** rng.uniform(0.3, 5.3, 200_000))
    part = np.minimum(10.0 ** rng.uniform(-1.0, 2.0, trials.size) / trials, 0.5)
    p = np.where(rng.random(trials.size) < 0.5, part, 1.0 - part)
    u = rng.random(trials.size)
    out, z, pick = np.empty_like(u), np.empty_like(u), np.empty(u.size, dtype=np.int64)
    bulk.binomials(u.size, u, trials, p, z, pick, out)
    exact = [chance.binomial_quantile(*one) for one in zip(u, trials.astype(int).tolist(), p, strict=True)]
    np.testing.assert_array_equal(out, exact)
