"""How large are the zones that one cooled microwave antenna coagulates, and does that agree with what was measured?

    python experiments/physics/ablation.py        # 3 minutes on one core

Efficiency and effective length of the antenna are fitted to the six ex vivo zones of He 2010 at 40 W and to nothing
else; zones in vivo, at other powers, of other groups and after embolisation are predicted. Prints the tables of
`ablation/tables.md`. A zone is what has Omega >= 1 (liver, Jacques 1996) once Omega has stopped rising; its short
axis the largest diameter across the needle, its long axis the extent along it.
"""

from __future__ import annotations

import csv
import math
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorsim.fields.bioheat import Bioheat
from tumorsim.fields.bioheat_tissue import Cooling, Interval, Kinetics, tissue
from tumorsim.hazards.arrhenius import COAGULATION, VESSELS, kinetics
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.treatments.thermal.microwave_source import Microwave
from tumorsim.treatments.thermal.sar import Needle, heating

HERE = Path(__file__).parent / "ablation"
DATA = Path(__file__).parents[2] / "tests" / "data"
MM, BOX = 1e-3, 90e-3
ROOM = 20.0  # degC: He 2010 does not say how warm the excised liver was
WARM_ROOM = 25.0
TABLE = load_parameters()
PERFUSION = TABLE["heat.perfusion_normal"]


@dataclass(frozen=True)
class Bench:
    """A block of liver: temperature at the start [degC], perfusion [1/s], how it falls, spacing [m].

    Within ``embolised`` [m] of the needle's middle there is no perfusion. ``settle``: the zone is that once Omega has
    stopped rising, else that at the end of heating.
    """

    start: float = 37.0
    perfusion: float = PERFUSION
    shutdown: str = "vessel"
    spacing: float = 2e-3
    embolised: float = 0.0
    settle: bool = True


EX_VIVO = Bench(ROOM, 0.0)
IN_VIVO = Bench()


def zone(antenna: Microwave, watt: float, minutes: float, bench: Bench) -> tuple[float, float, float]:
    """Short and long axis [mm] and volume [mL] of the zone of one needle along z through the centre."""
    lattice = Lattice.for_box(BOX, bench.spacing)
    near = np.linalg.norm(lattice.centres(), axis=1) < bench.embolised
    perfusion = np.where(near, 0.0, bench.perfusion)
    sets = [kinetics(name, TABLE) for name in (COAGULATION, VESSELS)]
    solver = Bioheat(
        lattice, [tissue(TABLE)], *(Kinetics(k.frequency, k.energy) for k in sets), perfusion=perfusion,
        start=bench.start, shutdown=bench.shutdown, blood_heat=TABLE["heat.blood_heat"],
        damage_from=TABLE["bioheat.damage_from"], largest_change=TABLE["bioheat.largest_change"],
    )  # fmt: skip
    power = heating([(antenna, Needle((0.0, 0.0, 0.0)), watt)], lattice)
    cooling = Cooling.standard(TABLE) if bench.settle else None
    done = solver.run([Interval(60.0 * minutes, power)], cooling=cooling)
    assert done.settled or not bench.settle
    return measure(done.omega_tissue, lattice)


def measure(omega: NDArray[np.float64], lattice: Lattice) -> tuple[float, float, float]:
    """Axes [mm] and volume [mL] of Omega >= 1; the border lies where ln Omega, straight between sites, is 0."""
    log = np.log(np.maximum(omega, 1e-12)).reshape(lattice.shape)
    middle = lattice.shape[1] // 2
    short = max(extent(log[:, middle, k]) for k in range(lattice.shape[2]))
    long = max(extent(log[i, middle, :]) for i in range(lattice.shape[0]))
    volume = float((omega >= 1.0).sum()) * lattice.site_volume
    return short * lattice.spacing / MM, long * lattice.spacing / MM, volume * 1e6


def extent(line: NDArray[np.float64]) -> float:
    """Length over which a line of values is 0 or more, in sites."""
    on = np.flatnonzero(line >= 0.0)
    if not on.size:
        return 0.0
    a, b = on[0], on[-1]
    return float(b - a + line[a] / (line[a] - line[a - 1]) + line[b] / (line[b] - line[b + 1]))


def rows(file: Path) -> list[dict[str, str]]:
    with file.open() as text:
        return list(csv.DictReader(line for line in text if not line.startswith("#")))


def rms(found: list[float], seen: list[float]) -> float:
    """Root mean square of the relative errors [%]."""
    return 100.0 * math.sqrt(sum((a / b - 1.0) ** 2 for a, b in zip(found, seen, strict=True)) / len(seen))


def errors(
    antenna: Microwave, seen: list[dict[str, str]], bench: Bench
) -> tuple[float, float, list[tuple[float, ...]]]:
    """Rms errors of short and long axes [%], and the zones."""
    zones = [zone(antenna, float(r["power_W"]), float(r["time_min"]), bench) for r in seen]
    pairs = ((0, "short_axis_mm"), (1, "long_axis_mm"))
    short, long = (rms([z[k] for z in zones], [float(r[name]) for r in seen]) for k, name in pairs)
    return short, long, zones


