"""What a lattice of seeds leaves alive does not hang on the spacing of the sites it is computed on."""

import math

import numpy as np
import pytest

from tumorsim.hazards.radiation import dose_factors, pair_factors
from tumorsim.hazards.radiation_cells import Response, Spread, accumulate_tumour
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.state import Sizes, State
from tumorsim.treatments.seeds.dose import Seeds, dose_rate, half_width
from tumorsim.treatments.seeds.source import SeedSource

RADIUS, END = 14e-3, 240 * 86400.0
TABLE = load_parameters()


def log_residue(spacing: float, spread: bool, strength: float = 0.635, box: float = 32e-3) -> float:
    """log10 of the share of oxic cells in a ball that 27 seeds of 0.5 mCi leave after 240 d."""
    source = SeedSource.named("Amersham 6711")
    places = np.array([(x, y, z) for x in (-10, 0, 10) for y in (-10, 0, 10) for z in (-10, 0, 10)]) * 1e-3
    seeds = Seeds(places, np.tile([0.0, 0.0, 1.0], (27, 1)), np.full(27, strength))
    lattice = Lattice.for_box(box, spacing)
    rate = dose_rate(lattice, source, seeds)
    wide = half_width(lattice, source, seeds, rate)
    response, state = Response.of("tumour", TABLE), State(Sizes(lattice.n_sites))
    state.po2[:] = 40.0
    hazard, start, decay = np.zeros((lattice.n_sites, 4)), np.zeros(1), np.array([source.decay_per_s])
    accumulate_tumour(
        state, np.arange(lattice.n_sites), rate[None], dose_factors(start, decay, 0.0, END),
        pair_factors(start, decay, response.repair, 0.0, END), response, hazard,
        spread=Spread(wide[None], np.zeros(1), dose_factors(start, decay, 0.0, END)) if spread else None,
    )  # fmt: skip
    inside = np.linalg.norm(lattice.centres(), axis=1) < RADIUS
    return math.log10(np.exp(-hazard[inside, 0]).mean())


@pytest.mark.parametrize("box", [30e-3, 32e-3])  # seeds in the middle of sites of 2 mm, or on their corners
def test_spacings_agree_within_a_fifth_of_a_decade(box: float) -> None:
    found = [log_residue(h * 1e-3, True, 0.2, box) for h in (0.5, 1.0, 2.0)]
    assert max(found) - min(found) < 0.2 and -9.0 < min(found) < -6.0


def test_deep_residues_of_two_millimetres_need_the_spread_of_doses() -> None:
    fine = log_residue(0.5e-3, True, 0.635, 30e-3)
    assert abs(log_residue(2e-3, True, 0.635, 30e-3) - fine) < 0.2
    assert abs(log_residue(2e-3, False, 0.635, 30e-3) - fine) > 0.5


def test_a_spread_only_spares() -> None:
    assert log_residue(2e-3, True) > log_residue(2e-3, False)
