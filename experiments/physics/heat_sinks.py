"""What blood takes from a zone of heat: wide vessels, capillaries, and tissue that has been embolised.

    python experiments/physics/heat_sinks.py        # 3 minutes on one core

Nothing is fitted: the devices and tissue of the parameter table, on a block of liver with one needle through its
middle. Prints the tables of `heat_sinks/tables.md`: hepatic veins of pigs (Yu 2008), a tube in excised liver (the
rows E24), zones before and after embolisation (Rice), and zones of radiofrequency, with Huang 2012's lines of zone
against blood. A zone is what has Omega >= 1 (liver, Jacques 1996) once Omega has stopped rising.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from ablation import measure
from numpy.typing import NDArray

from tumorsim.fields.bioheat import Bioheat
from tumorsim.fields.bioheat_tissue import Cooling, Heated, Interval, Kinetics, tissue
from tumorsim.fields.heat_sink import Blood, vessel_sinks
from tumorsim.hazards.arrhenius import COAGULATION, VESSELS, kinetics
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.treatments.thermal.microwave_source import Microwave
from tumorsim.treatments.thermal.rf_source import Radiofrequency
from tumorsim.treatments.thermal.sar import Needle, Source, heating
from tumorsim.vessels.graph import Kind, VesselGraph

HERE = Path(__file__).parent / "heat_sinks"
MM, ML_MIN = 1e-3, 1e-6 / 60.0
TABLE = load_parameters()
ROOM = 20.0  # degC
MIDDLE = Needle((0.0, 0.0, 0.0))
BLOOD = Blood.from_parameters(TABLE)
WATER = Blood(density=998.0, viscosity=1.0e-3, specific_heat=4182.0, conductivity=0.60)  # at 20 degC
KCAL = 4184.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pipe:
    """A straight vessel along the needle: bore [m], its wall's distance from the needle's axis [m], velocity [m/s]."""

    bore: float
    wall: float
    velocity: float
    coolant: Blood = BLOOD

    @property
    def axis(self) -> float:
        """Distance of its axis from the needle's [m]."""
        return self.wall + 0.5 * self.bore


@dataclass(frozen=True)
class Block:
    """A block of liver.

    ``start`` [degC] is also what flows in a pipe. There is ``tumour`` blood [1/s] within ``ball`` [m] of the middle
    and ``perfusion`` elsewhere.
    """

    start: float = 37.0
    perfusion: float = TABLE["heat.perfusion_normal"]
    ball: float = 0.0
    tumour: float = 0.0
    pipe: Pipe | None = None
    spacing: float = 2e-3
    size: tuple[float, float, float] = (80e-3, 80e-3, 90e-3)


EX_VIVO, IN_VIVO = Block(ROOM, 0.0), Block()


def solved(source: Source, watt: float, minutes: float, block: Block) -> tuple[Floats, Lattice]:
    """Omega of one needle along z through the middle, and the lattice."""
    done, lattice = run(source, watt, minutes, block)
    return done.omega_tissue, lattice


def run(
    source: Source, watt: float, minutes: float, block: Block, damage_from: float = TABLE["bioheat.damage_from"]
) -> tuple[Heated, Lattice]:
    """What one needle along z through the middle does, and the lattice."""
    lattice = Lattice.for_box(block.size, block.spacing)
    near = np.linalg.norm(lattice.centres(), axis=1) < block.ball
    conductance, inside = np.zeros(lattice.n_sites), np.ones(lattice.n_sites, dtype=bool)
    if block.pipe is not None:
        pipe = block.pipe
        ends = np.array([[pipe.axis, 0.0, -0.1], [pipe.axis, 0.0, 0.1]])
        graph = VesselGraph(ends, [0], [1], np.array([0.5 * pipe.bore]), kind=Kind.VENOUS)
        flow = np.array([pipe.velocity * np.pi * (0.5 * pipe.bore) ** 2])
        found = vessel_sinks(
            graph, flow, np.zeros(3), lattice, pipe.coolant, heated_length=TABLE["heat.sink_heated_length"],
            least_diameter=TABLE["heat.sink_diameter"],
        )  # fmt: skip
        conductance, inside = found.conductance, found.lumen < 0.999
    power = heating([(source, MIDDLE, watt)], lattice)
    if isinstance(source, Radiofrequency):  # what the water takes below the temperature that sinks pull to
        cold = source.cooling(MIDDLE, lattice, TABLE["heat.coolant_coefficient"])
        fall = block.start - TABLE["heat.coolant_temperature"]
        power = np.maximum(power - cold * fall / lattice.site_volume, 0.0)
        conductance = conductance + cold
    sets = [kinetics(name, TABLE) for name in (COAGULATION, VESSELS)]
    solver = Bioheat(
        lattice, [tissue(TABLE)], *(Kinetics(k.frequency, k.energy) for k in sets), inside=inside,
        perfusion=np.where(near, block.tumour, block.perfusion), sinks=conductance, start=block.start,
        blood_heat=TABLE["heat.blood_heat"], blood_temperature=block.start, faces=block.start,
        damage_from=damage_from, largest_change=TABLE["bioheat.largest_change"],
    )  # fmt: skip
    done = solver.run([Interval(60.0 * minutes, power)], cooling=Cooling.standard(TABLE))
    assert done.settled
    return done, lattice


