"""The bioheat solver against every row of analytic_thermal.csv that concerns it: within 1 %, of second order in space.

One octant stands for a point source, with insulated walls as mirrors; the source fills the site in its corner.
"""

import importlib.util
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from tumorsim.fields import analytic_heat as heat
from tumorsim.fields.bioheat import Bioheat
from tumorsim.fields.bioheat_tissue import Interval, Kinetics, Material
from tumorsim.lattice import Lattice

_SPEC = importlib.util.spec_from_file_location("heat_rows", Path(__file__).with_name("heat_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
given_rows = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(given_rows)
rows, where, vessel, closed = given_rows.rows, given_rows.where, given_rows.vessel, given_rows.closed
K, RHO, C, OMEGA, BLOOD = given_rows.K, given_rows.RHO, given_rows.C, given_rows.OMEGA, given_rows.BLOOD

PLAIN = Material(K, 0.0, RHO, C)
WITH_WATER = Material(K, 0.0, RHO, C, given_rows.WATER, 2155.0)
LIVER, VESSEL = Kinetics(7.39e39, 257_700.0), Kinetics(5.6e63, 4.3e5)
NEAR = 0.01  # what every row must meet


def solver(shape, spacing, **given):
    settings = {"shutdown": "constant", "blood_heat": given_rows.BLOOD_HEAT, "largest_change": math.inf} | given
    material = settings.pop("medium", PLAIN)
    return Bioheat(Lattice(tuple(shape), spacing), [material], LIVER, VESSEL, **settings)


def rises(model, sar, until, every):
    """Rises at every multiple of a time, as boxes."""
    seen = []
    model.run([Interval(until, sar, dries=False)], every=every,
              callback=lambda s: seen.append((s.temperature - BLOOD).reshape(model.lattice.shape)))  # fmt: skip
    return seen


def at(line, spacing, r):
    """Value at a whole number of sites from the wall, of an even function given at the middles of sites."""
    line = np.concatenate([line[2::-1], line])
    k = round(r / spacing) + 3
    return float((-line[k - 2] + 9 * line[k - 1] + 9 * line[k] - line[k + 1]) / 16)


def along_x(box, spacing, r):
    """Value on the axis of an octant."""
    for axis in (2, 1):
        box = (9 * np.take(box, 0, axis) - np.take(box, 1, axis)) / 8
    return at(box, spacing, r)


@lru_cache
def point(spacing, side, until, every, perfused):
    """Octant around a point source."""
    n = round(side / spacing)
    sar = np.zeros((n, n, n))
    sar[0, 0, 0] = given_rows.POWER / 8 / spacing**3
    return rises(solver((n, n, n), spacing, perfusion=OMEGA if perfused else 0.0), sar, until, every)


def judge(coarse, fine, exact, alone=True, orders=(1.6, 2.7)):
    """Second order, the limit of zero spacing within 1 % of the exact value, and the fine value too."""
    assert (4 * fine - coarse) / 3 == pytest.approx(exact, rel=NEAR)
    if alone:
        assert fine == pytest.approx(exact, rel=NEAR)
    if abs(fine - exact) > 2e-4 * abs(exact):
        assert orders[0] < math.log2((coarse - exact) / (fine - exact)) < orders[1]


@pytest.mark.parametrize("test", ["A3", "A4"])
def test_transient_point_source(test):
    for row in rows(test):
        r, t = where(row)
        coarse, fine = (1e-3, 0.5e-3) if t > 60 else (0.5e-3, 0.25e-3)
        side, until = (0.036, 600.0) if t > 60 else (0.026, 60.0)
        values = [along_x(point(h, side, until, 60.0, test == "A3")[round(t / 60) - 1], h, r) for h in (coarse, fine)]
        # ahead of the front, where rises are down to 1e-5 K, and near the source, the limit alone is judged
        front = r / math.sqrt(2 * given_rows.A * t)
        judge(*values, float(row["value"]), alone=front < 2.0 and r > 0.005)


def test_steady_point_source_with_perfusion():
    """After 1500 s, exp(-10.5) from the steady field."""
    for row in rows("A1"):
        r, _ = where(row)
        values = [along_x(long_point(h), h, r) for h in (1e-3, 0.5e-3)]
        judge(*values, float(row["value"]), alone=r < 0.02, orders=(1.5, 2.7))


@lru_cache
def long_point(spacing):
    shape = (round(0.05 / spacing), round(0.025 / spacing), round(0.025 / spacing))
    sar = np.zeros(shape)
    sar[0, 0, 0] = given_rows.POWER / 8 / spacing**3
    return rises(solver(shape, spacing, perfusion=OMEGA), sar, 1500.0, 1500.0)[0]


def images(r, side, shells=12):
    """What walls held at 0 add on the axis of a box of half side ``side``: sources at its images, of changing sign.

    The sum is that of rock salt, by neutral cubes (Evjen 1932, Phys Rev 39:675).
    """
    n = np.arange(-shells, shells + 1)
    i, j, k = np.meshgrid(n, n, n, indexing="ij")
    sign = np.where((i + j + k) % 2, -1.0, 1.0)
    for m in (i, j, k):
        sign *= np.where(abs(m) == shells, 0.5, 1.0)
    sign[shells, shells, shells] = 0.0
    far = np.sqrt((2 * side * i - r) ** 2 + (2 * side * j) ** 2 + (2 * side * k) ** 2)
    return given_rows.POWER / (4 * math.pi * K) * (sign / np.where(sign == 0.0, 1.0, far)).sum()


@pytest.mark.parametrize(("side", "spacings", "most"), [(0.02, (1e-3, 0.5e-3), 0.015), (0.04, (2e-3, 1e-3), 0.03)])
def test_steady_point_source_without_perfusion(side, spacings, most):
    """In a box whose walls are held; what they take is known."""
    until = 1.2 * side**2 / given_rows.A
    fields = []
    for h in spacings:
        n = round(side / h)
        sar = np.zeros((n, n, n))
        sar[0, 0, 0] = given_rows.POWER / 8 / h**3
        model = solver((n, n, n), h, faces=(None, BLOOD, None, BLOOD, None, BLOOD))
        fields.append(rises(model, sar, until, until)[0])
    for row in rows("A2"):
        r, _ = where(row)
        if 9.5 * spacings[1] < r <= most and abs(math.remainder(r, spacings[0])) < 1e-9:
            coarse, fine = (along_x(f, h, r) for f, h in zip(fields, spacings, strict=True))
            judge(coarse, fine, float(row["value"]) + images(r, side), orders=(0.8, 4.0))


@pytest.mark.parametrize(
    ("t", "side", "spacings"), [(10.0, 0.014, (0.25e-3, 0.125e-3)), (60.0, 0.024, (0.5e-3, 0.25e-3)),
                                (300.0, 0.036, (1e-3, 0.5e-3))]
)  # fmt: skip
def test_pulse(t, side, spacings):
    """1000 J within 0.1 s, counted from its middle."""
    length = 0.1
    boxes = []
    for h in spacings:
        n = round(side / h)
        sar = np.zeros((n, n, n))
        sar[0, 0, 0] = given_rows.ENERGY / length / 8 / h**3
        seen = []
        solver((n, n, n), h).run(
            [Interval(length, sar), Interval(t)], every=t + length / 2,
            callback=lambda s, seen=seen, n=n: seen.append((s.temperature - BLOOD).reshape(n, n, n)))  # fmt: skip
        boxes.append(seen[0])
    for row in rows("A5"):
        r, when = where(row)
        if when == t and not (r == 0.0 and t < 60):  # the source's own site
            values = [along_x(box, h, r) for box, h in zip(boxes, spacings, strict=True)]
            judge(*values, float(row["value"]), alone=r / math.sqrt(2 * given_rows.A * t) < 2.0)


def line(test, spacing, length, walls, times, perfusion=0.0):
    """Slab between walls: rises at the given times."""
    n = round(length / spacing)
    model = solver((n, 1, 1), spacing, faces=(*walls, None, None, None, None), perfusion=perfusion)
    step = math.gcd(*(round(t) for t in times))
    seen = rises(model, np.zeros(n), max(times), float(step))
    return {t: seen[round(t / step) - 1][:, 0, 0] for t in times}


def inside(values, spacing, x, wall):
    """Value at a whole number of sites from a wall held at ``wall``."""
    values = np.concatenate([2 * wall - values[2::-1], values])  # odd about the wall, near enough for 3 sites
    k = round(x / spacing) + 3
    return float((-values[k - 2] + 9 * values[k - 1] + 9 * values[k] - values[k + 1]) / 16)


@pytest.mark.parametrize(("test", "length", "walls"), [("A6", 0.02, (80.0, 80.0)), ("A7", 0.05, (80.0, None))])
def test_slab_and_half_space(test, length, walls):
    times = sorted({where(row)[1] for row in rows(test)})
    spacings = (0.25e-3, 0.125e-3)
    fields = [line(test, h, length, walls, times) for h in spacings]
    for row in rows(test):
        x, t = where(row)
        coarse, fine = (inside(f[t], h, x, 43.0) for f, h in zip(fields, spacings, strict=True))
        assert BLOOD + fine == pytest.approx(float(row["value"]), rel=NEAR)
        rise = float(row["value"]) - BLOOD
        if rise > 0.01:  # fewer digits of a rise are printed below
            judge(coarse, fine, rise, alone=x / math.sqrt(2 * given_rows.A * t) < 3.0, orders=(1.5, 2.6))


def test_cosh_fin():
    spacings = (1e-3, 0.5e-3)
    fields = [line("A8", h, 0.02, (80.0, None), [1500.0], OMEGA)[1500.0] for h in spacings]
    for row in rows("A8"):
        x, _ = where(row)
        if x == 0.0:
            continue
        if x == 0.02:  # the insulated wall: even about it
            coarse, fine = (float(9 * f[-1] - f[-2]) / 8 for f in fields)
        else:
            coarse, fine = (inside(f, h, x, 43.0) for f, h in zip(fields, spacings, strict=True))
        judge(coarse, fine, float(row["value"]) - BLOOD)
    walls = [1.5 * f[0] - 0.5 * f[1] for f in fields]  # what the first sites say of the wall
    assert walls[1] == pytest.approx(43.0, rel=NEAR)


def test_heated_sphere():
    boxes = []
    spacings = (1e-3, 0.5e-3)
    for h in spacings:
        n, wide = round(0.034 / h), round(0.026 / h)
        fine = (np.arange(8 * n) + 0.5) * h / 8
        squares = fine**2
        share = np.zeros((n, n, n))
        for i in range(8 * n):  # the share of each site within the sphere
            disc = (squares[i] + squares[:, None] + squares[None, :]) < given_rows.SPHERE**2
            share[i // 8] += disc.reshape(n, 8, n, 8).sum(axis=(1, 3)) / 512
        model = solver((n, wide, wide), h, perfusion=OMEGA)
        boxes.append(rises(model, given_rows.HEATING * share[:, :wide, :wide], 1500.0, 1500.0)[0])
    for row in rows("A9"):
        r, _ = where(row)
        values = [along_x(box, h, max(r, 0.0) if r > 1e-4 else 0.0) for box, h in zip(boxes, spacings, strict=True)]
        judge(*values, float(row["value"]), orders=(1.2, 3.5))


@pytest.mark.parametrize("row", rows("A10")[::4], ids=lambda row: row["quantity"])
def test_annulus_is_a_slab_of_the_logarithm_of_the_radius(row):
    """In x = ln r the annulus is a slab: T'' = 0, and h a (T - T_b) at the wall, which is a sink of the first site."""
    diameter = float(row["quantity"][4:-4]) * 1e-3
    given = vessel(diameter)
    n = 40
    length = math.log(given["outer"] / given["inner"])
    step = length / n
    sink = np.zeros(n)
    sink[0] = step**2 / (1.0 / (given["h"] * given["inner"]) + 0.5 * step / K)
    model = solver((n, 1, 1), step, faces=(None, 100.0, None, None, None, None), sinks=sink)
    until = 20.0 * length**2 * RHO * C / K
    temperature = BLOOD + rises(model, np.zeros(n), until, until)[0][:, 0, 0]
    x = (np.arange(n) + 0.5) * step
    wall, r5 = temperature[0] - (temperature[1] - temperature[0]) / 2, math.log(1.0 + 5e-3 / given["inner"])
    found = [given["h"], wall, np.interp(r5, x, temperature),
             1e3 * given["inner"] * (math.exp(np.interp(60.0, temperature, x)) - 1.0)]  # fmt: skip
    first = rows("A10").index(row)
    assert found == pytest.approx([float(r["value"]) for r in rows("A10")[first : first + 4]], rel=5e-4)


@pytest.mark.parametrize(("diameter", "spacing"), [(3e-3, 0.2e-3), (6e-3, 0.25e-3), (10e-3, 0.25e-3)])
def test_a_vessel_in_the_lattice(diameter, spacing):
    """A quarter of the plane. The flux of the annulus enters 7 mm from the wall; the wall is spread over sites."""
    given = vessel(diameter)
    inner, ring = given["inner"], given["inner"] + 7e-3
    n = math.ceil((ring + 2 * spacing) / spacing)
    middle = (np.arange(n) + 0.5) * spacing
    r = np.hypot(middle[:, None], middle[None, :]).reshape(-1)
    flux = K * (heat.annulus(ring, **given) - heat.annulus(inner, **given)) / math.log(ring / inner)  # per radian
    source = np.clip(1.5 - np.abs(r - ring) / spacing, 0.0, 1.0)
    sar = source * flux * math.pi / 2 / (source.sum() * spacing**2)
    # points of the wall, each shared among the sites of tissue around it, as far from it as they are
    angle = (np.arange(4000) + 0.5) / 4000 * math.pi / 2
    sinks, tissue = np.zeros((n, n)), (r > inner).reshape(n, n)
    u, v = (inner + spacing / 2) * np.cos(angle) / spacing - 0.5, (inner + spacing / 2) * np.sin(angle) / spacing - 0.5
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    corners = [(np.maximum(i + di, 0), np.maximum(j + dj, 0), np.abs(1 - di - (u - i)) * np.abs(1 - dj - (v - j)))
               for di in (0, 1) for dj in (0, 1)]  # fmt: skip
    total = sum(weight * tissue[at, to] for at, to, weight in corners)
    for at, to, weight in corners:
        far = np.log(np.maximum(r.reshape(n, n)[at, to], inner) / inner)
        wall = spacing * math.pi / 2 / len(angle) / (1.0 / (given["h"] * inner) + far / K)
        np.add.at(sinks, (at, to), wall * weight * tissue[at, to] / total)
    begin = [heat.annulus(float(x), **given) for x in np.clip(r, inner, ring)]  # it takes an hour from cold
    model = solver((n, n, 1), spacing, sinks=sinks, inside=tissue, start=begin)
    temperature = BLOOD + rises(model, sar, 1500.0, 1500.0)[0].reshape(-1)
    for away in (2e-3, 5e-3):
        around = np.abs(r - inner - away) < 0.6 * spacing
        exact = [heat.annulus(float(x), **given) for x in r[around]]
        assert temperature[around] == pytest.approx(exact, rel=NEAR)


@pytest.mark.parametrize("row", rows("A11")[::2], ids=lambda row: row["quantity"])
def test_boil_off(row):
    heating = float(row["quantity"].split("q=")[1][:-6])
    until, half = float(row["value"]), float(rows("A11")[rows("A11").index(row) + 1]["value"])

    def one(duration):
        model = solver((1, 1, 1), 1e-3, medium=WITH_WATER, largest_change=2.0)
        return model.run([Interval(duration, [heating], dries=False)])

    before, after = one(0.99 * until), one(1.01 * until)
    assert before.temperature[0] == pytest.approx(37.0 + 0.99 * 63.0, rel=1e-5) and before.water[0] == 1.0
    assert after.temperature[0] == pytest.approx(100.0, abs=1e-4) and 0.9 < after.water[0] < 1.0
    assert one(half).water[0] == pytest.approx(0.5, abs=1e-4)
    dry = one(until + 2.2 * (half - until))
    assert dry.water[0] == 0.0
    assert dry.temperature[0] == pytest.approx(
        100.0 + 0.1 * 2 * (half - until) * heating / (RHO * 0.3 * 2155.0), rel=1e-3
    )
    assert abs(dry.balance.error) < 1e-5
    assert dry.largest_change <= 2.0
