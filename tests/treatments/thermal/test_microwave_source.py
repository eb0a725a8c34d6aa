"""The antenna's kernel against the analytic rows A12 to A14, and its integral over space."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.treatments.thermal.microwave_source import Microwave, wave
from tumorsim.treatments.thermal.sar_kernels import line_kernel

MM = 1e-3
PARAMETERS = load_parameters()
TABLE = Path(__file__).parents[2] / "data" / "analytic_thermal.csv"


def rows(test: str) -> list[dict[str, str]]:
    with TABLE.open() as file:
        found = csv.DictReader(line for line in file if not line.startswith("#"))
        return [row for row in found if row["test_id"] == test]


def megahertz(row: dict[str, str]) -> int:
    return 2450 if "2.45 GHz" in row["description"] else 915


def antenna(row: dict[str, str], length: float = 20 * MM) -> Microwave:
    attenuation = Microwave.from_parameters(PARAMETERS, megahertz(row)).attenuation
    return Microwave(attenuation, length, 1.0, 1 * MM)


@pytest.mark.parametrize("row", rows("A12"), ids=lambda r: f"{megahertz(r)} {r['quantity']}")
def test_a12_wave(row: dict[str, str]) -> None:
    f = megahertz(row)
    found = wave(f * 1e6, PARAMETERS[f"heat.permittivity_{f}"], PARAMETERS[f"heat.electric_conductivity_{f}"])
    value = {
        "alpha": found.attenuation,
        "power penetration depth 1/(2 alpha)": 1e3 * found.power_depth,
        "field skin depth 1/alpha": 1e3 / found.attenuation,
        "wavelength in liver": 1e3 * found.wavelength,
    }[row["quantity"]]
    assert value == pytest.approx(float(row["value"]), rel=1e-7)


@pytest.mark.parametrize("row", rows("A13"), ids=lambda r: f"{megahertz(r)} {r['quantity']}")
def test_a13_point(row: dict[str, str]) -> None:
    s = float(re.search(r"s=(\d+) mm", row["quantity"]).group(1)) * MM
    attenuation = 2.0 * antenna(row).attenuation
    if row["quantity"].startswith("q("):
        value = line_kernel(attenuation, 1e-6, s, 0.0)  # so short a line is a point
    else:
        value = quad(lambda r: 4 * math.pi * r * r * line_kernel(attenuation, 1e-6, r, 0.0), 0.05 * MM, s)[0]
        value += -math.expm1(-attenuation * 0.05 * MM)
    assert value == pytest.approx(float(row["value"]), rel=1e-5)


@pytest.mark.parametrize("row", rows("A14"), ids=lambda r: f"{megahertz(r)} {r['quantity']}")
def test_a14_line(row: dict[str, str]) -> None:
    r, z = (float(v) * MM for v in re.search(r"r=(\d+),z=(\d+)", row["quantity"]).groups())
    value = 50.0 * float(antenna(row).density([[r, 0.0, z]])[0])
    assert value == pytest.approx(float(row["value"]), rel=1e-7)
    assert 50.0 * float(antenna(row).density([[0.0, -r, -z]])[0]) == pytest.approx(value, rel=1e-12)


def test_defaults() -> None:
    source = Microwave.from_parameters(PARAMETERS)
    assert (source.length, source.efficiency, source.shaft_radius) == (25 * MM, 0.5, 1 * MM)
    assert source.scale == pytest.approx(10.4 * MM, rel=5e-3)


def integral(source: Microwave) -> float:
    """Over all space, from shells of r and z."""
    r = np.concatenate([np.linspace(0.0, source.shaft_radius, 9), np.geomspace(source.shaft_radius, 0.4, 300)[1:]])
    z = np.concatenate([np.linspace(0.0, 20 * MM, 401), np.geomspace(20 * MM, 0.4, 120)[1:]])
    rm, zm = 0.5 * (r[1:] + r[:-1]), 0.5 * (z[1:] + z[:-1])
    rr, zz = np.meshgrid(rm, zm, indexing="ij")
    q = source.density(np.column_stack([rr.ravel(), np.zeros(rr.size), zz.ravel()])).reshape(rr.shape)
    return float(2.0 * ((2.0 * math.pi * rm * np.diff(r)) @ q @ np.diff(z)))


@pytest.mark.parametrize("length", [15 * MM, 35 * MM])
@pytest.mark.parametrize("frequency", [2450, 915])
@pytest.mark.parametrize("shaft", [0.7 * MM, 1.3 * MM])
def test_kernel_integrates_to_one(length: float, frequency: int, shaft: float) -> None:
    attenuation = Microwave.from_parameters(PARAMETERS, frequency).attenuation
    assert integral(Microwave(attenuation, length, 0.5, shaft)) == pytest.approx(1.0, abs=1e-3)


def test_power_in_the_shaft_is_spread_over_it() -> None:
    """Held at 1 mm: as much power within it as the kernel has there, and the same at every radius."""
    source = Microwave.from_parameters(PARAMETERS)
    for z in (0.0, 11 * MM, 12.5 * MM, 14 * MM, 30 * MM):
        inside = source.density([[0.0, 0.0, z], [0.5 * MM, 0.0, z], [0.0, 0.99 * MM, z]])
        assert inside == pytest.approx(inside[0], rel=1e-12)
        attenuation = 2.0 * source.attenuation
        exact = quad(
            lambda r, z=z, a=attenuation: 2 * math.pi * r * line_kernel(a, source.half, r, z), 1e-9, 1 * MM, limit=200
        )[0]
        assert float(inside[0]) * math.pi * MM**2 == pytest.approx(exact, rel=5e-3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Microwave.from_parameters(PARAMETERS, 2400), "2400 MHz is not known; allowed: 2450 or 915"),
        (lambda: Microwave(48.0, 0.0, 0.5, 1e-3), "length must be positive"),
        (lambda: Microwave(48.0, 0.025, 1.5, 1e-3), "at most 1"),
        (lambda: wave(2.45e9, -43.0, 1.7), "permittivity must be positive"),
    ],
)
def test_refused(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]
