from __future__ import annotations

import pytest

from tumorsim.fields.faces import neighbours
from tumorsim.lattice import Lattice


@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 3, 1), (1, 1, 2)])
def test_neighbours_are_those_of_the_lattice(shape: tuple[int, int, int]) -> None:
    lattice = Lattice(shape, 1e-3)
    for site in range(lattice.n_sites):
        across = neighbours(site, *shape)
        assert sorted(n for n in across if n >= 0) == sorted(int(n) for n in lattice.neighbours(site) if n >= 0)
        for face, other in enumerate(across):
            assert other < 0 or neighbours(other, *shape)[face ^ 1] == site