def fit(seen: list[dict[str, str]], bench: Bench) -> tuple[Microwave, list[str]]:
    """Efficiency and length whose zones are nearest to both axes of rows measured ex vivo, and the table of the search.

    On a coarse lattice first, then on a finer one about the best.
    """
    base, lines, best = Microwave.from_parameters(TABLE), [], (math.inf, 0.0, 0.0)
    coarse = replace(bench, spacing=3e-3)
    for length, eta in product((15, 20, 25, 30, 35), (0.4, 0.45, 0.5, 0.55, 0.6)):
        short, long, _ = errors(replace(base, efficiency=eta, length=length * MM), seen, coarse)
        lines.append(f"| {length} | {eta:.2f} | {short:.1f} | {long:.1f} |")
        best = min(best, (short**2 + long**2, length, eta))
    (_, about, near), finer = best, (math.inf, 0.0, 0.0)
    for length, eta in product((about - 2.5, about, about + 2.5), (near - 0.025, near, near + 0.025)):
        if 15.0 <= length <= 35.0 and 0.4 <= eta <= 0.7:
            short, long, _ = errors(replace(base, efficiency=eta, length=length * MM), seen, bench)
            lines.append(f"| {length} | {eta:.3f} | {short:.1f} | {long:.1f} |")
            finer = min(finer, (short**2 + long**2, length, eta))
    return replace(base, efficiency=finer[2], length=finer[1] * MM), lines


def beside(antenna: Microwave, seen: list[dict[str, str]], bench: Bench) -> tuple[list[str], float, float]:
    """One line a row: what was measured, what the model gives."""
    short, long, zones = errors(antenna, seen, bench)
    lines = [
        f"| {r['power_W']} W {r['time_min']} min | {r['short_axis_mm']} x {r['long_axis_mm']} "
        f"| {z[0]:.1f} x {z[1]:.1f} | {100 * (z[0] / float(r['short_axis_mm']) - 1):+.0f} % |"
        for r, z in zip(seen, zones, strict=True)
    ]
    return lines, short, long


def needed(antenna: Microwave, seen: list[dict[str, str]], bench: Bench, contraction: float) -> list[str]:
    """Short axes once contracted, by efficiency."""
    lines = []
    for eta in (antenna.efficiency, 0.6, 0.7, 0.8, 0.9, 1.0):
        _, _, zones = errors(replace(antenna, efficiency=eta), seen, bench)
        small = [(1.0 - contraction) * z[0] for z in zones]
        error = rms(small, [float(r["short_axis_mm"]) for r in seen])
        lines.append(f"| {eta:.2f} | {', '.join(f'{s:.1f}' for s in small)} | {error:.1f} |")
    return lines


