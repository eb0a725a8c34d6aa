"""Latent foci: microscopic tumour in the liver beyond the simulated box, drawn once for a patient.

They belong to the fixed patient and to no arm: no local treatment reaches them, they grow with the tumour's
doubling time, and they are counted apart from the target. Two kinds:

- *spread* from the tumour. A tumour of x cells that sheds foci at a rate of x^a while both grow exponentially has
  shed, of foci with at least s cells, a number that goes as (x / s)^a (Iwata, Kawasaki and Shigesada 2000, J Theor
  Biol 203:177): number by the size of the tumour and sizes of the foci are one law. Patients differ in how readily
  their tumours spread, by a gamma distribution, so that a few have many.
- *new*: other tumours of a diseased liver, begun at a constant rate. Growing exponentially, their sizes are even on a
  log scale from one cell upwards, and the rate at which they come to be seen is the rate at which they begin.

No focus is large enough to be seen at the start: it would not be latent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tumorsim import chance

MAX_LATENT_FOCI = 200
REFERENCE_DIAMETER = 30e-3  # m; of the tumour for which foci.spread_number holds
MOST_CELLS = 1e12  # a liver full of tumour: growth ends there
SPREAD, NEW = 0, 1  # slots of the draws


@dataclass(frozen=True, eq=False)
class Foci:
    """The latent foci of one patient, (foci,) each; empty where there are none.

    Attributes
    ----------
    cells : array of float
        Cells at time 0, 1 or more; a fraction is growth towards the next.
    distance : array of float
        From the border of the tumour [m].
    spread : array of bool
        Whether it has spread from the tumour; else it is a new one.
    doubling_time : float
        Of their volume [s].
    detection : float
        Cells from which imaging shows one.
    density : float
        Cells in a volume [1/m3].
    """

    cells: NDArray[np.float64]
    distance: NDArray[np.float64]
    spread: NDArray[np.bool_]
    doubling_time: float
    detection: float
    density: float

    def __len__(self) -> int:
        return len(self.cells)

    def _grown(self, time: float) -> NDArray[np.float64]:
        doublings = min(time / self.doubling_time, 100.0)
        return np.asarray(np.minimum(self.cells * 2.0**doublings, MOST_CELLS))

    def cells_at(self, time: float) -> NDArray[np.int64]:
        """Whole cells of every focus at a time [s], (foci,): exponential growth from time 0, to 1e12."""
        return np.floor(self._grown(time)).astype(np.int64)

    def diameters(self, time: float) -> NDArray[np.float64]:
        """Diameter of every focus at a time [m], (foci,), as a sphere of tumour."""
        return np.cbrt(6.0 / math.pi * self._grown(time) / self.density)

    @property
    def seen_from(self) -> NDArray[np.float64]:
        """Time from which imaging shows each focus [s], (foci,)."""
        return np.asarray(self.doubling_time * np.log2(self.detection / self.cells))


def no_foci() -> Foci:
    """No latent foci, as beside fine tissue."""
    none = np.zeros(0)
    return Foci(none, none, np.zeros(0, dtype=bool), math.inf, math.inf, 1.0)


def expected_foci(
    volume: float, density: float, doubling_time: float, liver: str, parameters: Mapping[str, float]
) -> tuple[float, float]:
    """Mean number of foci that have spread, and of new ones; arguments as in `draw_foci`."""
    size = (6.0 / math.pi * volume) ** (1.0 / 3.0) / REFERENCE_DIAMETER
    spread = parameters["foci.spread_number"] * size ** (3.0 * parameters["foci.spread_exponent"])
    # in a steady state as many are on their way as begin during the time one takes to be seen
    on_the_way = doubling_time * math.log2(_cells(parameters["foci.detection"], density))
    return spread, parameters[f"foci.new_rate_{liver}"] * on_the_way


def draw_foci(
    asked: int | None,
    *,
    semi_axes: Sequence[float],
    volume: float,
    box: float,
    density: float,
    doubling_time: float,
    liver: str,
    seed: int,
    patient: int,
    parameters: Mapping[str, float],
) -> Foci:
    """Draw the latent foci of a patient.

    Parameters
    ----------
    asked : int or None
        How many, all spread from the tumour; None: drawn, by the size of the tumour and the state of the liver.
    semi_axes : three floats
        Half axes of the tumour [m].
    volume : float
        Of the tumour [m3].
    box : float
        Edge of the simulated box [m]; foci lie beyond it.
    density : float
        Cells in a volume of tumour [1/m3].
    doubling_time : float
        Of the tumour's volume [s].
    liver : str
        ``cirrhotic`` or ``normal``.
    seed, patient : int
        Keys of the draws.
    parameters : mapping
        Parameter table.
    """
    detection = _cells(parameters["foci.detection"], density)
    least = min(_cells(parameters["foci.spread_least"], density), detection)
    exponent = parameters["foci.spread_exponent"]
    new = 0
    if asked is None:
        mean, on_the_way = expected_foci(volume, density, doubling_time, liver, parameters)
        u = chance.uniforms(seed, patient, chance.Purpose.LATENT_NUMBER, np.arange(3))
        shape = parameters["foci.spread_shape"]
        spread = int(chance.poisson_quantile(u[1], mean / shape * float(special.gammaincinv(shape, u[0]))))
        new = int(chance.poisson_quantile(u[2], on_the_way))
    else:
        spread = asked
    spread, new = min(spread, MAX_LATENT_FOCI), min(new, MAX_LATENT_FOCI)
    u = _place(seed, patient, SPREAD, spread, 0)
    far = (detection / least) ** -exponent  # share of those of the least size or more that would be seen
    cells = least * (1.0 - u * (1.0 - far)) ** (-1.0 / exponent)
    u = _place(seed, patient, NEW, new, 0)
    return Foci(
        cells=np.concatenate([cells, detection**u]),
        distance=np.concatenate(
            [
                _distances(semi_axes, box, seed, patient, kind, n, parameters)
                for kind, n in ((SPREAD, spread), (NEW, new))
            ]
        ),
        spread=np.arange(spread + new) < spread,
        doubling_time=doubling_time,
        detection=detection,
        density=density,
    )


def _cells(diameter: float, density: float) -> float:
    """Cells of a sphere of tumour, at least 1."""
    return max(1.0, math.pi / 6.0 * diameter**3 * density)


def _place(seed: int, patient: int, kind: int, count: int, index: int) -> NDArray[np.float64]:
    return chance.uniforms(seed, patient, chance.Purpose.LATENT_PLACE, np.arange(count), slot=kind, index=index)


def _distances(
    semi_axes: Sequence[float],
    box: float,
    seed: int,
    patient: int,
    kind: int,
    count: int,
    parameters: Mapping[str, float],
) -> NDArray[np.float64]:
    """Distance of foci from the tumour's border [m], (count,): along a ray in a direction drawn evenly.

    Foci that have spread lie beyond the box by an exponential distance cut off where the liver ends, new ones by any
    distance up to there.
    """
    purpose = chance.Purpose.LATENT_PLACE
    who = np.arange(count)
    z = np.stack([chance.normals(seed, patient, purpose, who, slot=kind, index=2 + axis) for axis in range(3)], axis=1)
    ray = z / np.sqrt((z**2).sum(axis=1, keepdims=True))
    border = 1.0 / np.sqrt(((ray / np.asarray(semi_axes)) ** 2).sum(axis=1))
    face = 0.5 * box / np.abs(ray).max(axis=1, initial=0.0)
    u = _place(seed, patient, kind, count, 1)
    reach, mean = parameters["foci.reach"], parameters["foci.spread_distance"]
    beyond = -mean * np.log1p(-u * -math.expm1(-reach / mean)) if kind == SPREAD else u * reach
    return np.asarray(np.maximum(face - border, 0.0) + beyond)
