"""How fast a session of heating is: the bioheat solver beside a bare stencil, SciPy's Crank-Nicolson and py-pde.

    python experiments/performance/heat.py [--quick] [--large]

The solver: 60 W at the generator, half of it absorbed as by a microwave antenna, 10 minutes in perfused liver, boiling
and damage included; 128^3 and 70^3 sites of 1 mm, and the latter with cooling until damage has stopped rising, by two
kinetics and by three. Targets: 8 s and 1 s.

The others solve less (even properties, no boiling, no damage), so all three are given that: a ball of heat, 3 W spread
as a Gaussian, a minute long in an insulated box of 1 mm sites; 40^3 and 70^3, with --large 128^3 too. Errors are the
largest at any site against the closed form, an integral over the age of the heat. SciPy: conjugate gradients on the
sparse matrix of Crank-Nicolson, steps of 1 s. py-pde: its explicit Euler, compiled by Numba, at the step the solver
takes; it is no part of the project and left out where it is missing. To install it beside the project:

    python -m venv --system-site-packages pde && pde/bin/pip install py-pde

Time is of the processor, the best of several; of Crank-Nicolson once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import diags_array, eye_array, kron
from scipy.sparse.linalg import cg
from stencil import stencil

from tumorsim.fields.bioheat import Bioheat
from tumorsim.fields.bioheat_tissue import Cooling, Interval, Kinetics, Material
from tumorsim.lattice import Lattice

LIVER, VESSEL = Kinetics(7.39e39, 257_700.0), Kinetics(5.6e63, 4.3e5)
TISSUE = Material(0.52, 0.0025, 1060.0, 3600.0, 0.7, 2155.0)
PLAIN = Material(0.52, 0.0, 1060.0, 3600.0)
PERFUSION, BLOOD_HEAT = 0.0165, 4.18e6
WATTS, LENGTH, DECAY = 30.0, 0.025, 96.0  # absorbed; of the antenna [m]; 1/m
CELLS = Kinetics(3.25e43, 281_000.0)
BALL, WIDTH, MINUTE, H = 3.0, 4e-3, 60.0, 1e-3  # W, m, s, m


def antenna(lattice: Lattice, watts: float = WATTS) -> Any:
    """SAR of a line of point sources along z, each q = P 2a exp(-2a s) / (4 pi s^2) [W/m3]."""
    x, y, z = lattice.centres().T
    sar = np.zeros(lattice.n_sites)
    for part in (np.arange(41) + 0.5) / 41 * LENGTH - LENGTH / 2:
        s = np.maximum(np.sqrt(x**2 + y**2 + (z - part) ** 2), 1e-3)
        sar += watts / 41 * DECAY * np.exp(-DECAY * s) / (4 * np.pi * s**2)
    return sar


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Result and seconds of the processor."""
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def best(call: Callable[[], Any], repeats: int = 3) -> tuple[Any, float]:
    """Result and the shortest of several times."""
    runs = [timed(call) for _ in range(repeats)]
    return runs[0][0], min(seconds for _, seconds in runs)


def solver(
    side: int, cooling: Cooling | None = None, repeats: int = 3, cells: Kinetics | None = None
) -> tuple[Any, float]:
    """A session of ten minutes, making the solver included; the shortest of several."""
    lattice = Lattice((side, side, side), H)
    sar = antenna(lattice)

    def session() -> Any:
        model = Bioheat(lattice, [TISSUE], LIVER, VESSEL, cell_damage=cells, perfusion=PERFUSION)
        return model.run([Interval(600.0, sar)], cooling=cooling)

    session()  # compiles
    return best(session, repeats)


def ball(side: int) -> Any:
    """SAR of a Gaussian ball in the middle of a box [W/m3]."""
    r2 = (Lattice((side,) * 3, H).centres() ** 2).sum(axis=1)
    return BALL / (2 * np.pi * WIDTH**2) ** 1.5 * np.exp(-r2 / (2 * WIDTH**2))


def closed_form(side: int) -> Any:
    """Rise after a minute [K]: heat of age s is a Gaussian of variance WIDTH^2 + 2 a s and has lost exp(-w s) to blood.

    Insulated walls are mirrors. Gauss's rule over the age.
    """
    x = (np.arange(side) + 0.5 - side / 2) * H
    a, w = PLAIN.conductivity / PLAIN.wet_heat, PERFUSION * BLOOD_HEAT / PLAIN.wet_heat
    nodes, weights = np.polynomial.legendre.leggauss(40)
    rise = np.zeros((side,) * 3)
    for age, weight in zip(0.5 * MINUTE * (nodes + 1), 0.5 * MINUTE * weights, strict=True):
        variance = WIDTH**2 + 2 * a * age
        line = sum(np.exp(-((x - n * side * H) ** 2) / (2 * variance)) for n in (-1, 0, 1)) / np.sqrt(
            2 * np.pi * variance
        )
        rise += weight * np.exp(-w * age) * line[:, None, None] * line[:, None] * line
    return BALL / PLAIN.wet_heat * rise.reshape(-1)


