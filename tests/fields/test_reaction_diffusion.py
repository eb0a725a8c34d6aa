"""The steady oxygen field against closed forms, an ODE solver, a sparse Newton solver, and itself."""

import csv
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_bvp
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import spsolve

from tumorsim import _jit
from tumorsim.errors import InputError
from tumorsim.fields import krogh
from tumorsim.fields.reaction_diffusion import ReactionDiffusion, own_root
from tumorsim.lattice import Lattice

D, UM = 2e-9, 1e-6
TABLE = Path(__file__).parent.parent / "data" / "analytic_vascular_oxygen.csv"


def rows(test_id):
    with TABLE.open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(line for line in file if line[0] != "#") if row["test_id"] == test_id]


def number(name, text):
    return float(re.search(rf"{name}=([\d.]+)", text)[1])


def order(errors):
    """Orders of convergence between spacings that halve."""
    return [math.log2(a / b) for a, b in itertools.pairwise(errors)]


# --- one dimension -----------------------------------------------------------------------------------------


def line(n, spacing, consumption, half, wall, **options):
    """Oxygen in a slab whose first site is held at ``wall``; (x of the sites, p)."""
    lattice = Lattice((n, 1, 1), spacing)
    fixed = np.full(n, np.nan)
    fixed[0] = wall
    field = ReactionDiffusion(lattice, D, consumption, half, fixed=fixed)
    return np.arange(n) * spacing, field.solve(**{"tolerance": 1e-7, "factor": 1.9, **options}).pressure


def slab_rows():
    for row in rows("C9"):
        if row["quantity"].startswith("slab"):
            yield number("M", row["description"]), number("p0", row["description"]), float(row["value"]) * UM


@pytest.mark.parametrize(("consumption", "wall", "limit"), list(slab_rows()))
def test_a_slab_of_zero_order_ends_where_the_closed_form_says(consumption, wall, limit):
    """C9: p = M (limit - x)^2 / 2 D up to the limit, nothing beyond; at the order of the stencil, two."""
    errors = []
    for spacing in (8e-6, 4e-6, 2e-6):
        x, p = line(int(1.5 * limit / spacing), spacing, consumption, 0.0, wall)
        exact = consumption * np.maximum(0.0, limit - x) ** 2 / (2.0 * D)
        errors.append(np.abs(p - exact).max())
        assert p[x > limit + spacing].max() == 0.0
        assert (p >= 0.0).all()
    assert errors[-1] < 1e-3 * wall
    assert errors[0] / errors[-1] > 4.0**2 / 2.5  # the free end moves within a site: order two only on average
    # p is a square near its end, so a straight line in sqrt(p) finds it
    near = (p > 0.02 * wall) & (p < 0.5 * wall)
    slope, shift = np.polyfit(x[near], np.sqrt(p[near]), 1)
    assert -shift / slope == pytest.approx(limit, rel=0.01)


def test_michaelis_menten_agrees_with_an_ode_solver_at_second_order():
    length, consumption, half, wall = 120e-6, 15.0, 2.0, 30.0

    def right(_, y):
        p = np.maximum(y[0], 0.0)
        return np.vstack([y[1], consumption * length**2 / D * p / (p + half)])

    mesh = np.linspace(0.0, 1.0, 401)
    exact = solve_bvp(right, lambda a, b: [a[0] - wall, b[1]], mesh, np.vstack([wall + 0 * mesh, 0 * mesh]), tol=1e-9)
    assert exact.success
    errors = []
    for n in (12, 24, 48):  # the far wall is the closed face half a site beyond the last centre
        spacing = length / (n - 0.5)
        x, p = line(n, spacing, consumption, half, wall)
        errors.append(np.abs(p - exact.sol(x / length)[0]).max())
    assert all(1.8 < o < 2.2 for o in order(errors))
    assert errors[-1] < 1e-3 * wall


