"""Draws: known answers of the generator, the layout, and quantiles that never reward more hazard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from tumorsim import chance
from tumorsim._quantiles import BAND, SEAM
from tumorsim.chance import (
    Purpose,
    binomial_quantile,
    binomials,
    entities_of_edges,
    entity_of_edge,
    entity_of_name,
    normal_quantile,
    normals,
    philox4x32,
    poisson_quantile,
    uniform,
    uniform2,
    uniform4,
    uniforms,
)
from tumorsim.errors import InputError

# Random123 1.14, tests/kat_vectors: philox4x32, 10 rounds; counter, key, answer
KNOWN_ANSWERS = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


def philox_by_the_paper(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 in Python's own integers, written apart from the package."""
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c


def grid(n: int) -> np.ndarray:
    """Mid-points of n equal parts of (0, 1)."""
    return (np.arange(n) + 0.5) / n


def survivors(u: np.ndarray, n: int, p: float) -> np.ndarray:
    return np.array([binomial_quantile(float(x), n, p) for x in u])


# --- the generator ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answers(counter: list[int], key: list[int], answer: list[int]) -> None:
    assert philox_by_the_paper(counter, key) == answer
    words = [np.uint64(w) for w in counter + key]
    assert [int(w) for w in philox4x32(*words)] == answer
    assert [int(w) for w in philox4x32.py_func(*words)] == answer


WORD = st.integers(0, 2**32 - 1)
BYTE = st.integers(0, 255)


@settings(max_examples=60, deadline=None)
@given(WORD, WORD, st.sampled_from(Purpose), st.integers(0, 2**64 - 1), BYTE, WORD, BYTE)
def test_layout(seed, patient, purpose, entity, slot, step, index) -> None:
    """Key and counter are filled as the module's docstring says."""
    counter = [entity % 2**32, entity >> 32, step, purpose << 16 | slot << 8 | index]
    w = philox_by_the_paper(counter, [seed, patient])
    first = (((w[0] << 20) | (w[1] >> 12)) + 0.5) * 2.0**-52
    second = (((w[2] << 20) | (w[3] >> 12)) + 0.5) * 2.0**-52
    args = (seed, patient, int(purpose), np.uint64(entity), slot, step, index)
    assert uniform(*args) == first
    assert uniform2(*args) == (first, second)
    assert uniform4(*args) == tuple((x + 0.5) / 2**32 for x in w)
    assert 0.0 < first < 1.0


def test_draws_never_reach_0_or_1() -> None:
    low, high = np.uint64(0), np.uint64(2**32 - 1)
    assert chance._double.py_func(low, low) == 2.0**-53
    assert chance._double.py_func(high, high) == 1.0 - 2.0**-53


def test_layout_is_pinned() -> None:
    """Changing any of these changes every result: then LAYOUT_VERSION goes up."""
    assert chance.LAYOUT_VERSION == 1
    assert uniform(1, 2, Purpose.SURVIVAL, 5, 0, 3) == 0.5477438899006778
    numbers = "1 2 3 4 5 6 7 8 16 17 18 19 20 32 33 34 35 36 48 64"
    assert [p.value for p in Purpose][:20] == [int(n) for n in numbers.split()]
    assert hex(entity_of_name("tace")) == "0xbfc25890403f57b1"
    assert hex(entity_of_edge("a", "b")) == "0x2530945a8a4fcaff"


PLAIN = """
import json
from tumorsim.chance import *
import numpy as np
out = []
for i in range(40):
    a = (i * 977, 2**32 - 1 - i, Purpose.SURVIVAL, np.uint64(2**64 - 1 - i * 10**17), i, i * 12345, 255 - i)
    out += [uniform(*a), *uniform2(*a), *uniform4(*a)]
    u = uniform(*a)
    out.append(normal_quantile(u))
    for mean in (0.3, 7.0, 25.0, 300.0):
        out.append(int(poisson_quantile(u, mean)))
        for n in (1, 2, 60, 700, 200000):
            p = min(mean / n, 1.0)
            out += [int(binomial_quantile(u, n, p)), int(binomial_quantile(u, n, 1 - p))]
    for tiny in (2.0**-53, 1e-12, 1 - 1e-12, 1 - 2.0**-53):
        out += [normal_quantile(tiny), int(binomial_quantile(tiny, 1000, 0.01 + i / 1000))]
print(json.dumps(out))
"""


def test_plain_python_gives_the_same_bits() -> None:
    answers = []
    for off in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": off}
        done = subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", "-c", PLAIN],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1]
    assert len(set(answers[0])) > 300


# --- arrays ----------------------------------------------------------------------------------------------