def plain(side: int, sar: Any) -> tuple[Any, float, int]:
    """The solver on what the others can do."""
    lattice = Lattice((side,) * 3, H)
    model = Bioheat(lattice, [PLAIN], LIVER, VESSEL, perfusion=PERFUSION, shutdown="constant", damage_from=100.0)
    model.run([Interval(1.0, sar)])
    done, seconds = best(lambda: model.run([Interval(MINUTE, sar)]))
    return done.temperature - 37.0, seconds, done.steps


def crank_nicolson(side: int, sar: Any, step: float = 1.0) -> tuple[Any, float]:
    """Insulated walls; the same equation."""
    n, heat = side, PLAIN.wet_heat
    ends = np.full(n, -2.0)
    ends[[0, -1]] = -1.0
    line, one = diags_array([np.ones(n - 1), ends, np.ones(n - 1)], offsets=(-1, 0, 1)), eye_array(n)
    laplace = kron(kron(line, one), one) + kron(kron(one, line), one) + kron(kron(one, one), line)
    operator = (PLAIN.conductivity / H**2 * laplace - PERFUSION * BLOOD_HEAT * eye_array(n**3)) / heat
    left = (eye_array(n**3) - 0.5 * step * operator).tocsr()
    right = (eye_array(n**3) + 0.5 * step * operator).tocsr()

    def run() -> Any:
        rise = np.zeros(n**3)
        for _ in range(round(MINUTE / step)):
            rise, failed = cg(left, right @ rise + step * sar / heat, x0=rise, rtol=1e-6)
            if failed:
                raise ArithmeticError("conjugate gradients did not converge")
        return rise

    return timed(run)


def py_pde(side: int, sar: Any, step: float) -> tuple[Any, float] | None:
    """The same with py-pde; None where it is not installed."""
    try:
        import pde
    except ImportError:
        return None
    grid = pde.CartesianGrid([[0.0, side * H]] * 3, [side] * 3)
    source = pde.ScalarField(grid, sar.reshape((side,) * 3) / PLAIN.wet_heat)
    a, w = PLAIN.conductivity / PLAIN.wet_heat, PERFUSION * BLOOD_HEAT / PLAIN.wet_heat
    equation = pde.PDE({"c": f"{a} * laplace(c) - {w} * c + q"}, bc={"derivative": 0}, consts={"q": source})
    start = pde.ScalarField(grid, 0.0)

    def run(until: float) -> Any:
        return equation.solve(start, t_range=until, dt=step, tracker=None, backend="numba").data.reshape(-1)

    run(2 * step)  # compiles; what it compiles anew for every run is taken off
    _, once = best(lambda: run(step))
    field, seconds = best(lambda: run(MINUTE))
    return field, max(seconds - once, 0.0)


def beside_others(side: int) -> None:
    """One table: seconds and errors of all three."""
    sar, exact = ball(side), closed_form(side)
    ours, seconds, steps = plain(side, sar)
    print(f"\n{f'{side}^3, a minute, linear':<34}{'seconds':>9}{'of ours':>9}{'largest error':>15}{'of the peak':>13}")
    found = {"solver": (ours, seconds), "SciPy Crank-Nicolson": crank_nicolson(side, sar),
             "py-pde": py_pde(side, sar, MINUTE / steps)}  # fmt: skip
    for name, other in found.items():
        if other is None:
            print(f"{name:<34}{'not installed: see the head of this script':>46}")
            continue
        field, taken = other
        error = float(np.abs(field - exact).max())
        print(f"{name:<34}{taken:9.3f}{taken / seconds:9.0f}{error:13.3g} K{error / exact.max():13.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--large", action="store_true", help="128^3 beside the others too; some minutes")
    given = parser.parse_args()
    report(1 if given.quick else 5, (40, 70, 128) if given.large else (40, 70))


def report(repeats: int, sides: tuple[int, ...]) -> None:
    """Print all tables."""
    yard = stencil(repeats)
    print(f"one core, processor time; stencil {yard:.3g} sites/s\n")
    print(
        f"{'ten minutes of heating':<34}{'seconds':>9}{'target':>8}{'steps':>7}{'site-steps/s':>14}{'of stencil':>12}"
    )
    for name, side, cooling, cells, target in (
        ("128^3", 128, None, None, 8.0), ("70^3", 70, None, None, 1.0), ("70^3, and cooling", 70, Cooling(), None, 1.0),
        ("70^3, and cooling, cells too", 70, Cooling(), CELLS, 1.0),
    ):  # fmt: skip
        done, seconds = solver(side, cooling, repeats, cells)
        speed = done.steps * side**3 / seconds
        print(f"{name:<34}{seconds:9.2f}{target:8.0f}{done.steps:7d}{speed:14.3g}{speed / yard:12.2f}", flush=True)
        zone = done.omega_tissue >= 1.0
        print(f"    zone {zone.sum() * 1e-3:.1f} mL, balance {done.balance.error:.1e}, cooling {done.cooling:.0f} s")
    for side in sides:
        beside_others(side)


if __name__ == "__main__":
    main()
