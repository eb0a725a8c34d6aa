"""Do the two oxygen branches agree, and what does each part of their physics do? Do spheroids grow by their crust?

    python experiments/physics/oxygen_branches.py        # 3 to 6 minutes

Blocks of parallel capillaries, 1 mm long, by diffusion between sites of 20 um and less (`fine_oxygen`) and by the local
balance of wide sites (`capillary`); then a spheroid that grows, beside the constant crust of Conger and Ziskin.
Writes oxygen_branches/tables.md and oxygen_branches/branches.png.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tumorsim.cells.analytic_growth import crust_speed
from tumorsim.fields import krogh
from tumorsim.fields.fine_oxygen import Carried, FineOxygen
from tumorsim.fields.haemoglobin import pressure_of
from tumorsim.fields.network_oxygen import blood_of
from tumorsim.fields.oxygen import OxygenModel, tissue_of
from tumorsim.fields.vessel_walls import VesselWalls
from tumorsim.lattice import Lattice
from tumorsim.model import DAY, TumorModel
from tumorsim.parameters import load_parameters
from tumorsim.scenario import Scenario
from tumorsim.state import Sizes, State
from tumorsim.vessels.graph import FLOW, PRESSURE, VesselGraph

OUT = Path(__file__).parent / "oxygen_branches"
UM, NAMES = 1e-6, ("po2", "share10", "share2p5", "share0p5")
NO_WALL = {"oxygen.sherwood_wide": 1e5}
ZERO_ORDER = {"oxygen.half_consumption": "0.01 mmHg"}
BOUND_ONLY = {"oxygen.blood_solubility": "1e-9 1/mmHg"}
CONSUMPTIONS = (10.0, 13.0, 15.0, 18.0, 22.0)


def tumour(consumption: float, radius: float = 60.0, **more: Any) -> dict[str, Any]:
    """Parameters of a tumour that consumes so much [mmHg/s], with capillaries so far apart [um]."""
    return {"oxygen.consumption_tumour": f"{consumption} mmHg/s", "oxygen.krogh_radius_tumour": f"{radius} um", **more}


def block(
    changes: dict[str, Any],
    spacing: float = 20e-6,
    across: tuple[int, int] = (4, 6),
    flow: float = 1.0,
    square: bool = False,
    length: float = 1e-3,
    whole: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean p and three shares of a block by diffusion, and by the local balance of the same capillaries.

    Counted are the periods in the middle; all of the block where it is ``whole`` or ``square``.
    """
    table = load_parameters(changes)
    pitch = math.sqrt(math.pi * (1.0 if square else 2.0 / math.sqrt(3.0)))
    pitch *= table["oxygen.krogh_radius_tumour"] / math.sqrt(min(flow, 1.0))
    (nx, ny), row = across, pitch if square else pitch * math.sqrt(0.75)
    box = np.round(np.array([nx * pitch, ny * row, length]) / spacing) * spacing
    shift = 0.5 if square else 0.25
    place = np.array(
        [((i + shift + (1 - 2 * shift) * (j % 2)) / nx, (j + 0.5) / ny) for i in range(nx) for j in range(ny)]
    )
    n, area = len(place), float(box[0] * box[1] / len(place))
    ends = np.concatenate([np.column_stack([place * box[:2], np.full(n, z)]) for z in (0.0, box[2])]) - box / 2.0
    each = flow * table["perfusion.tumour_arterial"] * area * box[2]
    graph = VesselGraph(
        ends, np.arange(n), np.arange(n) + n, np.full(n, table["oxygen.capillary_radius_tumour"]),
        boundary_node=np.arange(2 * n), boundary_type=np.repeat([FLOW, PRESSURE], n),
        boundary_value=np.repeat([each, 0.0], n),
    )  # fmt: skip
    blood = blood_of(table, "human")
    inlet = np.full(2 * n, pressure_of(table["oxygen.saturation_arterial"], blood.p50, blood.hill))
    lattice = Lattice.for_box(list(box), spacing)
    walls = VesselWalls(graph, np.zeros(3), lattice, np.ones(n, dtype=bool), table)
    fine = FineOxygen(
        table, lattice, walls=walls, blood=Carried(graph, blood, np.full(n, table["blood.haematocrit"]), inlet)
    )
    state = State(Sizes(lattice.n_sites, edges=n, nodes=2 * n, one_cell=True))
    state.compartment[:] = 1
    state.edge_flow[:] = each
    fine.update(state, np.ones(lattice.n_sites), threads=2)
    weight = fine.tissue.reshape(lattice.shape).copy()
    if not (square or whole):
        for axis, part in ((0, 1.0 - 2.0 / nx), (1, 1.0 - 4.0 / ny)):
            inner = np.clip((part * box[axis] / 2.0 - np.abs(lattice.axes()[axis])) / spacing + 0.5, 0.0, 1.0)
            weight *= np.expand_dims(inner, [a for a in range(3) if a != axis])
    found = np.array([np.average(getattr(state, name), weights=weight.reshape(-1)) for name in NAMES])
    cylinder = math.sqrt(area / math.pi * min(flow, 1.0)) / UM  # the box rounds the pitch
    return found, coarse({**changes, "oxygen.krogh_radius_tumour": f"{cylinder} um"}, flow)