def test_arrays_equal_scalars() -> None:
    sites = np.array([0, 7, 2**40, 2**63 + 5], dtype=np.uint64)
    u = uniforms(3, 4, Purpose.BIRTH, sites, 2, 9, 1)
    assert list(u) == [uniform(3, 4, Purpose.BIRTH, s, 2, 9, 1) for s in sites]
    assert list(normals(3, 4, Purpose.BIRTH, sites, 2, 9, 1)) == [normal_quantile(x) for x in u]
    n, p = np.array([1, 40, 1000, 200_000]), np.array([0.5, 0.1, 0.999, 0.7])
    k = binomials(3, 4, Purpose.BIRTH, sites, n, p, 2, 9, 1)
    assert list(k) == [binomial_quantile(*x) for x in zip(u, n, p, strict=True)]
    assert k.dtype == np.int64


def test_order_and_number_of_entities_do_not_matter() -> None:
    sites = np.arange(1000)
    mixed = np.random.default_rng(0).permutation(sites)
    assert np.array_equal(uniforms(1, 1, 1, sites)[mixed], uniforms(1, 1, 1, mixed))
    assert uniforms(1, 1, 1, [17])[0] == uniforms(1, 1, 1, sites)[17]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("patient", -1),
        ("slot", 256),
        ("index", 256),
        ("step", 2**32),
        ("purpose", 2**16),
    ],
)
def test_key_that_does_not_fit_is_refused(part: str, value: int) -> None:
    arguments = {"seed": 1, "patient": 1, "purpose": 1, "entities": [1], part: value}
    with pytest.raises(InputError, match=part):
        uniforms(**arguments)


def test_uniforms_are_uniform_and_independent() -> None:
    u = uniforms(11, 0, Purpose.SURVIVAL, np.arange(50_000))
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    for change in ({"slot": 1}, {"step": 1}, {"index": 1}, {"patient": 1}, {"seed": 12}, {"purpose": 2}):
        other = uniforms(**{"seed": 11, "patient": 0, "purpose": 1, "entities": np.arange(50_000), **change})
        assert abs(np.corrcoef(u, other)[0, 1]) < 0.02, change
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.02


# --- quantiles -------------------------------------------------------------------------------------------


def test_normal_quantile() -> None:
    u = np.concatenate((grid(2001), 10.0 ** -np.arange(1, 16), 1 - 10.0 ** -np.arange(1, 16)))
    z = np.array([normal_quantile(x) for x in u])
    assert np.allclose(z, special.ndtri(u), rtol=4e-15, atol=1e-16)
    assert normal_quantile(0.5) == 0.0
    assert normal_quantile(0.25) == -normal_quantile(0.75)


EXACT = [
    (n, mean)
    for n in (2, 3, 10, 39, 40, 100, 5_000, 2_000_000)
    for mean in (1e-6, 0.1, 1.0, 5.0, 19.4, 19.9)
    if mean <= n / 2
]


@pytest.mark.parametrize(("n", "mean"), EXACT)
@pytest.mark.parametrize("rare", ["survival", "death"])
def test_binomial_exact_where_the_rarer_end_is_under_20(n: int, mean: float, rare: str) -> None:
    p = mean / n
    p = p if rare == "survival" else 1.0 - p
    u = grid(200)
    assert np.array_equal(survivors(u, n, p), stats.binom.isf(u, n, p))


@pytest.mark.parametrize("u", [2.0**-53, 1e-14, 1e-12, 1e-10])
@pytest.mark.parametrize("mean", [0.01, 1.0, 19.0])
def test_binomial_exact_in_the_far_tail(u: float, mean: float) -> None:
    """A sum near 1 has no digits left there; the tail is summed from its end."""
    n, p = 1000, mean / 1000
    assert binomial_quantile(u, n, p) == stats.binom.isf(u, n, p)
    assert n - binomial_quantile(1.0 - u, n, 1.0 - p) == stats.binom.isf(u, n, p)


@pytest.mark.parametrize("n", [41, 60, 100, 1_000, 200_000])
def test_binomial_within_one_where_expanded(n: int) -> None:
    u = np.concatenate((grid(300), 10.0 ** -np.arange(3.0, 12.0), 1 - 10.0 ** -np.arange(3.0, 12.0)))
    means = [m for m in (20.0, 21.0, 30.0, 39.9, 40.1, 100.0, n / 2) if m <= n / 2]
    for p in [m / n for m in means] + [1 - m / n for m in means]:
        off = survivors(u, n, p) - stats.binom.isf(u, n, p)
        assert np.abs(off).max() <= 1, p


