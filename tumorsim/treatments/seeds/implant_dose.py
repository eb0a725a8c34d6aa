"""What an implant gives a patient: dose of every site, and the figures of goal and organs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tumorsim.lattice import Lattice
from tumorsim.outcomes.perfusion_imaging import oil_uptake
from tumorsim.parameters import Parameters
from tumorsim.treatments.seeds.attenuation import excess_attenuation, transmission
from tumorsim.treatments.seeds.dose import Seeds, dose_rate, half_width, in_capsule
from tumorsim.treatments.seeds.dosimetry import Dosimetry, dosimetry
from tumorsim.treatments.seeds.source import SeedSource

if TYPE_CHECKING:
    from tumorsim.patient import Patient

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ImplantDose:
    """The dose of seeds where they lie.

    Parameters
    ----------
    lattice : Lattice
    source : SeedSource
    seeds : Seeds
    oil : array, shape (sites,), or None
        Share of each site that is iodised oil, which takes photons away; None: it takes none.
    excess : float
        Attenuation of pure oil beyond that of water [1/m] (`attenuation.excess_attenuation`).
    """

    lattice: Lattice
    source: SeedSource
    seeds: Seeds
    oil: Floats | None = None
    excess: float = 0.0

    @cached_property
    def rate(self) -> Floats:
        """Mean dose rate of every site when the seeds are put in [Gy/s], (sites,)."""
        return self._rate(False)

    @cached_property
    def width(self) -> Floats:
        """Half the width of the dose rate within every site [Gy/s], (sites,) (`dose.half_width`).

        Where oil has weakened a site its width is weakened alike.
        """
        if not self._weakened:
            return half_width(self.lattice, self.source, self.seeds, self.rate)
        plain = dose_rate(self.lattice, self.source, self.seeds)
        wide = half_width(self.lattice, self.source, self.seeds, plain)
        return wide * np.divide(self.rate, plain, out=np.zeros_like(plain), where=plain > 0.0)

    @cached_property
    def in_all(self) -> Floats:
        """Dose in all in the middle of every site [Gy], (sites,): what histograms are made of."""
        return self._rate(True) / self.source.decay_per_s

    @property
    def _weakened(self) -> bool:
        return self.oil is not None and bool(self.oil.any())

    def _rate(self, centre: bool) -> Floats:
        if not self._weakened:
            return dose_rate(self.lattice, self.source, self.seeds, centre=centre)
        assert self.oil is not None
        found, every = np.zeros(self.lattice.n_sites), np.arange(self.lattice.n_sites)
        for point, way, strength in zip(self.seeds.points, self.seeds.directions, self.seeds.strengths, strict=True):
            one = dose_rate(self.lattice, self.source, Seeds(point[None], way, strength), centre=centre)
            found += one * transmission(point, every, self.oil, self.lattice, self.excess)
        return found

    def figures(self, goal: Mask, prescribed: float, organs: dict[str, Mask], parameters: Parameters) -> Dosimetry:
        """D90 and the rest, of a goal (sites,) and organs, (sites,) each; prescribed dose [Gy]."""
        capsules = in_capsule(self.lattice, self.seeds, parameters)
        return dosimetry(self.lattice, self.in_all, goal, prescribed, organs, capsules)


def oil_of(patient: Patient, edge_oil: Floats) -> tuple[Floats, float]:
    """Iodised oil of every site [m3 per m3], (sites,), by what vessels hold [m3], and its excess attenuation [1/m]."""
    arterial, portal = oil_uptake(patient.grown, edge_oil)
    return np.clip(arterial + portal, 0.0, 1.0), excess_attenuation(patient.parameters)
