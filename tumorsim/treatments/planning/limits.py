"""What a plan aims at and how much it may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tumorsim.errors import InputError


@dataclass(frozen=True)
class Limits:
    """What a plan aims at and may use: ``margin`` round the outline [m], most ``needles``, most ``points`` of
    all needles together and of each (``points_each``), and the least volume of margin a needle must be ``worth`` where
    not all can be covered [m3].
    """

    margin: float
    needles: int
    points: int
    points_each: int
    worth: float = 0.0

    def __post_init__(self) -> None:
        problems = []
        if not (np.isfinite(self.margin) and self.margin >= 0.0):
            problems.append(f"plan: margin must not be negative, got {self.margin} m")
        if min(self.needles, self.points, self.points_each) < 1:
            problems.append(
                "plan: at least one needle and one point are due, got "
                f"{self.needles}, {self.points} and {self.points_each} a needle"
            )
        if not (np.isfinite(self.worth) and self.worth >= 0.0):
            problems.append(f"plan: the worth of a needle must not be negative, got {self.worth} m3")
        if problems:
            raise InputError(problems)

    @classmethod
    def of(
        cls,
        parameters: Mapping[str, float],
        margin: float | None = None,
        needles: int | None = None,
        points: int | None = None,
        points_each: int | None = None,
    ) -> Limits:
        """Limits of the parameter table, any of them replaced."""
        return cls(
            parameters["planning.margin"] if margin is None else margin,
            int(parameters["planning.most_needles"]) if needles is None else needles,
            int(parameters["planning.most_points"]) if points is None else points,
            int(parameters["planning.most_points_each"]) if points_each is None else points_each,
            parameters["planning.worth"],
        )