@pytest.mark.parametrize("n", [1, 2, 50, 1_000, 200_000, 2_000_000])
@pytest.mark.parametrize("p", [0.003, 0.3, 0.9, 0.9999])
def test_distribution(n: int, p: float) -> None:
    """Chi-squared on keyed draws, and the distribution function itself on an even grid of luck."""
    draws = binomials(5, 6, Purpose.SURVIVAL, np.arange(20_000), n, p)
    edges = np.unique(stats.binom.ppf(np.linspace(0.05, 0.95, 19), n, p))
    seen = np.bincount(np.searchsorted(edges, draws), minlength=edges.size + 1)
    share = np.diff(np.concatenate(([0.0], stats.binom.cdf(edges, n, p), [1.0])))
    keep = share > 1e-12
    assert seen[~keep].sum() == 0
    if keep.sum() > 1:
        assert stats.chisquare(seen[keep], draws.size * share[keep] / share[keep].sum()).pvalue > 1e-3
    even = np.sort(survivors(grid(4_000), n, p))
    reached = np.searchsorted(even, edges, side="right") / even.size
    assert np.abs(reached - stats.binom.cdf(edges, n, p)).max() < 1e-3


SIZES = (1, 2, 50, 1_000, 200_000, 2_000_000)


def shares_of(n: int) -> list[float]:
    """Probabilities of all kinds: rare, even, nearly sure, and both sides of the seam."""
    means = [m for m in (SEAM - 0.1, SEAM + 0.1, BAND - 0.1, BAND + 0.1) if m < n / 2]
    return [1e-3, 0.02, 0.3, 0.5, 0.9, 0.999, *(m / n for m in means), *(1.0 - m / n for m in means)]


@pytest.mark.parametrize("n", SIZES)
def test_kolmogorov_smirnov_against_scipy(n: int) -> None:
    """Keyed draws, and an even grid of luck, against the distribution function of scipy, at every p.

    Counts are whole, so the largest distance is that at the counts themselves, and the critical value of continuous
    distributions is on the safe side.
    """
    grid_size, draws = 4_000, 20_000
    for number, p in enumerate(shares_of(n)):
        law = stats.binom(n, p)
        drawn = binomials(5, number, Purpose.SURVIVAL, np.arange(draws), n, p)
        assert _distance(drawn, law) < stats.kstwobign.isf(1e-3) / np.sqrt(draws), p
        even = survivors(grid(grid_size), n, p)
        # the grid itself is off by half a part; the expansion by at most a count (tested above)
        room = 0.5 / grid_size + (0.0 if min(n * p, n * (1 - p)) < SEAM else 1e-4)
        assert _distance(even, law) <= room + 1e-9, p


def _distance(counts: np.ndarray, law: Any) -> float:
    """Kolmogorov's distance of counts from a discrete distribution."""
    values, times = np.unique(counts, return_counts=True)
    reached = np.cumsum(times) / len(counts)
    below = np.concatenate(([0.0], reached[:-1]))
    return float(max(np.abs(reached - law.cdf(values)).max(), np.abs(below - law.cdf(values - 1)).max()))


@pytest.mark.parametrize("n", SIZES)
def test_more_survival_never_leaves_fewer_through_the_seam(n: int) -> None:
    """Walked in small steps of p over the whole range, and finely where the sum hands over to the expansion."""
    means = np.concatenate([np.linspace(19.5, 20.5, 41), np.linspace(38.0, 42.0, 17)])
    near = means[means < n / 2] / n
    walk = np.unique(np.concatenate([np.linspace(0.0, 1.0, 41), near, 1.0 - near]))
    for u in [*grid(25), 1e-12, 1 - 1e-12]:
        k = [binomial_quantile(float(u), n, float(p)) for p in walk]
        assert k == sorted(k) and k[0] == 0 and k[-1] == n, u


DRAW = st.integers(0, 2**52 - 1).map(lambda i: (i + 0.5) / 2**52)
CELLS = st.one_of(st.integers(0, 130), st.integers(0, 3_000_000))
SHARE = st.floats(0.0, 1.0)


@settings(max_examples=300, deadline=None)
@given(DRAW, DRAW, CELLS, SHARE)
def test_worse_luck_never_leaves_more(u: float, v: float, n: int, p: float) -> None:
    assert binomial_quantile(max(u, v), n, p) <= binomial_quantile(min(u, v), n, p)


@settings(max_examples=300, deadline=None)
@given(DRAW, CELLS, SHARE, SHARE)
def test_more_hazard_never_leaves_more(u: float, n: int, p: float, r: float) -> None:
    low, high = binomial_quantile(u, n, min(p, r)), binomial_quantile(u, n, max(p, r))
    assert 0 <= low <= high <= n


