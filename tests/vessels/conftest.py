"""Small grown livers for tests of what is added to the trees: fixture ``grown_case`` gives the class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.vessels.extrahepatic import Parasitic
from tumorsim.vessels.growth import GrownVessels, grow
from tumorsim.vessels.supply import demand

PARAMETERS = load_parameters()


class Case:
    """A round tumour of two compartments in a box of cirrhotic liver, and its vessels."""

    def __init__(
        self,
        parasite: Parasitic | None = None,
        *,
        diameter: float = 30e-3,
        box: float = 54e-3,
        spacing: float = 2e-3,
        slab: bool = False,
        terminals: int = 500,
        feeders: int = 3,
        patient: int = 0,
        vascularity: str = "hyper",
        parameters: Mapping[str, float] = PARAMETERS,
    ) -> None:
        self.lattice = Lattice.for_box(box, spacing, slab=slab)
        at = self.lattice.centres()
        away = np.linalg.norm(at, axis=1)
        self.compartment = np.zeros(self.lattice.n_sites, dtype=np.uint8)
        inside = away < diameter / 2
        self.compartment[inside] = 1 + (at[inside, 0] > 0)
        self.radius = diameter / 2
        self.depth = np.maximum(diameter / 2 - away, 0.0)
        never = np.full(self.lattice.n_sites, np.inf)
        self.arterial, self.portal = demand(
            self.lattice, self.compartment, "cirrhotic", self.depth, never, parameters, vascularity
        )
        self.grown: GrownVessels = grow(
            self.lattice,
            self.compartment,
            self.arterial,
            self.portal,
            feeders=feeders,
            seed=7,
            patient=patient,
            parameters=parameters,
            terminals=terminals,
            parasite=parasite,
        )
        self.graph = self.grown.graph

    def due(self, perfusion: np.ndarray) -> np.ndarray:
        """Inflow of every exchange row for a perfusion of the sites [m3/s]."""
        return np.bincount(self.grown.exchange_of_site, perfusion) * self.lattice.site_volume

    @property
    def tumour_rows(self) -> np.ndarray:
        """Exchange rows of the tumour."""
        return np.flatnonzero(self.grown.compartment_of_exchange > 0)

    def closing(self, edges: list[int], opening: list[int] | np.ndarray = ()) -> np.ndarray:  # type: ignore[assignment]
        """The untreated vessels with some closed and some dormant ones opened."""
        share = self.grown.patent.copy()
        share[edges] = 0.0
        share[np.asarray(opening, dtype=np.int64)] = 1.0
        return share


@pytest.fixture(scope="session")
def grown_case() -> type[Case]:
    """The class of a small grown liver."""
    return Case
