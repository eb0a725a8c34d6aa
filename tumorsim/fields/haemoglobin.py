"""Oxygen in blood: Hill saturation, its inverse, content and delivery.

Dissolved oxygen (under 2 % of the content of arterial blood) is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tumorsim._jit import njit


@njit
def saturation(pressure: float, p50: float, hill: float) -> float:
    """Haemoglobin saturation [-] at ``pressure`` [mmHg] (Hill 1910); ``p50`` [mmHg], exponent ``hill``."""
    if pressure <= 0.0:
        return 0.0
    powered = (pressure / p50) ** hill
    return powered / (1.0 + powered)


@njit
def pressure_of(saturated: float, p50: float, hill: float) -> float:
    """Oxygen pressure [mmHg] of blood of saturation ``saturated`` [0, 1): the inverse of `saturation`."""
    if saturated <= 0.0:
        return 0.0
    return p50 * (saturated / (1.0 - saturated)) ** (1.0 / hill)


def capacity(haemoglobin: float, binding: float) -> float:
    """Oxygen bound by fully saturated blood [m3 gas per m3 blood].

    ``haemoglobin`` [kg/m3] x ``binding`` [m3/kg]: 150 g/L x 1.34 mL/g = 0.201.
    """
    return haemoglobin * binding


def delivery_shares(flows: Any, saturations: Any) -> np.ndarray:
    """Share of the delivered oxygen that each source brings.

    Parameters
    ----------
    flows, saturations : array_like, shape (n,)
        Blood flow of each source (any one unit) and its inlet saturation [-].

    Returns
    -------
    numpy.ndarray, shape (n,)
        Sums to 1, or is all 0 where no source brings oxygen.
    """
    delivered = np.asarray(flows, dtype=float) * np.asarray(saturations, dtype=float)
    total = delivered.sum()
    return delivered / total if total > 0.0 else np.zeros_like(delivered)
