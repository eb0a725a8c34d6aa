"""What a step leaves of debris: dead tumour is resorbed, and what heat has coagulated much more slowly.

Coagulum is fixed tissue without vessels: phagocytes reach it from its border only, so it keeps its place and shrinks
over months. It goes by a clock of its own, first order as that of debris, from the session of heat on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tumorsim.state import State

COAGULUM_FROM = 1.0  # Omega of liver, from which tissue is coagulated


class Resorption:
    """The clocks of debris and coagulum over one step.

    Parameters
    ----------
    dt : float
        Step [s].
    parameters : mapping
        ``clocks.debris_half_life`` and ``clocks.coagulum_half_life`` [s].
    """

    def __init__(self, dt: float, parameters: Mapping[str, float]) -> None:
        self.debris, self.coagulum = (
            2.0 ** (-dt / parameters[f"clocks.{name}_half_life"]) for name in ("debris", "coagulum")
        )

    def left(self, state: State) -> NDArray[np.float64]:
        """Share of its debris that a step leaves, (sites,), or (1,) where nothing is coagulated."""
        fixed = state.heat_damage >= COAGULUM_FROM
        if not fixed.any():
            return np.array([self.debris])
        return np.where(fixed, self.coagulum, self.debris)
