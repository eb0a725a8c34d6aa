import numpy as np

from tumorsim import chance
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
