"""Rows of tests/data/analytic_thermal.csv as calls of the closed forms, and the medium they are for."""

from __future__ import annotations

import csv
import re
from functools import partial
from pathlib import Path

from tumorsim.fields import analytic_heat as heat

TABLE = Path(__file__).parents[1] / "data" / "analytic_thermal.csv"
K, RHO, C, OMEGA, BLOOD_HEAT, BLOOD = 0.52, 1060.0, 3600.0, 6.4e-3, 1000.0 * 4180.0, 37.0
A = heat.diffusivity(K, RHO, C)
M = heat.perfusion_number(OMEGA, BLOOD_HEAT, K)
W = heat.perfusion_rate(OMEGA, BLOOD_HEAT, RHO, C)
POWER, ENERGY, SURFACE, SLAB, SPHERE, HEATING, RIM = 10.0, 1000.0, 80.0, 0.02, 0.01, 1e6, 100.0
WATER, ISOTHERM = 0.70, 60.0


def rows(*tests: str) -> list[dict[str, str]]:
    """Rows of the given tests."""
    lines = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    return [row for row in csv.DictReader(lines) if row["test_id"] in tests]


def number(row: dict[str, str], name: str) -> float | None:
    """A length [m], time [s] or heating [W/m3] written in a row, such as ``r=5 mm``."""
    found = re.search(rf"\b{name}=([\d.e+]+)( mm)?", row["quantity"])
    return None if found is None else float(found[1]) * (1e-3 if found[2] else 1.0)


def where(row: dict[str, str]) -> tuple[float, float]:
    """Place [m] and time [s] of a row; a unit stands once for ``r=5 mm,t=60 s``."""
    text = row["quantity"]
    place = re.search(r"[rx]=([\d.]+) mm", text)
    time = re.search(r"t=([\d.]+) s", text)
    return (float(place[1]) * 1e-3 if place else 0.0), (float(time[1]) if time else 0.0)


def vessel(diameter: float) -> dict[str, float]:
    """Arguments of the annulus around a vessel."""
    inner = diameter / 2.0
    h = heat.wall_coefficient(3.66, 0.52, diameter)
    return {"inner": inner, "outer": inner + 0.02, "k": K, "h": h, "blood": BLOOD, "rim": RIM}


def closed(row: dict[str, str]) -> float:
    """The closed form of a row, in the row's unit."""
    r, t = where(row)
    name, text = row["test_id"], row["quantity"]
    simple = {
        "A1": lambda: heat.point(r, POWER, K, M),
        "A2": lambda: heat.point(r, POWER, K),
        "A3": lambda: heat.point_since(r, t, POWER, K, A, W),
        "A4": lambda: heat.point_since(r, t, POWER, K, A),
        "A5": lambda: heat.pulse(r, t, ENERGY, RHO * C, A),
        "A6": lambda: heat.slab(r, t, SLAB, A, BLOOD, SURFACE),
        "A7": lambda: heat.half_space(r, t, A, BLOOD, SURFACE),
        "A8": lambda: heat.fin(r, SLAB, M, SURFACE, BLOOD),
        "A9": lambda: heat.sphere(r, SPHERE, HEATING, M, OMEGA * BLOOD_HEAT),
    }
    if name == "A0":
        return {"diffusivity a=k/(rho c)": A, "m=sqrt(omega rho_b c_b/k)": M, "1/m perfusion length": 1e3 / M,
                "omega_prime=omega rho_b c_b/(rho c)": W}[text]  # fmt: skip
    if name == "A10":
        found = re.search(r"D=([\d.]+) mm", text)
        assert found
        given = vessel(float(found[1]) * 1e-3)
        if text.startswith("h("):
            return given["h"]
        if text.startswith("T_wall"):
            return heat.annulus(given["inner"], **given)
        if text.startswith("T(5 mm"):
            return heat.annulus(given["inner"] + 5e-3, **given)
        return 1e3 * heat.annulus_reach(ISOTHERM, **given)
    if name == "A11":
        found = re.search(r"q=([\d.e+]+)", text)
        assert found
        boil = partial(heat.time_to_boil, BLOOD, float(found[1]), RHO, C)
        return boil() if "100C" in text else heat.time_to_dry(0.5, BLOOD, float(found[1]), RHO, C, WATER)
    return simple[name]()
