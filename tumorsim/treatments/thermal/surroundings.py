"""What a device meets: the water within it, and materials around it that absorb less than liver.

Power densities are those of even liver. What is no liver absorbs in proportion to its electric conductivity, as it
would in the same field, and at most as liver does: where a material conducts better the field in it is weaker, and no
more power is given out than the device has. What is not absorbed so is taken to leave the box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.fluid import Material
from tumorsim.lattice import Lattice
from tumorsim.treatments.thermal.defaults import Cooling
from tumorsim.treatments.thermal.rf_source import Radiofrequency
from tumorsim.treatments.thermal.sar import Needle, Source

Floats = NDArray[np.float64]


def coolant(source: Source, needle: Needle, lattice: Lattice, table: Mapping[str, float]) -> Floats | None:
    """Conductance of the device's wall towards the water in it [W/K], (sites,); None where no water is modelled.

    The shaft of a cooled microwave antenna has none: the efficiency fitted to its zones holds what the water takes.
    """
    if not isinstance(source, Radiofrequency):
        return None
    return source.cooling(needle, lattice, Cooling.from_parameters(table).coolant_coefficient)


def absorbing(source: Source, materials: Sequence[Material], table: Mapping[str, float]) -> Floats:
    """Power that each material absorbs where liver would absorb one watt, (1 + materials,); first that of liver.

    Electrodes work at 0.5 MHz; antennas, and power densities that were measured, count as 2.45 GHz.
    """
    if isinstance(source, Radiofrequency):
        liver, others = table["heat.electric_conductivity_500k"], [m.electric for m in materials]
    else:
        liver, others = table["heat.electric_conductivity_2450"], [m.microwave for m in materials]
    return np.minimum(np.array([liver, *others]) / liver, 1.0)