# --- three dimensions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [0.5, 5.0])
def test_a_smooth_field_in_space_is_met_at_second_order(half):
    """Manufactured: p* = 20 + 8 cos cos cos meets closed walls; sources are what it needs."""
    size, consumption = np.array([120e-6, 90e-6, 60e-6]), 15.0
    errors = []
    for spacing in (10e-6, 5e-6, 2.5e-6):
        lattice = Lattice.for_box(list(size), spacing)
        assert lattice.size == pytest.approx(size)
        waves = np.pi * np.array([2, 1, 1]) / size
        xyz = lattice.centres() + size / 2.0
        wave = np.prod(np.cos(waves * xyz), axis=1)
        exact = 20.0 + 8.0 * wave
        exchange = np.full(lattice.n_sites, 12.0)
        supplied = D * 8.0 * wave * (waves**2).sum() + consumption * exact / (exact + half) + exchange * exact
        field = ReactionDiffusion(lattice, D, consumption, half, exchange=exchange)
        found = field.solve(supplied, tolerance=1e-6)
        errors.append(np.abs(found.pressure - exact).max())
    assert all(1.9 < o < 2.1 for o in order(errors))


def curved(distance, spacing, rate_shape, held):
    """Exchange that stands for a curved wall of fixed pressure crossing the grid lines.

    A face to a site beyond the wall is closed, and replaced by a wall at its true distance along the line
    (Gibou and others 2002, J Comput Phys 176:205). ``distance`` is signed, positive in the tissue.
    """
    grid = distance.reshape(rate_shape)
    total = np.zeros(rate_shape)
    for axis in range(3):
        for way in (-1, 1):
            other = np.roll(grid, -way, axis=axis)
            edge = [slice(None)] * 3
            edge[axis] = -1 if way == 1 else 0
            other[tuple(edge)] = np.inf  # the box ends here
            cut = (grid > 0) & (other <= 0)
            share = np.where(cut, grid / np.where(cut, grid - other, 1.0), 1.0)
            total += np.where(cut, D / (spacing * np.maximum(share, 0.02) * spacing), 0.0)
    return total.reshape(-1), total.reshape(-1) * held


def spheroid(radius, spacing, consumption, wall):
    """One eighth of a sphere in oxygen; (radii of the sites inside, their p)."""
    n = math.ceil(radius / spacing) + 1
    lattice = Lattice((n, n, n), spacing)
    r = np.linalg.norm((lattice.ijk(np.arange(lattice.n_sites)) + 0.5) * spacing, axis=1)
    exchange, supplied = curved(radius - r, spacing, lattice.shape, wall)
    inside = r < radius
    exchange[~inside] = 0.0
    supplied[~inside] = 0.0
    field = ReactionDiffusion(lattice, D, consumption, 0.0, exchange=exchange, inside=inside)
    return r[inside], field.solve(supplied, tolerance=1e-5, factor=1.9).pressure[inside]


def core_rows():
    for row in rows("C10"):
        if row["quantity"].startswith("r_n") and float(row["value"]) > 0:
            text = row["description"]
            yield number("M", text), number("p0", text), number("ro", row["quantity"]) * UM, float(row["value"]) * UM


@pytest.mark.parametrize(("consumption", "wall", "radius", "core"), list(core_rows()))
def test_the_anoxic_core_of_a_spheroid(consumption, wall, radius, core):
    """C10: where oxygen ends in a spheroid, and the pressure in its rim, within 1 %."""
    r, p = spheroid(radius, radius / 50, consumption, wall)
    near = (p > 0.005 * wall) & (p < 0.3 * wall)
    found = np.polyfit(np.sqrt(p[near]), r[near], 2)[-1]  # p is a square near its end
    assert radius - found == pytest.approx(radius - core, rel=0.01)
    assert p[r < core - radius / 50].max() < 1e-3 * wall
    exact = consumption / (6.0 * D) * (r**2 + 2.0 * core**3 / r - 3.0 * core**2)
    exact[r < core] = 0.0
    assert np.abs(p - exact).max() < 0.01 * wall


def test_a_sphere_with_oxygen_everywhere_is_met_at_second_order():
    radius, consumption, wall = 100e-6, 10.0, 40.0
    errors = []
    for n in (8, 16, 32):
        r, p = spheroid(radius, radius / n, consumption, wall)
        errors.append(np.abs(p - (wall - consumption * (radius**2 - r**2) / (6.0 * D))).max())
    assert order([errors[0], errors[-1]])[0] > 3.4  # two halvings
    assert errors[-1] < 1e-3 * wall