@settings(max_examples=300, deadline=None)
@given(DRAW, st.integers(40, 3_000_000), st.floats(0.0, 45.0), st.floats(1e-9, 25.0), st.booleans())
@example(0.999999, 100, 19.999999, 1e-6, False)
@example(2.0**-53, 200_000, 19.99, 0.02, True)
def test_nothing_jumps_back_at_the_seam(u: float, n: int, mean: float, more: float, mirror: bool) -> None:
    means = (min(mean, n), min(mean + more, n))
    if mirror:
        low, high = (binomial_quantile(u, n, 1.0 - m / n) for m in reversed(means))
    else:
        low, high = (binomial_quantile(u, n, m / n) for m in means)
    assert low <= high


def test_seam_walked_in_small_steps() -> None:
    """The clamp is at work: the bare expansion would step back here for some draw."""
    assert (SEAM, BAND) == (20.0, 40.0)
    for n in (40, 41, 64, 100, 1_000, 200_000):
        for u in [*grid(60), 1e-9, 1e-15, 1 - 1e-9, 1 - 1e-15]:
            means = np.concatenate((np.linspace(19.9, 20.2, 25), np.linspace(20.3, 41.0, 12)))
            for p in (means / n, 1.0 - means[::-1] / n):
                k = [binomial_quantile(u, n, x) for x in p[(p > 0) & (p < 1)]]
                assert k == sorted(k), (n, u)


def test_bare_expansion_would_jump_back() -> None:
    from tumorsim._quantiles import _binomial_expansion

    n, backwards = 1000, 0
    for u in grid(5000):
        exact = binomial_quantile(u, n, 19.999999 / n)
        backwards += _binomial_expansion(-normal_quantile(u), float(n), 20.0 / n) < exact
        assert binomial_quantile(u, n, 20.0 / n) >= exact
    assert backwards > 0


def test_one_cell_survives_where_u_is_under_p() -> None:
    for u, p, k in ((0.2, 0.3, 1), (0.3, 0.3, 0), (0.4, 0.3, 0), (0.999, 1.0, 1), (1e-9, 0.0, 0)):
        assert binomial_quantile(u, 1, p) == k


def test_edges_of_the_binomial() -> None:
    for u in (2.0**-53, 0.5, 1 - 2.0**-53):
        for n in (0, 1, 7, 50, 10**6):
            assert binomial_quantile(u, n, 0.0) == 0
            assert binomial_quantile(u, n, 1.0) == n
            assert binomial_quantile(u, n, -1e-9) == 0
            assert binomial_quantile(u, n, 1.0 + 1e-9) == n
            assert 0 <= binomial_quantile(u, n, 5e-324) <= n
    assert binomial_quantile(0.3, 0, 0.5) == 0
    with pytest.raises(ValueError, match="not a number"):
        binomial_quantile(0.5, 10, float("nan"))


@pytest.mark.parametrize("mean", [1e-6, 0.5, 5.0, 19.99, 20.0, 25.0, 39.0, 41.0, 500.0, 1e6])
def test_poisson(mean: float) -> None:
    u = grid(300)
    k = np.array([poisson_quantile(x, mean) for x in u])
    off = k - stats.poisson.ppf(u, mean)
    assert np.abs(off).max() <= (0 if mean < SEAM else 1)
    assert np.all(np.diff(k) >= 0)


def test_poisson_grows_with_its_mean() -> None:
    for u in [*grid(50), 2.0**-53, 1e-12, 1 - 1e-12]:
        k = [poisson_quantile(u, m) for m in np.linspace(18.0, 42.0, 100)]
        assert k == sorted(k)
    assert poisson_quantile(0.5, 0.0) == 0
    with pytest.raises(ValueError, match="not a number"):
        poisson_quantile(0.5, float("nan"))


# --- entities --------------------------------------------------------------------------------------------


def test_entity_of_an_edge() -> None:
    a, b = (0.001, -0.02, 0.0), (0.003, 0.0, 0.01)
    assert entity_of_edge(a, b) == entity_of_edge(b, a)
    assert entity_of_edge(a, b) == entity_of_edge(np.array(a) + 1e-12, np.array(b))
    assert entity_of_edge(a, b) != entity_of_edge(a, (0.003, 0.0, 0.011))
    assert entity_of_edge("n1", "n2") != entity_of_edge("n1", "n3")
    assert entity_of_name("n1") != entity_of_name("n2")
    many = entities_of_edges(np.array([a, b]), np.array([b, a]))
    assert many.dtype == np.uint64
    assert many[0] == many[1] == entity_of_edge(a, b)
    with pytest.raises(InputError, match="end node"):
        entity_of_edge(a, (0.0, float("nan"), 0.0))
