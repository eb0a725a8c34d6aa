"""What is expected to be left where cells only die of hazards: the sum of n exp(-H), without the luck of draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def expected_of_sites(n0: NDArray[np.integer], hazard: NDArray[np.float64]) -> NDArray[np.float64]:
    """Viable cells expected in every site, (sites,).

    Parameters
    ----------
    n0 : array of int, shape (sites, slots)
        Cells of every slot before.
    hazard : array, shape (sites, slots)
        Cumulative hazard H of every slot [-]; causes act one on top of another, so survival is exp(-H).

    Raises
    ------
    ValueError
        Where the shapes differ or a hazard is negative or not a number.
    """
    if n0.shape != hazard.shape or not np.all(hazard >= 0.0):
        raise ValueError(f"expected residue: cells {n0.shape} and hazards {hazard.shape} must fit and be 0 or more")
    return np.asarray((n0 * np.exp(-hazard)).sum(axis=1))


def expected_residue(
    n0: NDArray[np.integer], hazard: NDArray[np.float64], within: NDArray[np.bool_] | None = None
) -> float:
    """Viable cells expected, the sum of n0 exp(-H) over slots and sites, or over the sites ``within`` (sites,).

    For a run with `couplings.growth` off: ``expected_residue(ledger.n0, ledger.total(), target[ledger.sites])``.
    """
    left = expected_of_sites(n0, hazard)
    return float((left if within is None else left[within]).sum())