def annulus_rows():
    for row in rows("C7"):
        if float(row["value"]) >= 0 and number("r", row["quantity"]) > 3:
            text = row["description"]
            if number("Rt", text) == 50:
                yield number(" M", text), number("r", row["quantity"]) * UM, float(row["value"])


def annulus(spacing, consumption, outer=50e-6, capillary=3e-6, wall=40.0):
    """A quarter of a Krogh cylinder: a wall of fixed pressure inside, closed outside."""
    n = math.ceil(outer / spacing)
    lattice = Lattice((n, n, 1), spacing)
    r = np.linalg.norm((lattice.ijk(np.arange(lattice.n_sites))[:, :2] + 0.5) * spacing, axis=1)
    exchange, supplied = curved(r - capillary, spacing, lattice.shape, wall)
    inside = (r > capillary) & (r < outer)
    exchange[~inside] = 0.0
    supplied[~inside] = 0.0
    field = ReactionDiffusion(lattice, D, consumption, 0.0, exchange=exchange, inside=inside)
    return r[inside], field.solve(supplied, tolerance=1e-5, factor=1.95).pressure[inside]


@pytest.mark.parametrize("consumption", [10.0, 22.1])
def test_the_krogh_cylinder_with_a_given_wall(consumption):
    """C7, all rows with oxygen everywhere, within 1 % at a sixth of the capillary's radius, and converging."""
    errors = []
    for spacing in (1e-6, 0.5e-6):
        r, p = annulus(spacing, consumption)
        assert len(list(annulus_rows())) == 6
        exact = np.array([krogh.pressure(v, 40.0, consumption, D, 3e-6, 50e-6) for v in r])
        errors.append(np.abs(p - exact).max())
    assert errors[1] < errors[0]
    for m, radius, value in annulus_rows():
        if m == consumption:
            ring = np.abs(r - min(radius, 50e-6 - spacing)) < spacing
            middle = np.polyval(np.polyfit(r[ring], p[ring], 1), min(radius, 50e-6 - spacing))
            assert middle == pytest.approx(value, rel=0.01)


# --- the solver itself --------------------------------------------------------------------------------------


def newton(field, supplied):
    """The same equations as one sparse system, by damped Newton steps."""
    lattice, n = field.lattice, field.lattice.n_sites
    table = lattice.neighbour_table()
    a, b = np.nonzero(table >= 0)
    ones = np.full(len(a), field.rate)
    off = coo_array((ones, (a, table[a, b])), shape=(n, n)).tocsr()
    linear = diags_array(off.sum(axis=1) + field.exchange) - off
    held = np.flatnonzero(~np.isnan(field.fixed))
    p = np.full(n, 50.0)
    p[held] = field.fixed[held]
    free = np.flatnonzero(np.isnan(field.fixed))
    for _ in range(60):
        most = field.consumption * field.living
        miss = linear @ p + most * p / (p + field.half) - supplied
        matrix = (linear + diags_array(most * field.half / (p + field.half) ** 2)).tocsr()[free][:, free]
        step = spsolve(matrix.tocsc(), miss[free])
        p[free] = np.maximum(p[free] - step, 0.2 * p[free])
        if np.abs(step).max() < 1e-12:
            return p
    raise AssertionError("Newton's steps do not settle")


def patchy(seed=1, shape=(9, 6, 7), half=1.0):
    rng = np.random.default_rng(seed)
    lattice = Lattice(shape, 15e-6)
    n = lattice.n_sites
    exchange = np.where(rng.random(n) < 0.05, rng.uniform(1.0, 80.0, n), 0.0)
    exchange[0] = 5.0
    fixed = np.where(rng.random(n) < 0.02, 30.0, np.nan)
    field = ReactionDiffusion(lattice, D, 15.0, half, living=rng.random(n), exchange=exchange, fixed=fixed)
    return field, exchange * rng.uniform(10.0, 60.0, n)


@pytest.mark.parametrize("half", [0.1, 1.0, 10.0])
def test_sweeps_end_where_newton_ends_and_the_error_is_bounded(half):
    field, supplied = patchy(half=half)
    exact = newton(field, supplied)
    for tolerance in (1e-2, 1e-4, 1e-7):
        found = field.solve(supplied, tolerance=tolerance)
        error = np.abs(found.pressure - exact).max()
        assert error <= found.error <= tolerance
        assert (found.pressure >= 0.0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 3.0]), st.floats(1.0, 1.99))