def told(source: Source, watt: float, minutes: float, block: Block) -> tuple[float, float, float]:
    """Short and long axis [mm] and volume [mL] of the zone."""
    return measure(*solved(source, watt, minutes, block))


# --- hepatic veins of pigs -----------------------------------------------------------------------------------


def at_wall(omega: Floats, alone: Floats, lattice: Lattice, pipe: Pipe) -> float | None:
    """Share coagulated of the tissue within a site of the wall that would be so without the vein; None: there is none.

    In the section across the needle's middle, as sections of the liver were read.
    """
    centres = lattice.centres()
    away = np.hypot(centres[:, 0] - pipe.axis, centres[:, 1]) - 0.5 * pipe.bore
    skin = (away > 0.0) & (away <= 1.5 * lattice.spacing) & (np.abs(centres[:, 2]) < lattice.spacing)
    front = skin & (alone >= 1.0)
    return float((omega[front] >= 1.0).mean()) if front.any() else None


def veins() -> list[str]:
    antenna = Microwave.from_parameters(TABLE)
    block = replace(IN_VIVO, spacing=1.25e-3, size=(60e-3, 45e-3, 65e-3))
    velocity = TABLE["vessels.normal_vein_velocity"]
    alone = {minutes: solved(antenna, 45.0, minutes, block)[0] for minutes in (5, 10)}
    lines = []
    for name, bores, seen in (
        ("up to 3 mm", (3.0,), "78 (63 to 89)"),
        ("3 to 6 mm", (4.5,), "56 (42 to 69)"),
        ("above 6 mm", (8.0,), "39 (20 to 61)"),
    ):
        shares = []
        for bore, wall, minutes in product(bores, (2.0, 4.0, 6.0, 8.0), (5, 10)):
            pipe = Pipe(bore * MM, wall * MM, velocity)
            omega, lattice = solved(antenna, 45.0, minutes, replace(block, pipe=pipe))
            found = at_wall(omega, alone[minutes], lattice, pipe)
            shares += [] if found is None else [found]
        whole = 100.0 * float(np.mean(np.array(shares) >= 0.95))
        part = 100.0 * float(np.mean(shares))
        lines.append(f"| {name} ({bores[0]:g} mm) | {seen} | {whole:.0f} | {part:.0f} | {len(shares)} |")
    return lines


# --- a tube in excised liver ---------------------------------------------------------------------------------


