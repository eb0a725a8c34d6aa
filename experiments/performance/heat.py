"""How fast a session of heating is: the bioheat solver beside a bare stencil, SciPy's Crank-Nicolson and py-pde.

    python experiments/performance/heat.py [--quick]

The solver: 60 W at the generator, half of it absorbed as by a microwave antenna, 10 minutes in perfused liver, boiling
and damage included; 128^3 and 70^3 sites of 1 mm, and the latter with cooling until damage has stopped rising. Targets:
8 s and 1 s. The others solve less (constant properties, no boiling, no damage) on 40^3 sites for a minute; their
temperatures are held against the solver's. SciPy: conjugate gradients on the sparse matrix of Crank-Nicolson, steps
of 1 s. py-pde, where it is installed: its explicit Euler at the step the solver takes. Time is of the processor.
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
SMALL, MINUTE = 40, 60.0


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


def solver(side: int, cooling: Cooling | None = None, repeats: int = 3) -> tuple[Any, float]:
    """A session of ten minutes, making the solver included; the shortest of several."""
    lattice = Lattice((side, side, side), 1e-3)
    sar = antenna(lattice)

    def session() -> Any:
        model = Bioheat(lattice, [TISSUE], LIVER, VESSEL, perfusion=PERFUSION)
        return model.run([Interval(600.0, sar)], cooling=cooling)

    session()  # compiles
    runs = [timed(session) for _ in range(repeats)]
    return runs[0][0], min(seconds for _, seconds in runs)


def small(sar: Any) -> tuple[Any, float, int]:
    """The solver on what the others can do."""
    lattice = Lattice((SMALL,) * 3, 1e-3)
    model = Bioheat(lattice, [PLAIN], LIVER, VESSEL, perfusion=PERFUSION, shutdown="constant", damage_from=100.0)
    model.run([Interval(1.0, sar)])
    done, seconds = timed(lambda: model.run([Interval(MINUTE, sar)]))
    return done.temperature, seconds, done.steps


def crank_nicolson(sar: Any, step: float = 1.0) -> tuple[Any, float]:
    """Insulated walls; the same equation."""
    n, h, heat = SMALL, 1e-3, PLAIN.wet_heat
    ends = np.full(n, -2.0)
    ends[[0, -1]] = -1.0
    line, one = diags_array([np.ones(n - 1), ends, np.ones(n - 1)], offsets=(-1, 0, 1)), eye_array(n)
    laplace = kron(kron(line, one), one) + kron(kron(one, line), one) + kron(kron(one, one), line)
    operator = (PLAIN.conductivity / h**2 * laplace - PERFUSION * BLOOD_HEAT * eye_array(n**3)) / heat
    left = (eye_array(n**3) - 0.5 * step * operator).tocsr()
    right = (eye_array(n**3) + 0.5 * step * operator).tocsr()

    def run() -> Any:
        rise = np.zeros(n**3)
        for _ in range(round(MINUTE / step)):
            rise, failed = cg(left, right @ rise + step * sar / heat, x0=rise, rtol=1e-6)
            if failed:
                raise ArithmeticError("conjugate gradients did not converge")
        return 37.0 + rise

    return timed(run)


def py_pde(sar: Any, step: float) -> tuple[Any, float] | None:
    """The same with py-pde; None where it is not installed."""
    try:
        import pde
    except ImportError:
        return None
    size = SMALL * 1e-3
    grid = pde.CartesianGrid([[0.0, size]] * 3, [SMALL] * 3)
    source = pde.ScalarField(grid, sar.reshape((SMALL,) * 3) / PLAIN.wet_heat)
    a, w = PLAIN.conductivity / PLAIN.wet_heat, PERFUSION * BLOOD_HEAT / PLAIN.wet_heat
    equation = pde.PDE({"c": f"{a} * laplace(c) - {w} * c + q"}, bc={"derivative": 0}, consts={"q": source})
    start = pde.ScalarField(grid, 0.0)

    def run(until: float) -> Any:
        return 37.0 + equation.solve(start, t_range=until, dt=step, tracker=None).data.reshape(-1)

    run(2 * step)  # compiles
    return timed(lambda: run(MINUTE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    repeats = 1 if parser.parse_args().quick else 5

    yard = stencil(repeats)
    print(f"one core, processor time; stencil {yard:.3g} sites/s\n")
    print(
        f"{'ten minutes of heating':<34}{'seconds':>9}{'target':>8}{'steps':>7}{'site-steps/s':>14}{'of stencil':>12}"
    )
    for name, side, cooling, target in (
        ("128^3", 128, None, 8.0), ("70^3", 70, None, 1.0), ("70^3, and cooling", 70, Cooling(), 1.0)
    ):  # fmt: skip
        done, seconds = solver(side, cooling, repeats)
        speed = done.steps * side**3 / seconds
        print(f"{name:<34}{seconds:9.2f}{target:8.0f}{done.steps:7d}{speed:14.3g}{speed / yard:12.2f}", flush=True)
        zone = done.omega_tissue >= 1.0
        print(f"    zone {zone.sum() * 1e-3:.1f} mL, balance {done.balance.error:.1e}, cooling {done.cooling:.0f} s")

    sar = antenna(Lattice((SMALL,) * 3, 1e-3), 3.0)  # below boiling
    ours, seconds, steps = small(sar)
    print(f"\n{f'{SMALL}^3, a minute, linear':<34}{'seconds':>9}{'of ours':>9}{'largest difference':>20}")
    print(f"{'solver':<34}{seconds:9.3f}{1.0:9.1f}")
    others = {"SciPy Crank-Nicolson": crank_nicolson(sar), "py-pde": py_pde(sar, MINUTE / steps)}
    for name, other in others.items():
        if other is None:
            print(f"{name:<34}{'not installed':>18}")
            continue
        field, time_taken = other
        print(f"{name:<34}{time_taken:9.3f}{time_taken / seconds:9.0f}{np.abs(field - ours).max():18.3g} K")


if __name__ == "__main__":
    main()