def coarse(changes: dict[str, Any], flow: float = 1.0) -> np.ndarray:
    """Mean p and three shares by the local balance."""
    table = load_parameters(changes)
    found = OxygenModel(table, Lattice((1, 1, 1), 1e-3), "cirrhotic").exact(
        "tumour", flow * table["perfusion.tumour_arterial"], 0.0
    )
    return np.array([found.pressure, found.share10, found.share2p5, found.share0p5])


def plain_krogh(consumption: float, points: int = 200) -> float:
    """Hypoxic share as the coarse branch had it: zero order, no resistance of the wall, no dissolved oxygen."""
    tissue = tissue_of(load_parameters(tumour(consumption)), "tumour")
    saturated = 0.97
    loss = tissue.solubility * consumption / (tissue.oxygen_capacity * tissue.reference_flow) / points
    share = 0.0
    for _ in range(points):
        wall = pressure_of(saturated, tissue.p50, tissue.hill)
        given = (wall, consumption, tissue.diffusivity, tissue.capillary, tissue.cylinder)
        reach = krogh.end_radius(*given)
        share += krogh.share_below(10.0, *given) / points
        saturated = max(0.0, saturated - loss * (reach**2 - tissue.capillary**2) / tissue.cylinder**2)
    return share


def parts(say: Any) -> dict[str, list[tuple[float, float]]]:
    """Hypoxic share with parts of the physics left out, (fine, coarse) by consumption."""
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("all of it", {}, {}),
        ("no resistance between blood and wall", NO_WALL, {}),
        ("consumption of zero order", ZERO_ORDER, {}),
        ("no oxygen dissolved in blood", BOUND_ONLY, {}),
        ("none of the three (the coarse branch as it was)", {**NO_WALL, **ZERO_ORDER, **BOUND_ONLY}, {}),
        ("fine: square order instead of hexagons", {}, {"square": True, "across": (2, 2)}),
        ("fine: capillaries of 4 mm instead of 1 mm", {}, {"length": 4e-3}),
        ("fine: sites of 10 um", {}, {"spacing": 10e-6}),
        ("fine: the closed walls counted too", {}, {"whole": True}),
    ]
    say("\n## Share below 10 mmHg, fine / coarse, by consumption [mmHg/s]\n")
    say("| what is solved | " + " | ".join(f"{m:g}" for m in CONSUMPTIONS) + " |\n|---|" + "---|" * len(CONSUMPTIONS))
    kept: dict[str, list[tuple[float, float]]] = {}
    for name, changes, how in cases:
        pairs = [block(tumour(m, **changes), **how) for m in CONSUMPTIONS]
        kept[name] = [(float(f[1]), float(c[1])) for f, c in pairs]
        say(f"| {name} | " + " | ".join(f"{f:.3f} / {c:.3f}" for f, c in kept[name]) + " |")
    return kept


