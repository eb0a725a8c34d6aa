"""What the tests of arrangement share: bodies, and the dose of a point source written out anew."""

from __future__ import annotations

import math

import numpy as np

from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.treatments.planning.directions import fan
from tumorsim.treatments.seeds.arrangement import SeedRules, strength_of
from tumorsim.treatments.seeds.dose import Seeds

MM = 1e-3
PARAMETERS = load_parameters()
RULES_OF_TABLE = SeedRules.of(PARAMETERS)
FAN = fan((0.0, -1.0, 0.0), PARAMETERS)
STRENGTH = strength_of(PARAMETERS["seeds.activity"], PARAMETERS)
LIFE = 59.4 * 86400.0 / math.log(2.0)  # I-125, mean life [s]
# model 6711 on its transverse axis (AAPM TG-43U1 2004): distance [cm], radial dose function, times the mean anisotropy
_G = ([0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0], [1.055, 1.071, 1.0, 0.814, 0.632, 0.496, 0.364, 0.199, 0.0803])


def dose_rate(points: np.ndarray, seeds: Seeds) -> np.ndarray:
    """Point sources of TG-43 in one dimension [Gy/s]."""
    r = np.maximum(np.linalg.norm(points[:, None] - seeds.points, axis=2) * 100.0, 0.05)
    return (seeds.strengths * 0.965 * 0.944 * np.interp(r, *_G) / r**2).sum(axis=1) * 1e-2 / 3600.0


def box(side: float, spacing: float = 1.0) -> Lattice:
    return Lattice.for_box(side * MM, spacing * MM)


def ellipsoid(lattice: Lattice, axes: tuple[float, float, float], centre: tuple[float, ...] = (0, 0, 0)) -> np.ndarray:
    """Diameters and centre in mm."""
    x = (lattice.centres() / MM - np.asarray(centre)) / (0.5 * np.asarray(axes))
    return (x**2).sum(axis=1) <= 1.0 + 1e-9


def ball(lattice: Lattice, diameter: float, centre: tuple[float, ...] = (0, 0, 0)) -> np.ndarray:
    return ellipsoid(lattice, (diameter, diameter, diameter), centre)