def test_any_start_and_any_factor_lead_to_the_same_field(seed, half, factor):
    field, supplied = patchy(seed, (5, 4, 4), half)
    start = np.random.default_rng(seed + 1).uniform(0.0, 200.0, field.lattice.n_sites)
    one = field.solve(supplied, start, tolerance=1e-7, factor=factor)
    other = field.solve(supplied, np.zeros_like(start), tolerance=1e-7)
    assert np.abs(one.pressure - other.pressure).max() <= 2e-7
    assert (one.pressure >= 0.0).all()


def test_a_good_start_saves_sweeps_and_what_is_solved_balances():
    field, supplied = patchy()
    first = field.solve(supplied, tolerance=1e-8)
    again = field.solve(supplied, first.pressure, tolerance=1e-8, factor=first.factor)
    assert again.sweeps < first.sweeps / 2
    p = first.pressure
    assert np.abs(field.residual(p, supplied)).max() < 1e-5
    held = ~np.isnan(field.fixed)
    table = field.lattice.neighbour_table()
    from_held = sum(
        field.rate * (p[s] - p[o]) for s in np.flatnonzero(held) for o in table[s] if o >= 0 and not held[o]
    )
    brought = (supplied - field.exchange * p)[~held].sum() + from_held
    assert brought == pytest.approx(field.consumed(p).sum(), rel=1e-6)


def test_threads_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 10)
    field, supplied = patchy(shape=(21, 13, 9))
    one, two = (field.solve(supplied, threads=n) for n in (1, 2))
    assert one.pressure.tobytes() == two.pressure.tobytes()
    assert (one.error, one.sweeps, one.factor) == (two.error, two.sweeps, two.factor)


def test_tissue_beyond_a_closed_face_gets_nothing():
    lattice = Lattice((6, 3, 2), 10e-6)
    x = lattice.ijk(np.arange(lattice.n_sites))[:, 0]
    field = ReactionDiffusion(lattice, D, 10.0, 1.0, fixed=np.where(x == 0, 40.0, np.nan), inside=x != 3)
    p = field.solve(tolerance=1e-8).pressure
    assert (p[x == 3] == 0.0).all() and p[x == 5].max() < 1e-6
    assert p[x == 2].min() > 10.0


@settings(deadline=None)  # the first call compiles
@given(st.floats(1e-3, 1e3), st.floats(-10, 1e4), st.floats(0, 100), st.floats(0, 50))
def test_the_root_of_one_site(diagonal, drive, consumption, half):
    p = own_root(diagonal, drive, consumption, half)
    assert p >= 0.0
    taken = consumption * p / (p + half) if p > 0.0 else 0.0
    if p > 0.0:
        assert diagonal * p + taken == pytest.approx(drive, rel=1e-6, abs=1e-9)
    else:
        assert drive <= max(0.0, consumption if half == 0.0 else 0.0) + 1e-9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"diffusivity": 0.0}, "diffusivity must be above 0"),
        ({"consumption": -1.0}, "consumption must be at least 0"),
        ({"half_pressure": math.nan}, "half pressure must be at least 0"),
        ({"living": [1.0]}, "living must be 8 numbers"),
        ({"exchange": np.full(8, -1.0)}, "exchange must be 8 numbers of at least 0"),
        ({"fixed": np.full(8, -1.0)}, "fixed pressure is negative"),
        ({"inside": np.ones(3)}, "need 8 sites"),
        ({"consumption": 0.0}, "nothing determines the pressure"),
    ],
)
def test_what_cannot_be_solved_is_refused(change, words):
    given_ = {"diffusivity": D, "consumption": 10.0, "half_pressure": 1.0, **change}
    with pytest.raises(InputError, match=words):
        ReactionDiffusion(Lattice((2, 2, 2), 1e-5), **given_)


def test_not_converging_is_an_error():
    field, supplied = patchy()
    with pytest.raises(ArithmeticError, match="after 5 sweeps"):
        field.solve(supplied, most_sweeps=5)
    for bad in ({"tolerance": 0.0}, {"factor": 2.0}):
        with pytest.raises(InputError, match="out of range"):
            field.solve(supplied, **bad)