def agreement(say: Any) -> None:
    say("\n## Coarse and fine over consumption, Krogh radius and blood flow\n")
    say("| consumption | radius [um] | flow / reference | site [um] | share10 fine | coarse | off | p fine | coarse |")
    say("|---|---|---|---|---|---|---|---|---|")
    for m, radius, flow, site in (
        (22, 40, 1, 20), (26, 40, 1, 20), (26, 40, 1, 10), (15, 40, 0.3, 20), (18, 50, 1, 20), (18, 50, 1, 10),
        (22, 50, 1, 20), (10, 60, 0.5, 20), (15, 60, 0.5, 20), (15, 60, 2, 20), (18, 60, 2, 20), (18, 60, 2, 10),
        (22, 60, 2, 20), (10, 70, 1, 20), (12, 70, 1, 20), (15, 70, 1, 20), (10, 80, 1, 20), (13, 80, 1, 20),
        (18, 80, 1, 20),
    ):  # fmt: skip
        fine, other = block(tumour(m, radius), site * UM, flow=flow)
        off = f"{fine[1] / other[1] - 1:+.0%}" if other[1] > 0.05 else f"{fine[1] - other[1]:+.3f}"
        say(
            f"| {m} | {radius} | {flow} | {site} | {fine[1]:.3f} | {other[1]:.3f} | {off} "
            f"| {fine[0]:.1f} | {other[0]:.1f} |"
        )
    fine, other = block({}, across=(11, 14))
    say(f"\nThe default tumour in a block of 1 mm: {fine[1]:.4f} and {other[1]:.4f} ({fine[1] / other[1] - 1:+.1%}).")


def refinement(say: Any) -> None:
    say("\n## One capillary of a square order (120 um), by spacing\n")
    say("| blood enters at | spacing [um] | mean p [mmHg] | share10 | order of the mean |\n|---|---|---|---|---|")
    for saturated in (0.97, 0.8):
        changes = tumour(13, 120 / math.sqrt(math.pi), **{"oxygen.saturation_arterial": saturated})
        found = [block(changes, h, (1, 1), square=True)[0] for h in (20e-6, 10e-6, 5e-6)]
        order = math.log2(abs((found[1][0] - found[0][0]) / (found[2][0] - found[1][0])))
        for h, row in zip((20, 10, 5), found, strict=True):
            say(f"| {saturated} | {h} | {row[0]:.3f} | {row[1]:.4f} | {f'{order:.2f}' if h == 5 else ''} |")


