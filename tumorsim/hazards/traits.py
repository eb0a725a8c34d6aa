"""Traits of cells: how sensitive to radiation, drugs and heat, by patient, by place and by cell.

A trait multiplies the hazard of the causes that bear it; its mean over the cohort is one. It is the product of

1. the patient's: lognormal, correlated between traits;
2. the place's: a lognormal random field (`region.py`), correlated between traits, as its average over a site;
3. the cell's own: gamma *frailty* within a site, correlated between traits (`frailty.py`).

What averaging over a site takes from the second level goes into the third, so the variance of a cell's trait,
``(1 + v1) (1 + v2) (1 + v3) - 1``, does not depend on the spacing: of the point variances v2 and v3 and the
variance v of the site average, the frailty has ``(1 + v2) (1 + v3) / (1 + v) - 1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tumorsim.chance import Purpose, normals
from tumorsim.errors import InputError
from tumorsim.hazards.region import Region, triangle
from tumorsim.lattice import Lattice

TRAITS = ("radiosensitivity", "drug_sensitivity", "heat_sensitivity")
LEVELS = ("patient", "region", "cell")


@dataclass(frozen=True, eq=False)
class Traits:
    """The traits of one patient's tumour on one lattice.

    Attributes
    ----------
    lattice : Lattice
    key : tuple of int
        Seed and patient.
    point : array, (3 traits, 3 levels)
        Variances at a point: of the patient's factor, the region's, and the cell's.
    region_variance : array, (3,)
        Variance of the region's factor as averaged over a site.
    theta : array, (3,)
        Variance of the frailty within a site.
    shared : float
        Shape of the gamma all three frailties share; 0 where they have nothing in common.
    patient : array, (3,)
        The patient's own factors.
    """

    lattice: Lattice
    key: tuple[int, int]
    point: NDArray[np.float64]
    region_variance: NDArray[np.float64]
    theta: NDArray[np.float64]
    shared: float
    patient: NDArray[np.float64]
    _region: Region
    _lower: NDArray[np.float64]
    _found: list[NDArray[np.float64]] = field(default_factory=list, repr=False)

    @classmethod
    def of_patient(cls, parameters: Mapping[str, float], lattice: Lattice, seed: int, patient: int) -> Traits:
        """Traits by the rows ``traits.*``; the field itself is drawn when it is first asked for.

        Raises
        ------
        InputError
            With every value that is impossible.
        """
        problems = []
        cv = np.zeros((len(TRAITS), len(LEVELS)))
        for t, trait in enumerate(TRAITS):
            of = (
                parameters[f"traits.{trait}_patient"],
                parameters[f"traits.{trait}_region"],
                parameters[f"traits.{trait}_cell"],
            )
            for level, value in zip(LEVELS, of, strict=True):
                if not 0.0 <= value <= 2.0:
                    problems.append(f"parameters.traits.{trait}_{level}: must lie between 0 and 2, got {value:g}")
            cv[t] = of
        pairs = (
            (0, 1, "radiation_drug", parameters["traits.correlation_radiation_drug"]),
            (0, 2, "radiation_heat", parameters["traits.correlation_radiation_heat"]),
            (1, 2, "drug_heat", parameters["traits.correlation_drug_heat"]),
        )
        matrix = np.eye(len(TRAITS))
        for a, b, name, value in pairs:
            matrix[a, b] = matrix[b, a] = value
            if not -1.0 < value < 1.0:
                problems.append(f"parameters.traits.correlation_{name}: must lie between -1 and 1, got {value:g}")
        share = parameters["traits.shared"]
        if not 0.0 <= share <= 1.0:
            problems.append(f"parameters.traits.shared: must lie between 0 and 1, got {share:g}")
        if problems:
            raise InputError(problems)
        lower, region = triangle(matrix.tolist()), Region(lattice, parameters["traits.correlation_length"])
        point = cv**2
        average = np.array([region.variance(v) for v in point[:, 1]])
        # expm1 and log1p keep a variance of 0 exactly 0, and so exp(-H) exact
        theta = np.maximum(np.expm1(np.log1p(point[:, 1]) + np.log1p(point[:, 2]) - np.log1p(average)), 0.0)
        theta[(point[:, 1] == 0.0) & (point[:, 2] == 0.0)] = 0.0
        drawn = lower @ np.array([normals(seed, patient, Purpose.TRAIT_PATIENT, [t])[0] for t in range(len(TRAITS))])
        return cls(
            lattice=lattice,
            key=(seed, patient),
            point=point,
            region_variance=average,
            theta=theta,
            shared=share / float(theta.max()) if theta.any() else 0.0,
            patient=_lognormal(drawn, point[:, 0]),
            _region=region,
            _lower=lower,
        )

    @property
    def off(self) -> bool:
        """True where nothing varies: every hazard is taken as it comes."""
        return not self.point.any()

    @property
    def frail(self) -> bool:
        """True where cells of one site differ, so that survivors are a selection."""
        return bool(self.theta.any())

    @property
    def total_variance(self) -> NDArray[np.float64]:
        """Variance of a cell's trait over the cohort, (3,); the same at every spacing."""
        return (1.0 + self.point[:, 0]) * (1.0 + self.region_variance) * (1.0 + self.theta) - 1.0

    def sensitivity(self, sites: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean trait of the cells of some sites before any treatment, patient and place: (n, 3)."""
        if not self._found:
            self._found.append(self._average())
        return self._found[0][sites] * self.patient

    def _average(self) -> NDArray[np.float64]:
        n = len(TRAITS)
        found = np.ones((self.lattice.n_sites, n))
        if not self.point[:, 1].any():
            return found
        drawn = [self._region.normal(*self.key, t) for t in range(n)]
        for t in range(n):
            if self.point[t, 1] > 0.0:
                mixed = sum((self._lower[t, c] * drawn[c] for c in range(1, t + 1)), start=self._lower[t, 0] * drawn[0])
                found[:, t] = self._region.averages(_lognormal(mixed, self.point[t, 1]))
        return found


def _lognormal(normal: NDArray[np.float64], variance: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Mean one and the given variance, increasing in a standard normal."""
    s2 = np.log1p(variance)
    return np.asarray(np.exp(np.sqrt(s2) * normal - 0.5 * s2))


def trait_index(name: str) -> int:
    """Column of a trait; KeyError where there is none of that name."""
    if name not in TRAITS:
        raise KeyError(f"no trait {name!r}; there are {', '.join(TRAITS)}")
    return TRAITS.index(name)