def towards(omega: Floats, lattice: Lattice, wall: float) -> tuple[float, float]:
    """Radius of the zone towards +x, at most to a wall [m], and area [m2] across the needle, both where it is widest.

    The border lies where ln Omega, straight between sites, is 0.
    """
    log = np.log(np.maximum(omega, 1e-12)).reshape(lattice.shape)
    ny, nz = lattice.shape[1], lattice.shape[2]
    x = lattice.axes()[0]
    areas = (log >= 0.0).sum(axis=(0, 1))
    best = 0.0
    for j, k in product({(ny - 1) // 2, ny // 2}, range(nz)):
        line = log[:, j, k]
        on = np.flatnonzero(x > 0.0)
        dead = line[on] < 0.0
        if dead[0]:
            continue
        b = int(on[np.argmax(dead)]) if dead.any() else int(on[-1])
        back = line[b] / (line[b] - line[b - 1])
        best = max(best, min(float(x[b] - back * lattice.spacing), wall))
    return best, float(areas.max()) * lattice.spacing**2


def tube() -> list[str]:
    antenna = Microwave.from_parameters(TABLE)
    block = replace(EX_VIVO, spacing=1.25e-3, size=(80e-3, 60e-3, 70e-3))
    bore = 5.0 * MM
    velocity = 700.0 * ML_MIN / (np.pi * (0.5 * bore) ** 2)
    lines = []
    for watt, minutes in ((45.0, 5.0), (60.0, 5.0), (80.0, 5.0), (60.0, 10.0)):
        free, wide = towards(*solved(antenna, watt, minutes, block), np.inf)
        for reading, wall in product(("axis", "wall"), (10.0, 15.0)):
            place = wall * MM - (0.5 * bore if reading == "axis" else 0.0)
            pipe = Pipe(bore, place, velocity, WATER)
            radius, area = towards(*solved(antenna, watt, minutes, replace(block, pipe=pipe)), place)
            seen = "37, 51" if wall == 10.0 else "80, 90"
            lines.append(
                f"| {watt:g} W {minutes:g} min, control {free / MM:.1f} mm | {wall:g} mm to the {reading} "
                f"| {seen} | {100 * radius / free:.0f}, {100 * area / wide:.0f} |"
            )
    return lines


# --- embolised tissue, and radiofrequency --------------------------------------------------------------------


def embolised() -> list[str]:
    antenna = Microwave.from_parameters(TABLE)
    hcc = TABLE["perfusion.tumour_arterial"]
    lines, first = [], 0.0
    lowest = TABLE["heat.arrhenius_liver_jacques1996_from"]
    for name, seen, block in (
        ("liver of a pig, perfused", "6.06 (SD 2.02)", IN_VIVO),
        ("tumour of 25 mm with its arterial blood, in liver", "the same", Block(ball=12.5e-3, tumour=hcc)),
        ("the same tumour without blood", "17.5, 14.8, 12.2", Block(ball=12.5e-3)),
        ("no blood within 25 mm", "the same", Block(ball=25e-3)),
        ("no blood anywhere", "the same", Block(perfusion=0.0)),
    ):
        done, lattice = run(antenna, 65.0, 4.0, block)
        short, long, volume = measure(done.omega_tissue, lattice)
        first = first or volume
        late = run(antenna, 65.0, 4.0, block, lowest)[0].omega_tissue >= 1.0
        dose = done.cem43 >= TABLE["heat.cem43_lethal"] / 60.0
        others = [1e6 * float(mask.sum()) * lattice.site_volume for mask in (late, dose)]
        lines.append(
            f"| {name} | {seen} | {short:.1f} x {long:.1f} | {volume:.1f} | {volume / first:.2f} "
            f"| {others[0]:.1f} | {others[1]:.1f} |"
        )
    return lines


def radiofrequency() -> list[str]:
    single = Radiofrequency.from_parameters(TABLE)
    lines = []
    for name, seen, electrode, watt, minutes, block in (
        ("Song 2015, bovine ex vivo, 17 G, 7.70 kcal", "23.9 mL (SD 3.8)", single, 7.70 * KCAL / 720.0, 12.0, EX_VIVO),
        ("Song 2015, pig in vivo, 17 G, 8.49 kcal", "7.8 mL (SD 1.7)", single, 8.49 * KCAL / 720.0, 12.0, IN_VIVO),
        ("Ji 2011, porcine ex vivo, 12 min, power of Song 2015", "31 x 39 mm, 20.0 mL", single, 44.7, 12.0, EX_VIVO),
        ("PMC3438625, pig in vivo, 12 min, power of Song 2015", "30.2 x 46.0 mm", single, 49.3, 12.0, IN_VIVO),
        ("default: 40 W, 12 min in vivo", "", single, 40.0, 12.0, IN_VIVO),
    ):
        short, long, volume = told(electrode, watt, minutes, block)
        lines.append(f"| {name} | {watt:.0f} | {seen} | {short:.1f} x {long:.1f} mm, {volume:.1f} mL |")
    return lines


def flow_lines() -> list[str]:
    """Huang 2012: zone against portal flow, single electrode of 3 cm."""
    single, lines = Radiofrequency.from_parameters(TABLE), []
    for watt in (40.0, 49.3):
        flows, shorts, volumes = (10, 20, 30, 40, 50), [], []
        for flow in flows:
            omega = flow * TABLE["heat.density"] / 1000.0 / 6000.0
            short, _, volume = told(single, watt, 12.0, Block(perfusion=omega))
            shorts.append(short)
            volumes.append(volume)
            lines.append(
                f"| {watt:.0f} W | {flow} | {39.25 - 0.44 * flow:.1f} | {short:.1f} | {31.574 - 0.556 * flow:.1f} "
                f"| {volume:.1f} |"
            )
        fits = [np.polyfit(flows, values, 1) for values in (shorts, volumes)]
        lines.append(f"| {watt:.0f} W | slope of a line | -0.44 | {fits[0][0]:.2f} | -0.56 | {fits[1][0]:.2f} |")
    return lines


def main() -> None:
    begun = time.perf_counter()
    out = ["## Hepatic veins of pigs, 45 W for 5 and 10 min: sections where coagulation reaches the whole wall [%]\n"]
    out += ["| vein (model) | measured (95 %) | model | share of the wall | cases |", "|---|---|---|---|---|", *veins()]
    out += ["\n## A tube of 5 mm with 700 mL/min in excised liver: radius towards it, area, of control [%]\n"]
    out += ["| power and control's radius | tube | measured | model |", "|---|---|---|---|", *tube()]
    out += ["\n## Embolised and perfused: 65 W for 4 min (Rice)\n"]
    out += [
        "| tissue | measured [mL], beads of 40, 100, 300 to 500 um | model [mm] | [mL] | of the first "
        "| [mL], damage from 45 degC on | [mL], CEM43 of 240 min |",
        "|---|---|---|---|---|---|---|",
        *embolised(),
    ]
    out += ["\n## Radiofrequency\n", "| study | mean W | measured | model |", "|---|---|---|---|", *radiofrequency()]
    out += ["\n## Radiofrequency against portal blood (Huang 2012), 12 min\n"]
    out += [
        "| power | flow [mL/min/100 g] | short axis [mm] | model | volume [mL] | model |",
        "|---|---|---|---|---|---|",
    ]
    out += flow_lines()
    out.append(f"\n{time.perf_counter() - begun:.0f} s")
    text = "\n".join(out)
    print(text)
    HERE.mkdir(exist_ok=True)
    (HERE / "tables.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