def crust(say: Any) -> list[tuple[float, float, float]]:
    """A spheroid grows: (day, radius, width of the crust with oxygen) [d, um, um]."""
    case = Scenario.from_dict({
        "name": "crust", "until": "4 d", "step": "2 h", "seed": 3,
        "tissue": {"spacing": "20 um", "size": "1.1 mm", "culture": {"medium": "40 mmHg"},
                   "tumour": {"diameter": "500 um", "doubling_time": "1.7 d"}},
        "parameters": {
            "oxygen.consumption_tumour": "20 mmHg/s", "oxygen.half_consumption": "0.5 mmHg", "cells.turnover": "0 1/d",
            "cells.growth_fraction": 1.0, "cells.cycle_time": "12 h", "clocks.tau_mix": "2 h",
            "clocks.mean_life_severe": "1000 years", "clocks.mean_life_hypoxic": "1000 years",
        },
    })  # fmt: skip
    model, rows, cells = TumorModel(case=case), [], []
    volume = model.virtual_patient.lattice.site_volume
    while True:
        members, viable = model.population.members, model.population.viable_of_sites()
        radius = (0.75 * len(members) * volume / math.pi) ** (1 / 3)
        cells.append(float(((1.0 - model.state.share10[members]) * (viable[members] > 0)).sum()))
        rows.append((model.now / DAY, radius / UM, cells[-1] * volume / (4.0 * math.pi * radius**2) / UM))
        if not model.running:
            break
        model.step()
    say("\n## A spheroid that grows, beside the constant crust (Conger and Ziskin 1983, G7)\n")
    say("| day | radius [um] | crust w [um] | its doubling time T [d] | dR/dt [um/d] | w ln 2 / T | scaled to G7 |")
    say("|---|---|---|---|---|---|---|")
    births = np.array([total.births for total in model.records.totals])
    data, per = np.array(rows), round(DAY / case.step)
    for day in range(4):
        part = slice(day * per, (day + 1) * per + 1)
        speed = np.polyfit(data[part, 0], data[part, 1], 1)[0]
        width = data[part, 2].mean()
        doubling = math.log(2.0) / (births[day * per : (day + 1) * per].sum() / np.mean(cells[part]))
        radius = f"{data[part, 1][0]:.0f} to {data[part, 1][-1]:.0f}"
        say(f"| {day} to {day + 1} | {radius} | {width:.1f} | {doubling:.3f} | {speed:.1f} "
            f"| {crust_speed(width, doubling):.1f} | {speed * 50.0 / width * doubling:.2f} of 34.66 |")  # fmt: skip
    return rows


def draw(kept: dict[str, list[tuple[float, float]]], rows: list[tuple[float, float, float]]) -> None:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.linspace(8.0, 24.0, 33)
    left.plot(steps, [coarse(tumour(m))[1] for m in steps], color="#1f4e79", label="coarse: local balance")
    for name, mark, colour, label in (
        ("all of it", "o", "#c0504d", "fine: diffusion, 20 um"), ("fine: sites of 10 um", "x", "black", "fine, 10 um")
    ):  # fmt: skip
        # a box of whole sites rounds the capillaries' distance: drawn is by how much a block is off its own balance
        off = [f - c + coarse(tumour(m))[1] for m, (f, c) in zip(CONSUMPTIONS, kept[name], strict=True)]
        left.plot(CONSUMPTIONS, off, mark, color=colour, label=label)
    left.plot(steps, [plain_krogh(m) for m in steps], "--", color="0.55", label="coarse as it was")
    left.set(xlabel="consumption [mmHg/s]", ylabel="share of tumour below 10 mmHg", ylim=(0, 1), xlim=(8, 24))
    left.set_title("One physics, two branches", loc="left")
    left.legend(frameon=False, loc="upper left")
    data = np.array(rows)
    right.plot(data[:, 0], data[:, 1], color="#1f4e79", label="spheroid of cells")
    doubling = math.log(2.0) * data[-1, 0] / math.log(data[12, 1] / data[0, 1]) / 3.0 / data[-1, 0]
    exponential = data[0, 1] * 2.0 ** (data[:, 0] / (3.0 * doubling))
    right.plot(data[:, 0], exponential, ":", color="0.55", label="exponential, as on day 1")
    speed = (data[-1, 1] - data[12, 1]) / (data[-1, 0] - data[12, 0])
    straight = data[12, 1] + speed * (data[:, 0] - data[12, 0])
    right.plot(data[:, 0], straight, "--", color="#c0504d", label="straight line")
    right.set(xlabel="days", ylabel="radius [um]")
    right.set_title("Growth by a crust", loc="left")
    right.legend(frameon=False, loc="upper left")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(OUT / "branches.png", dpi=120)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    lines: list[str] = ["# Oxygen: the two branches beside each other; growth by a crust"]

    def say(text: str) -> None:
        lines.append(text)
        print(text, flush=True)

    kept = parts(say)
    agreement(say)
    refinement(say)
    rows = crust(say)
    (OUT / "tables.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(kept, rows)


if __name__ == "__main__":
    main()