def main() -> None:
    begun = time.perf_counter()
    calibration = rows(DATA / "ablation_zones_calibration.csv")
    ex_vivo = [r for r in calibration if r["model"].startswith("ex vivo")]
    in_vivo = [r for r in calibration if r["model"].startswith("in vivo")]
    out: list[str] = ["## Fit to the ex vivo rows (20 degC at the start, contraction 0)\n"]
    antenna, searched = fit(ex_vivo, EX_VIVO)
    out += ["| length [mm] | efficiency | rms short [%] | rms long [%] |", "|---|---|---|---|", *searched]
    default = Microwave.from_parameters(TABLE)
    for name, used in (("fitted", antenna), ("default", default)):
        head = f"\n## {name}: efficiency {used.efficiency:.3f}, length {used.length / MM:.4g} mm\n"
        out += [head, "| ex vivo | measured [mm] | model [mm] | short axis |", "|---|---|---|---|"]
        lines, short, long = beside(used, ex_vivo, EX_VIVO)
        out += [*lines, f"\nrms: short axis {short:.1f} %, long axis {long:.1f} %\n"]
        out += ["| in vivo, predicted | measured [mm] | model [mm] | short axis |", "|---|---|---|---|"]
        lines, short, long = beside(used, in_vivo, IN_VIVO)
        out += [*lines, f"\nrms: short axis {short:.1f} %, long axis {long:.1f} %\n"]
    out += ["\n## The same fit to liver that starts at 25 degC, and what it would predict in vivo\n"]
    warm = replace(EX_VIVO, start=WARM_ROOM)
    other, searched = fit(ex_vivo, warm)
    out += ["| length [mm] | efficiency | rms short [%] | rms long [%] |", "|---|---|---|---|", *searched]
    short, long, _ = errors(other, ex_vivo, warm)
    inside = errors(other, in_vivo, IN_VIVO)[0]
    best = f"efficiency {other.efficiency:.3f}, length {other.length / MM:.4g} mm"
    out += [
        f"\nnearest: {best}: ex vivo {short:.1f} % (short), {long:.1f} % (long); in vivo, predicted, {inside:.1f} %\n"
    ]
    out += ["| from 25 degC | once Omega has stopped rising | at the end of heating |", "|---|---|---|"]
    for name, used in (("nearest", other), ("default", default)):
        found = [errors(used, ex_vivo, replace(warm, settle=s))[0] for s in (True, False)]
        out += [f"| rms of the short axis, {name} | {found[0]:.1f} % | {found[1]:.1f} % |"]
    out += ["\n## What is not known or chosen, with the default antenna: rms of the short axis [%]\n"]
    out += ["| ex vivo, degC at the start | 15 | 20 | 22 | 25 |", "|---|---|---|---|---|"]
    found = [errors(default, ex_vivo, Bench(t, 0.0))[0] for t in (15.0, 20.0, 22.0, 25.0)]
    out += ["| rms | " + " | ".join(f"{e:.1f}" for e in found) + " |\n"]
    out += ["| in vivo, perfusion falls | by vessels | by tissue / 100 | never |", "|---|---|---|---|"]
    found = [errors(default, in_vivo, replace(IN_VIVO, shutdown=s))[0] for s in ("vessel", "tissue", "constant")]
    out += ["| rms | " + " | ".join(f"{e:.1f}" for e in found) + " |\n"]
    out += ["\n## With a contraction of 0.25, and the efficiency it would need\n"]
    out += ["| efficiency | short axes contracted, 6 to 16 min [mm] | rms [%] |", "|---|---|---|"]
    out += needed(default, ex_vivo, EX_VIVO, 0.25)
    out += ["\n## Same antennas, other powers (He 2010, tables 1 and 2), predicted\n"]
    others = rows(HERE / "he2010.csv")
    for model, bench in (("ex vivo", EX_VIVO), ("in vivo", IN_VIVO)):
        for watt in sorted({r["power_W"] for r in others if r["model"] == model}):
            some = [r for r in others if r["model"] == model and r["power_W"] == watt]
            lines, short, long = beside(default, some, bench)
            out += [f"\n| {model} | measured [mm] | model [mm] | short axis |", "|---|---|---|---|", *lines]
            out += [f"\nrms: short axis {short:.1f} %, long axis {long:.1f} %\n"]
    out += ["\n## Other groups (ablation_zones_other.csv), predicted with the same antenna\n"]
    out += ["| study | measured | model |", "|---|---|---|", *elsewhere(default)]
    out.append(f"\n{time.perf_counter() - begun:.0f} s")
    text = "\n".join(out)
    print(text)
    (HERE / "tables.md").write_text(text + "\n")


def elsewhere(antenna: Microwave) -> list[str]:
    """Zones of other groups; the devices differ, the antenna does not."""

    def told(watt: float, minutes: float, bench: Bench) -> str:
        short, long, volume = zone(antenna, watt, minutes, bench)
        return f"{short:.1f} x {long:.1f} mm, {volume:.1f} mL"

    lines = [
        f"| Ji 2011, ex vivo, 80 W 12 min | 43 x 59 mm, 58.0 mL | {told(80, 12, EX_VIVO)} |",
        f"| Rice, pig liver tumour in vivo, 65 W 4 min | 6.06 mL (SD 2.02) | {told(65, 4, IN_VIVO)} |",
        "| the same, embolised (40, 100, 300-500 um beads) | 17.5, 14.8, 12.2 mL "
        f"| {told(65, 4, replace(IN_VIVO, embolised=25 * MM))} without perfusion within 25 mm |",
        f"| Kuang 2006, ex vivo, 60 W 5 min to 90 W 25 min | 30 x 45 to 61 x 83 mm | {told(60, 5, EX_VIVO)} to "
        f"{told(90, 25, EX_VIVO)} |",
        f"| PMC3438625, pig in vivo, 80 W 5 min, saline perfused | 31.2 x 44.8 mm | {told(80, 5, IN_VIVO)} |",
        f"| Amica, ex vivo, 60 W 10 min (recalled, low) | 40 x 58 mm | {told(60, 10, EX_VIVO)} |",
        f"| Emprint, in vitro, 100 W 10 min (recalled, low) | 42 x 46 mm | {told(100, 10, EX_VIVO)} |",
    ]
    for watt, seen in ((60, 89.0), (80, 85.8)):
        share = zone(antenna, watt, 10, IN_VIVO)[0] / zone(antenna, watt, 30, IN_VIVO)[0]
        lines.append(
            f"| PMID 20174824, pig in vivo, {watt} W: short axis at 10 min of the final one | {seen} % "
            f"| {100 * share:.0f} % of that at 30 min |"
        )
    short, long, _ = zone(antenna, 100, 5, IN_VIVO)
    lines.append(f"| PMC3721053, pig in vivo, 100 W 5 min: short over long | 0.53 to 0.63 | {short / long:.2f} |")
    return lines


if __name__ == "__main__":
    main()
