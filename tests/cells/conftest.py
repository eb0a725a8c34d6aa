"""A tumour in a small box, without vessels: what the cell tests share."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tumorsim.cells.population import Population
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.state import CAUSES, Sizes, State

DAY = 86400


class Bench:
    """A population with hazards that the test sets."""

    def __init__(
        self, *, shape=(13, 13, 13), spacing=1e-3, radius=3.6, dt=12 * 3600, doubling=140 * DAY, seed=5, share=0.0,
        hazard=0.0, overrides=None, capsule=False, permeability=(0.1, 0.1), wall=0.0, compartments=1, rule=None,
        causes=(), outside=False, thrombus=False, seeded=True, cells=None, p_birth=0.0,
        **switches,
    ):  # fmt: skip
        self.lattice = Lattice(shape, spacing)
        n = self.lattice.n_sites
        self.parameters = load_parameters(overrides)
        one = self.parameters["tissue.cell_density"] * spacing**3 < 2
        self.state = State(Sizes(sites=n, one_cell=one), (*CAUSES, *causes))
        at = self.lattice.centres() / spacing
        inside = (at**2).sum(axis=1) < radius**2
        self.state.compartment[inside] = 1
        if compartments == 2:
            self.state.compartment[inside & (at[:, 0] > 0)] = 2
        if outside:
            self.state.compartment[~inside & (at[:, 2] > 0)] = 255
        if thrombus:  # a tube from the tumour to the +x face
            tube = ~inside & (at[:, 0] > 0) & (np.abs(at[:, 1:]).max(axis=1) < 1.5)
            self.state.compartment[tube] = 199
            inside = inside | tube
        self.inside = inside
        anatomy = SimpleNamespace(
            baseline_target=(at**2).sum(axis=1) < (radius + 2) ** 2,
            capsule_site=np.full(n, int(capsule), np.uint8),
            permeability=SimpleNamespace(capsule=permeability[0], septum=permeability[1], wall=wall),
        )
        self.state.share10[:] = share
        self.starvation = np.full(n, float(hazard))
        self.ischaemia = np.zeros(n)
        self.population = Population(
            self.lattice, self.state, anatomy, self.parameters, seed=seed, patient=0, dt=dt, doubling_time=doubling,
            rule=rule, **switches,
        )  # fmt: skip
        if cells is not None:  # of each slot, where no calibration is wanted
            if one:
                self.state.phase[inside] = 1 + int(np.argmax(cells))
            else:
                self.state.viable[inside] = cells
            self.population.attach(self.state)
            self.population.reset_nadir()
            self.population.p_birth = p_birth
        elif seeded:
            self.population.seed_cells(self.state.share10, self.starvation)

    @property
    def viable(self) -> int:
        return int(self.population.viable_of_sites().sum(dtype=np.int64))

    def step(self, k=0, **more):
        return self.population.advance(self.ischaemia, self.starvation, k, **more)


@pytest.fixture(scope="session")
def bench():
    """The class: a test makes the tumour it needs."""
    return Bench
