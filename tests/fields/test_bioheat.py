"""The bioheat solver: against a plain NumPy version of its equations, and what must hold whatever it is given."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.fields import bioheat
from tumorsim.fields.bioheat import Bioheat
from tumorsim.fields.bioheat_tissue import (
    Cooling,
    Interval,
    Kinetics,
    Material,
    cem43_rate,
    numerics,
    rate_table,
    tissue,
)
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

TISSUE = Material(0.52, 0.0025, 1060.0, 3600.0, 0.7, 2155.0)
SALINE = Material(0.6, 0.0, 1000.0, 4180.0)
GAS = Material(0.03, 0.0, 1.2, 1000.0)
LIVER, VESSEL = Kinetics(7.39e39, 257_700.0), Kinetics(5.6e63, 4.3e5)
COOL = Cooling(60.0, 1e-3, 7200.0)


def antenna(lattice, power=30.0, length=0.025, decay=96.0, centre=(0.0, 0.0, 0.0)):
    """SAR like that of a microwave antenna along z [W/m3]."""
    x, y, z = (lattice.centres() - np.array(centre)).T
    sar = np.zeros(len(x))
    for part in (np.arange(20) + 0.5) / 20 * length - length / 2:
        s = np.maximum(np.sqrt(x**2 + y**2 + (z - part) ** 2), 1e-3)
        sar += power / 20 * decay * np.exp(-decay * s) / (4 * np.pi * s**2)
    return sar


def solver(shape=(20, 18, 22), spacing=1e-3, materials=(TISSUE,), **given):
    return Bioheat(Lattice(shape, spacing), list(materials), LIVER, VESSEL, **given)


def same(one, other):
    """Bit for bit."""
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b, field.name


# --- the plain version -----------------------------------------------------------------------------------


def plain(lattice, materials, code, inside, perfusion, sinks, walls, sar, duration, steps, start,
          shutdown="vessel", dries=True):  # fmt: skip
    """All sites at once, no tables, no sub-steps: temperature, Omega of tissue and vessels, CEM43, heat of boiling."""
    shape, h = lattice.shape, lattice.spacing

    def box(column):
        return np.asarray(column, dtype=float).reshape(shape)

    k, slope, heat, dry, full = (
        box([value(materials[c]) for c in code])
        for value in (lambda m: m.conductivity, lambda m: m.slope, lambda m: m.wet_heat, lambda m: m.dry_heat,
                      lambda m: m.latent)
    )  # fmt: skip
    within, t = box(inside) > 0, box(start)
    blood, sink, q = 4.18e6 * box(perfusion), box(sinks) / h**3, box(sar)
    omega, omega_v, cem, spent = (np.zeros(shape) for _ in range(4))
    dt = duration / steps

    def factor(k, slope, t):
        return k * (1.0 + slope * (np.minimum(t, 100.0) - 37.0))

    wall, wall_t = np.zeros(shape), np.zeros(shape)
    for side, value in enumerate(walls):
        if value is not None:
            at = [slice(None)] * 3
            at[side // 2] = 0 if side % 2 == 0 else -1
            at = tuple(at)
            wall[at] += 2.0 * factor(k, slope, value)[at] / h**2
            wall_t[at] += 2.0 * factor(k, slope, value)[at] / h**2 * value
    for _ in range(steps):
        power = q * np.where((full > 0) & dries, 1.0 - spent / np.where(full > 0, full, 1.0), 1.0)
        for axis in range(3):
            a, b = [slice(None)] * 3, [slice(None)] * 3
            a[axis], b[axis] = slice(None, -1), slice(1, None)
            a, b = tuple(a), tuple(b)
            ka, kb = k[a], k[b]
            rise = 0.5 * (factor(1.0, slope, t)[a] + factor(1.0, slope, t)[b])
            flow = 2 * ka * kb / (ka + kb) * rise * (t[b] - t[a]) / h**2 * (within[a] & within[b])
            power[a] += flow
            power[b] -= flow
        left = {"vessel": np.exp(-omega_v), "tissue": np.exp(-omega / 100.0), "constant": 1.0}[shutdown]
        total = blood * left + sink + wall
        drive = (blood * left + sink) * 37.0 + wall_t
        z = np.where(spent > 0, 0.0, total * dt / heat)
        phi = np.where(z > 1e-9, -np.expm1(-z) / np.where(z > 1e-9, z, 1.0), 1.0)
        gained = dt * phi * (power + drive - total * t)
        enthalpy = np.where(spent > 0, spent + np.maximum(t - 100.0, 0) * dry, heat * (t - 100.0)) + gained
        plateau = (full > 0) & (enthalpy > 0)
        after = np.where(plateau, 100.0 + np.maximum(enthalpy - full, 0.0) / dry, 100.0 + enthalpy / heat)
        spent = np.where(plateau, np.minimum(enthalpy, full), 0.0)
        after = np.where(within, after, t)
        low, high = np.maximum(np.minimum(t, after), 39.0), np.maximum(t, after)
        hot = np.clip((high - 39.0) / np.maximum(abs(after - t), 1e-300), 0.0, 1.0) * (within & (high >= 39.0)) * dt
        middle, t = 0.5 * (low + np.maximum(high, low)), after
        omega += hot * LIVER.rate(middle)
        omega_v += hot * VESSEL.rate(middle)
        cem += hot * cem43_rate(middle)
    return [column.reshape(-1) for column in (t, omega, omega_v, cem, spent)]


@pytest.mark.parametrize("shutdown", ["vessel", "tissue", "constant"])
def test_equals_the_plain_version(shutdown):
    """Tissue with boiling, saline in a corner, a hole, a vessel, walls that are held: to rounding."""
    lattice = Lattice((14, 11, 12), 2e-3)
    i, j, k = lattice.ijk(np.arange(lattice.n_sites)).T
    code = ((i > 9) & (j > 5)).astype(int)
    inside = ~((i < 3) & (k < 4))
    perfusion = np.where(code == 0, 0.002 + 0.001 * (j % 3), 0.0)
    sinks = np.where((i == 8) & (k == 6), 4e-3, 0.0)
    walls = (None, 37.0, 45.0, None, 30.0, None)
    sar = antenna(lattice, 14.0, 8e-3)
    model = solver(lattice.shape, 2e-3, (TISSUE, SALINE), material=code, inside=inside, perfusion=perfusion,
                   sinks=sinks, faces=walls, largest_change=math.inf, precision=np.float64,
                   shutdown=shutdown)  # fmt: skip
    done = model.run([Interval(100.0, sar)])
    t, omega, omega_v, cem, spent = plain(lattice, (TISSUE, SALINE), code, inside, perfusion, sinks, walls, sar, 100.0,
                                          done.steps, np.full(lattice.n_sites, 37.0), shutdown)  # fmt: skip
    assert (spent > 0).sum() > 0 and spent.max() < 0.9 * TISSUE.latent
    assert done.temperature == pytest.approx(t, abs=1e-4)
    assert done.omega_tissue == pytest.approx(omega, rel=2e-4, abs=1e-9)
    assert done.omega_vessel == pytest.approx(omega_v, rel=2e-4, abs=1e-12)
    assert done.cem43 == pytest.approx(cem, rel=2e-4, abs=1e-9)
    assert done.water == pytest.approx(np.where(code == 0, 1 - spent / TISSUE.latent, 1.0), abs=1e-6)
    assert abs(done.balance.error) < 1e-10


@pytest.mark.parametrize("dries", [True, False])
def test_sites_with_sub_steps_agree_with_short_steps(dries):
    """Tissue that dries, and gas beside it, for which the plain version needs a fiftieth of the step."""
    lattice = Lattice((7, 7, 7), 2e-3)
    i, j, k = lattice.ijk(np.arange(343)).T
    code = ((i == 5) & (j == 3) & (k > 1) & (k < 5)).astype(int)
    sar = np.where((abs(i - 3) + abs(j - 3) + abs(k - 3)) <= 1, 4e7, 2e5) * (code == 0)
    model = solver(lattice.shape, 2e-3, (TISSUE, GAS), material=code, precision=np.float64)
    done = model.run([Interval(80.0, sar, dries)])
    none = np.zeros(343)
    t, omega, _, _, spent = plain(lattice, (TISSUE, GAS), code, none == 0, none, none, (None,) * 6, sar, 80.0, 4000,
                                  np.full(343, 37.0), dries=dries)  # fmt: skip
    hot = t > 101.0
    assert done.temperature[~hot] == pytest.approx(t[~hot], abs=1.5)  # the gas lags by a step
    assert done.temperature[hot] - 37.0 == pytest.approx(t[hot] - 37.0, rel=0.02)
    harmed = (omega > 1.0) & (code == 0) & ~hot
    assert np.log(done.omega_tissue[harmed]) == pytest.approx(np.log(omega[harmed]), abs=0.06)
    assert done.water == pytest.approx(1.0 - spent / TISSUE.latent, abs=0.02)
    assert abs(done.balance.error) < 1e-9 and done.largest_change <= 2.0
    assert (hot.sum() > 0) != dries  # what has dried absorbs nothing, where it dries


# --- whatever it is given --------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.floats(0.25e-3, 4e-3), st.sampled_from([0.0, 0.0165, 0.3]),
    st.sampled_from([0.0, 2e3]), st.booleans(), st.booleans(), st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_nothing_overshoots(seed, spacing, perfusion, sink, walls, mixed, precision):
    """Without a source no site gets warmer than the warmest of sites, blood and walls, or colder than the coldest."""
    rng = np.random.default_rng(seed)
    shape = (5, 4, 6)
    start = rng.choice([5.0, 37.0, 60.0, 99.0], 120)
    sinks = np.where(rng.random(120) < 0.2, sink * spacing**2, 0.0)
    faces = tuple(rng.choice([10.0, 37.0, 80.0], 6)) if walls else None
    code = rng.integers(0, 3, 120) if mixed else None
    materials = (TISSUE, SALINE, GAS) if mixed else (dataclasses.replace(TISSUE, slope=rng.choice([-0.003, 0.008])),)
    inside = (rng.random(120) < 0.9) if mixed else None
    model = solver(shape, spacing, materials, start=start, perfusion=perfusion, sinks=sinks, faces=faces, material=code,
                   inside=inside, largest_change=math.inf, precision=precision)  # fmt: skip
    last = []
    done = model.run([Interval(40.0 * spacing / 1e-3)], every=spacing / 1e-3,
                     callback=lambda s: last.append((s.temperature.min(), s.temperature.max())))  # fmt: skip
    outer = [37.0] * (perfusion > 0 or sink > 0) + list(faces or [])
    low, high = min([*outer, start.min()]) - 1e-4, max([*outer, start.max()]) + 1e-4
    assert all(low <= a and b <= high for a, b in last)
    turned = 120 * spacing**3 * 3.8e6 * 10.0  # J, where nearly nothing goes in or out
    parts = done.balance
    missing = abs(parts.stored + parts.blood + parts.sinks + parts.faces)
    # gas takes steps of 1 ms, and single precision rounds each
    many = max(1.0, done.steps / 2e3) if precision is np.float32 else 1.0
    assert missing < 1e-4 * many * max(turned, abs(parts.sinks), abs(parts.faces), abs(parts.blood))


@given(st.floats(1.0, 500.0), st.floats(1e-4, 0.05), st.floats(-20.0, 20.0))
@settings(max_examples=20, deadline=None)
def test_blood_alone_cools_exactly(duration, perfusion, away):
    model = solver((2, 3, 1), 4e-3, perfusion=perfusion, start=np.full(6, 37.0 + away), damage_from=80.0,
                   largest_change=math.inf, precision=np.float64)  # fmt: skip
    done = model.run([Interval(duration)])
    left = away * math.exp(-perfusion * 4.18e6 * duration / TISSUE.wet_heat)
    assert done.temperature == pytest.approx(37.0 + left, abs=1e-9 + 1e-7 * abs(away))


def session(skip=True, threads=1, precision=np.float32, shape=(48, 48, 46), **more):
    """Two places of a needle, a vessel, saline, a hole, walls, drying; sources that end, so that rows are at rest."""
    lattice = Lattice(shape, 1e-3)
    x, y, z = lattice.centres().T
    code = (x > 0.019).astype(int)
    perfusion = np.where(code == 0, 0.0115, 0.0)
    model = Bioheat(
        lattice, [TISSUE, SALINE], LIVER, VESSEL, material=code, inside=(x > -0.022) | (y > -0.02), perfusion=perfusion,
        sinks=np.where(np.hypot(x - 0.008, y) < 1.5e-3, 7e-4, 0.0), faces=(37.0, None, None, 37.0, None, None),
        skip=skip, threads=threads, precision=precision, **more)  # fmt: skip
    near = [
        np.where(np.hypot(x, y) < 0.012, antenna(lattice, 60.0, 0.01, 150.0, (0.0, 0.0, c)), 0.0)
        for c in (-0.006, 0.006)
    ]
    return model, (Interval(25.0 + 10 * n, sar * (abs(z) < 0.014)) for n, sar in enumerate(near))


def test_skipping_and_threads_change_no_bit():
    results = []
    for skip, threads in ((True, 1), (False, 1), (True, 2), (True, 3)):
        model, sources = session(skip, threads)
        assert model.lattice.n_sites >= bioheat.THREADED_FROM
        results.append(model.run(sources, cooling=Cooling(20.0, 0.1, 40.0)))
    for other in results[1:]:
        same(results[0], other)
    assert np.count_nonzero(results[0].temperature == 37.0) > 100  # there were sites at rest
    assert results[0].water.min() < 0.9


def test_energy_is_where_it_went():
    model, sources = session()
    done = model.run(sources, cooling=COOL)
    parts = done.balance
    assert abs(parts.error) < 1e-4
    assert min(parts.absorbed, parts.stored, parts.blood, parts.sinks) > 10.0 and parts.faces > 0.0
    assert done.heating == 60.0 and done.settled and done.largest_change <= 2.0


def test_single_precision_is_harmless():
    one, two = (model.run(sources, cooling=COOL) for model, sources in (session(), session(precision=np.float64)))
    assert one.temperature == pytest.approx(two.temperature, abs=2e-4)
    some = two.omega_tissue > 1e-6
    assert one.omega_tissue[some] == pytest.approx(two.omega_tissue[some], rel=1e-3, abs=1e-6)
    assert np.array_equal(one.omega_tissue >= 1.0, two.omega_tissue >= 1.0)


def test_the_zone_depends_on_the_spacing_in_second_order():
    """A ball of SAR: sites with Omega of at least 1 at 2, 1 and 0.5 mm."""
    volumes = []
    for spacing in (2e-3, 1e-3, 0.5e-3):
        lattice = Lattice((round(0.03 / spacing),) * 3, spacing)  # an octant
        r = np.linalg.norm(lattice.centres() + 0.015, axis=1)
        sar = 3e6 * np.exp(-((r / 0.006) ** 2))
        done = Bioheat(lattice, [TISSUE], LIVER, VESSEL, perfusion=0.0165).run([Interval(120.0, sar)], cooling=COOL)
        volumes.append(np.clip(0.5 + np.log(np.maximum(done.omega_tissue, 1e-9)), 0, 1).sum() * spacing**3)
    assert volumes[1] == pytest.approx(volumes[2], rel=0.02)
    assert abs(volumes[1] - volumes[2]) < 0.5 * abs(volumes[0] - volumes[2]) + 0.002 * volumes[2]


def test_all_spacings_make_the_same_zone_and_none_overshoots():
    """From 0.25 to 4 mm: heat and cool an octant of a ball; what absorbs fastest bounds the temperature."""
    radii = []
    for spacing in (4e-3, 2e-3, 1e-3, 0.5e-3, 0.25e-3):
        lattice = Lattice((round(0.016 / spacing),) * 3, spacing)
        r = np.linalg.norm(lattice.centres() + 0.008, axis=1)
        sar = 3.5e6 * np.exp(-((r / 0.006) ** 2))
        model = Bioheat(lattice, [TISSUE], LIVER, VESSEL, perfusion=0.0165)
        done = model.run([Interval(60.0, sar)], cooling=Cooling(20.0, 1e-2, 40.0))
        assert done.temperature.min() >= 37.0 and done.highest.max() < 37.0 + sar.max() * 60.0 / TISSUE.wet_heat
        assert done.largest_change <= 2.0 and abs(done.balance.error) < 1e-5
        line = np.log(done.omega_tissue.reshape(lattice.shape)[:, 0, 0] + 1e-99)  # beside the axis
        k = int(np.flatnonzero(line >= 0.0)[-1])
        along = (k + 0.5 + line[k] / (line[k] - line[k + 1])) * spacing
        radii.append(math.hypot(along, spacing / 2, spacing / 2))
    errors = np.abs(np.array(radii[:-1]) / radii[-1] - 1.0)
    assert 3.5e-3 < radii[-1] < 4.5e-3
    assert np.all(errors < [0.03, 0.015, 0.005, 0.002]) and np.all(np.diff(errors) < 0.0)


# --- damage ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("celsius", [39.0, 43.0, 50.0, 60.013, 70.0, 99.0])
def test_damage_at_a_constant_temperature(celsius):
    model = solver((2, 2, 2), start=celsius, precision=np.float64)
    done = model.run([Interval(60.0)])
    error = max(LIVER.table_error(39.0), VESSEL.table_error(39.0))
    assert error < 1.2e-5
    assert done.omega_tissue == pytest.approx(60.0 * LIVER.rate(celsius), rel=error)
    assert done.omega_vessel == pytest.approx(60.0 * VESSEL.rate(celsius), rel=error)
    assert done.cem43 == pytest.approx(float(cem43_rate(celsius)) * 60.0, rel=error)
    assert done.highest == pytest.approx(celsius)


def test_damage_above_the_table():
    dry = Material(0.52, 0.0, 300.0, 2000.0)
    done = solver((1, 1, 1), 1e-3, (dry,), start=99.0).run([Interval(100.0, [6e5])])
    assert done.temperature[0] == pytest.approx(199.0, abs=1e-3)
    middles = 99.0 + 100.0 * (np.arange(10_000) + 0.5) / 10_000
    assert done.omega_tissue[0] == pytest.approx(0.01 * LIVER.rate(middles).sum(), rel=0.02)
    assert done.highest[0] == pytest.approx(199.0, abs=1e-3)


@given(st.floats(39.0, 159.9), st.floats(1e5, 7e5))
def test_the_table_is_as_good_as_it_says(celsius, activation):
    kinetics = Kinetics(1e50, activation)
    table = rate_table(39.0, kinetics, VESSEL)
    at = (celsius - 39.0) * 64
    low = int(at)
    value = table[low, 0] + (at - low) * (table[low + 1, 0] - table[low, 0])
    assert value == pytest.approx(float(kinetics.rate(celsius)), rel=kinetics.table_error(39.0) + 1e-12)


def test_nothing_is_harmed_below_the_least_temperature():
    done = solver((3, 3, 3), start=38.9).run([Interval(600.0)], cooling=COOL)
    assert not done.omega_tissue.any() and not done.cem43.any()
    assert done.settled and done.cooling == COOL.window


def test_cooling_ends_when_damage_has_stopped_rising():
    model, sources = session()
    done = model.run(sources, cooling=COOL)
    model, sources = session()
    longer = model.run([*sources, Interval(done.cooling), Interval(600.0)])
    share = (longer.omega_tissue - done.omega_tissue) / np.maximum(longer.omega_tissue, 1.0)
    # the rest of a decaying rise; and steps of other lengths, which where it boiled (Omega 1e5) come to 0.2 %
    assert -3 * COOL.rise < share.min() and share.max() < 5 * COOL.rise
    model, sources = session()
    short = model.run(sources, cooling=Cooling(5.0, 1e-3, 5.0))
    assert not short.settled and short.cooling == 5.0
    model, sources = session()
    assert model.run(sources).cooling == 0.0


# --- walls with a temperature of their own, and cells ------------------------------------------------------


def test_cells_are_added_up_as_tissue_is_and_change_nothing_else():
    def one(cells):
        model, sources = session(cell_damage=cells, shape=(24, 24, 22))
        return model.run(sources, cooling=Cooling(20.0, 0.1, 40.0))

    without, with_tissue, with_vessel = one(None), one(LIVER), one(VESSEL)
    assert not without.omega_cells.any() and without.omega_tissue.max() > 1.0
    assert np.array_equal(with_tissue.omega_cells, without.omega_tissue)
    assert np.array_equal(with_vessel.omega_cells, without.omega_vessel)
    same(with_tissue, dataclasses.replace(without, omega_cells=with_tissue.omega_cells))


def test_a_fin_between_a_cooled_wall_and_blood():
    """Rise falls as cosh m (L - x) / cosh m L from a wall at 15 degC through which h flows, towards blood at 37."""
    n, length, blood_heat, omega, coefficient = 160, 0.016, 4.18e6, 0.0165, 3000.0
    h = length / n
    m = math.sqrt(omega * blood_heat / 0.52)
    plain = Material(0.52, 0.0, 1060.0, 3600.0)
    sinks = np.zeros(n)
    sinks[0] = h**2 / (1.0 / coefficient + 0.5 * h / 0.52)
    model = solver((n, 1, 1), h, (plain,), perfusion=omega, sinks=sinks, sink_temperature=15.0, shutdown="constant")
    done = model.run([Interval(1200.0)])
    wall = coefficient * (15.0 - 37.0) / (coefficient + 0.52 * m * math.tanh(m * length))
    x = (np.arange(n) + 0.5) * h
    exact = 37.0 + wall * np.cosh(m * (length - x)) / math.cosh(m * length)
    assert done.temperature == pytest.approx(exact, abs=5e-3)
    assert abs(done.balance.error) < 1e-4 and done.balance.blood < 0.0 < done.balance.sinks
    assert done.temperature.min() > 15.0 and done.temperature.max() <= 37.0


def test_a_shell_between_a_cooled_tip_and_a_wall_that_is_held():
    """In x = ln r a cylindrical shell is a slab: the temperature is straight in x between tip and wall."""
    inner, outer, coefficient, n = 0.75e-3, 12e-3, 3127.0, 40
    length = math.log(outer / inner)
    step = length / n
    sinks = np.zeros(n)
    sinks[0] = step**2 / (1.0 / (coefficient * inner) + 0.5 * step / 0.52)
    plain = Material(0.52, 0.0, 1060.0, 3600.0)
    model = solver((n, 1, 1), step, (plain,), faces=(None, 60.0, None, None, None, None), start=60.0)
    until = 20.0 * length**2 * plain.wet_heat / 0.52
    done = model.run([Interval(until, sinks=sinks, sink_temperature=15.0)])
    flux = (60.0 - 15.0) / (1.0 / (coefficient * inner) + length / 0.52)  # W/m per radian
    exact = 15.0 + flux * (1.0 / (coefficient * inner) + (np.arange(n) + 0.5) * step / 0.52)
    assert done.temperature == pytest.approx(exact, abs=2e-3)
    assert abs(done.balance.error) < 1e-4 and done.balance.sinks > 0.0 > done.balance.faces


def test_a_wall_is_cooled_in_its_own_interval_alone():
    """One site towards vessels at 37 degC and, for a minute, towards water at 15 degC: exactly exponential."""
    vessel, water, minute = 4e-4, 9e-4, 60.0
    model = solver((1, 1, 1), 4e-3, sinks=[vessel], start=np.array([50.0]), largest_change=math.inf,
                   damage_from=80.0, precision=np.float64)  # fmt: skip
    heat = TISSUE.wet_heat * model.lattice.site_volume
    seen = []
    done = model.run(
        [Interval(minute), Interval(minute, sinks=[water], sink_temperature=15.0), Interval(minute)],
        every=minute, callback=lambda now: seen.append(float(now.temperature[0])),
    )  # fmt: skip
    at = [37.0 + 13.0 * math.exp(-vessel * minute / heat)]
    both = vessel + water
    mean = (vessel * 37.0 + water * 15.0) / both
    at.append(mean + (at[0] - mean) * math.exp(-both * minute / heat))
    at.append(37.0 + (at[1] - 37.0) * math.exp(-vessel * minute / heat))
    assert seen == pytest.approx(at, abs=1e-6)
    assert abs(done.balance.error) < 1e-9
    assert done.balance.sinks == pytest.approx(heat * (50.0 - at[2]), rel=1e-6)


def test_cooled_walls_change_no_bit_with_threads_and_rows_at_rest():
    def one(skip, threads):
        model, sources = session(skip, threads)
        x, y, _ = model.lattice.centres().T
        tip = np.where(np.hypot(x + 0.004, y) < 1.2e-3, 2e-3, 0.0)
        cooled = [dataclasses.replace(s, sinks=tip, sink_temperature=15.0) if n else s for n, s in enumerate(sources)]
        return model.run(cooled, cooling=Cooling(20.0, 0.1, 20.0))

    first = one(True, 1)
    same(first, one(False, 2))
    assert abs(first.balance.error) < 1e-4 and first.temperature.min() < 36.9


def test_cooled_walls_out_of_range_are_refused():
    with pytest.raises(InputError, match="interval 0: sinks"):
        solver((2, 2, 2)).run([Interval(1.0, sinks=[-1.0])])
    with pytest.raises(InputError, match="interval 0: sink temperature"):
        solver((2, 2, 2)).run([Interval(1.0, sinks=1.0, sink_temperature=math.nan)])
    with pytest.raises(InputError, match="sink temperature"):
        solver((2, 2, 2), sinks=1.0, sink_temperature=[1.0, 2.0])


# --- perfusion -------------------------------------------------------------------------------------------


def test_perfusion_falls_as_its_law_says():
    """One site held at 60 degC by what it absorbs: the blood takes what is left of its perfusion."""
    taken = {}
    for law in ("constant", "vessel", "tissue"):
        model = solver((1, 1, 1), 1e-3, perfusion=0.01, shutdown=law, start=np.array([60.0]), largest_change=0.01)
        taken[law] = model.run([Interval(1.0)]).balance.blood
    vessel, slow = VESSEL.rate(60.0), LIVER.rate(60.0) / 100.0
    assert taken["vessel"] / taken["constant"] == pytest.approx((1 - math.exp(-vessel)) / vessel, rel=1e-3)
    assert taken["tissue"] / taken["constant"] == pytest.approx((1 - math.exp(-slow)) / slow, rel=1e-3)


def test_lost_perfusion_enlarges_the_zone():
    lattice = Lattice((40, 40, 40), 1e-3)
    zones = {}
    for law in ("constant", "tissue", "vessel"):
        model = Bioheat(lattice, [TISSUE], LIVER, VESSEL, perfusion=0.0165, shutdown=law)
        zones[law] = (model.run([Interval(300.0, antenna(lattice))]).omega_tissue >= 1.0).sum()
    bloodless = Bioheat(lattice, [TISSUE], LIVER, VESSEL).run([Interval(300.0, antenna(lattice))])
    assert zones["constant"] < min(zones["vessel"], zones["tissue"])
    assert max(zones.values()) < (bloodless.omega_tissue >= 1.0).sum()


def test_a_callback_hands_in_new_perfusion():
    model = solver((1, 1, 1), 1e-3, perfusion=0.0, start=np.array([50.0]), shutdown="constant", precision=np.float64)
    times = []

    def supply(now):
        times.append(now.time)
        assert now.temperature.shape == now.omega_tissue.shape == now.omega_vessel.shape == (1,)
        return [0.01] if len(times) == 2 else None

    done = model.run([Interval(7.0), Interval(8.0)], every=3.0, callback=supply, cooling=Cooling(4.0, 1e9, 4.0))
    assert times == [3.0, 6.0, 9.0, 12.0, 15.0, 18.0]
    assert done.heating == 15.0 and done.cooling == 4.0
    left = math.exp(-0.01 * 4.18e6 * 13.0 / TISSUE.wet_heat)
    assert done.temperature[0] == pytest.approx(37.0 + 13.0 * left, rel=1e-9)


def test_a_callback_ends_the_interval_and_not_what_follows():
    lattice = Lattice((6, 7, 8), 1e-3)
    heat = np.where(np.arange(lattice.n_sites) == 100, 1e7, 0.0)
    sites = np.array([0, 100, 335])
    times = []

    def watch(now):
        times.append(now.time)
        assert np.array_equal(now.temperature_at(sites), now.temperature[sites])
        if now.time in (4.0, 11.0):
            now.stop()

    model = Bioheat(lattice, [TISSUE], LIVER, VESSEL)
    ended = model.run(
        [Interval(60.0, heat), Interval(3.0), Interval(2.0, heat)], every=1.0, callback=watch, cooling=COOL
    )
    assert ended.heating == 9.0 and times[:9] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert ended.cooling >= COOL.window  # a call while it cools ends nothing
    whole = model.run(
        [Interval(4.0, heat), Interval(3.0), Interval(2.0, heat)], every=1.0, callback=lambda now: None, cooling=COOL
    )
    same(ended, whole)


def test_a_model_can_be_run_again():
    model, sources = session()
    sources = list(sources)
    same(model.run(sources), model.run(sources))


# --- what it refuses -------------------------------------------------------------------------------------


def test_everything_wrong_is_said_at_once():
    with pytest.raises(InputError) as error:
        solver((2, 2, 2), 1e-3, (Material(-1.0, 0.0, 1060.0, 3600.0, 0.7),), perfusion=-1.0, faces=(1.0, 2.0),
               shutdown="vesel", start=120.0, material=np.ones(8), largest_change=0.0, damage_from=500.0)  # fmt: skip
    text = str(error.value)
    for part in ("conductivity must be", "dry heat capacity", "perfusion must be", "faces must be",
                 "Did you mean 'vessel'", "below 100 degC", "codes must be 0 to 0", "largest change",
                 "damage"):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize(
    "source", [Interval(0.0), Interval(math.nan), Interval(1.0, np.zeros(7)), Interval(1.0, [-1.0] * 8)]
)
def test_sources_out_of_range_are_refused(source):
    with pytest.raises(InputError, match="interval 0"):
        solver((2, 2, 2)).run([source])


def test_other_refusals():
    with pytest.raises(InputError, match="come together"):
        solver((2, 2, 2)).run([Interval(1.0)], every=1.0)
    with pytest.raises(InputError, match="callback must return"):
        solver((2, 2, 2)).run([Interval(2.0)], every=1.0, callback=lambda now: [1.0])
    with pytest.raises(InputError, match="slope makes"):
        solver((2, 2, 2), 1e-3, (Material(0.5, -0.02, 1000.0, 4000.0),))
    with pytest.raises(InputError, match="A and Ea"):
        Kinetics(-1.0, 1.0)
    with pytest.raises(InputError, match="cooling needs"):
        solver((2, 2, 2)).run([Interval(1.0)], cooling=Cooling(0.0))


def test_tissue_is_read_from_the_table_of_parameters():
    table = {"heat.conductivity": 0.52, "heat.conductivity_slope": 0.0025, "heat.density": 1060.0,
             "heat.specific_heat": 3600.0, "heat.water_fraction": 0.7,
             "heat.specific_heat_dry": 2155.0, "heat.vaporisation": 2.257e6}  # fmt: skip
    assert tissue(table) == TISSUE


def test_settings_are_those_of_the_table():
    table = load_parameters()
    assert numerics(table) == {"damage_from": 39.0, "largest_change": 2.0}
    assert Cooling.standard(table) == Cooling() == COOL
