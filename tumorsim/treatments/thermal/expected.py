"""The zone that an operator expects of one point: what the device makes of normal liver, as a maker's table has it.

Worked out once for a device, a power and a duration by the same physics as a session, in liver with the perfusion
`heat.perfusion_normal` and nothing in it. It knows nothing of the patient.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tumorsim.fields.bioheat import Bioheat
from tumorsim.fields.bioheat_tissue import Cooling, Interval, Kinetics, tissue
from tumorsim.hazards.arrhenius import COAGULATION, VESSELS, kinetics
from tumorsim.lattice import Lattice
from tumorsim.treatments.thermal.sar import Needle, Source, deposit
from tumorsim.treatments.thermal.surroundings import coolant

_KNOWN: dict[tuple[object, ...], tuple[float, float]] = {}
_PATTERN = ("heat.", "bioheat.", "ablation.")


def expected_axes(
    source: Source, power: float, duration: float, parameters: Mapping[str, float]
) -> tuple[float, float] | None:
    """Short and long axis [m] of the zone, Omega >= 1; None where nothing is coagulated.

    Parameters
    ----------
    source : Source
    power : float
        Of the generator [W].
    duration : float
        [s].
    """
    names = tuple((name, parameters[name]) for name in sorted(parameters) if name.startswith(_PATTERN))
    key = (type(source).__name__, source.numbers.tobytes(), source.table.tobytes(), source.efficiency,
           power, duration, names)  # fmt: skip
    if key not in _KNOWN:
        _KNOWN[key] = _axes(source, power, duration, parameters)
    short, long = _KNOWN[key]
    return (short, long) if short > 0.0 and long > 0.0 else None


def _axes(source: Source, power: float, duration: float, table: Mapping[str, float]) -> tuple[float, float]:
    h = table["ablation.expected_spacing"]
    wide = table["ablation.reach"]
    lattice = Lattice.for_box((2.0 * wide, 2.0 * wide, 2.0 * (wide + source.half)), h)
    sets = [kinetics(name, table) for name in (COAGULATION, VESSELS)]
    model = Bioheat(
        lattice,
        [tissue(table)],
        *(Kinetics(s.frequency, s.energy) for s in sets),
        perfusion=table["heat.perfusion_normal"],
        blood_heat=table["heat.blood_heat"],
        blood_temperature=table["heat.blood_temperature"],
        shutdown="tissue" if table["ablation.tissue_shutdown"] else "vessel",
        faces=table["heat.blood_temperature"],
        start=table["heat.blood_temperature"],
        damage_from=table["bioheat.damage_from"],
        largest_change=table["bioheat.largest_change"],
    )
    needle = Needle((0.0, 0.0, 0.0))
    sar = source.efficiency * power * deposit(source, needle, lattice)
    cooled = coolant(source, needle, lattice, table)
    heating = Interval(duration, sar, sinks=cooled, sink_temperature=table["heat.coolant_temperature"])
    done = model.run([heating], cooling=Cooling.standard(table))
    level = np.log(np.maximum(done.omega_tissue, 1e-12)).reshape(lattice.shape)
    middle = np.array(lattice.shape) // 2
    across = _crossing(level[:, middle[1], :].max(axis=1), lattice.axes()[0])
    along = _crossing(level.max(axis=(0, 1)), lattice.axes()[2])
    return across, along


def _crossing(level: NDArray[np.float64], places: NDArray[np.float64]) -> float:
    """Width over which a profile is above 0 [m], straight between its points; 0 where it never is."""
    above = np.flatnonzero(level >= 0.0)
    if not len(above):
        return 0.0
    a, b = int(above[0]), int(above[-1])
    low, high = float(places[a]), float(places[b])
    step = float(places[1] - places[0])
    if a > 0:
        low -= step * float(level[a] / (level[a] - level[a - 1]))
    if b < len(level) - 1:
        high += step * float(level[b] / (level[b] - level[b + 1]))
    return high - low
