"""The figures of an implant: dose-volume histograms and the indices made of them.

D90: dose that 90 % of a target get at least; V100, V150, V200: share of it that gets that share of the prescribed
dose or more. D2cc of an organ: dose that its hottest 2 cm3 get at least. Of the several indices of either name:

- CI, conformation number of van 't Riet 1997 (Int J Radiat Oncol Biol Phys 37:731):
  (target within the prescribed isodose)^2 / (target x all tissue within the isodose); 1 is perfect.
- HI, dose homogeneity index of Wu 1988 (Int J Radiat Oncol Biol Phys 15:1213): (V100 - V150) / V100, of the target;
  1 where nothing is over half as much again.

A histogram is made of the dose in the middle of each site (`dose.dose_rate` with ``centre``), as is usual: the mean
over a site hides the least dose in it and lies above the value in the middle where the dose falls steeply.

A quantity that does not exist is None: indices of no target, D2cc of less than 2 cm3, CI where the isodose leaves
the box.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ORGAN_VOLUME = 2e-6  # m3, of D2cc


@dataclass(frozen=True, eq=False)
class Histogram:
    """Cumulative dose-volume histogram of one structure, exact: every site as it is.

    Attributes
    ----------
    doses : float64, shape (n,)
        Dose of each site [Gy], ascending.
    site_volume : float
        [m3]
    """

    doses: Floats
    site_volume: float

    @classmethod
    def of(cls, dose: Floats, site_volume: float) -> Histogram:
        """Histogram of sites' doses [Gy], (n,) in any order.

        Raises
        ------
        InputError
            Where a dose is negative or not finite.
        """
        doses = np.sort(np.asarray(dose, dtype=np.float64).reshape(-1))
        if len(doses) and not (doses[0] >= 0.0 and math.isfinite(doses[-1])):
            raise InputError("histogram: doses must be finite and 0 Gy or more")
        return cls(doses, float(site_volume))

    @property
    def volume(self) -> float:
        """Of the structure [m3]."""
        return len(self.doses) * self.site_volume

    @property
    def least(self) -> float | None:
        """Lowest dose [Gy]."""
        return float(self.doses[0]) if len(self.doses) else None

    @property
    def most(self) -> float | None:
        """Highest dose [Gy]; beside a seed it says more of the lattice than of the implant."""
        return float(self.doses[-1]) if len(self.doses) else None

    @property
    def mean(self) -> float | None:
        """[Gy]"""
        return float(self.doses.mean()) if len(self.doses) else None

    def dose_of_share(self, share: float) -> float | None:
        """Dose [Gy] that at least this share of the structure gets: D90 is that of 0.9."""
        return float(np.quantile(self.doses, 1.0 - share)) if len(self.doses) else None

    def dose_of_volume(self, volume: float) -> float | None:
        """Dose [Gy] that the hottest ``volume`` [m3] get at least; None where there is less than that."""
        if not len(self.doses) or volume > self.volume * (1.0 + 1e-9):
            return None
        return self.dose_of_share(min(1.0, volume / self.volume))

    def share_from(self, dose: float) -> float | None:
        """Share of the structure that gets this dose [Gy] or more."""
        if not len(self.doses):
            return None
        return float(len(self.doses) - np.searchsorted(self.doses, dose, side="left")) / len(self.doses)

    def curve(self, top: float, points: int = 201) -> tuple[Floats, Floats]:
        """Doses from 0 to ``top`` [Gy] and the share that gets each or more, (points,) both; 0 of no structure."""
        at = np.linspace(0.0, top, points)
        above = len(self.doses) - np.searchsorted(self.doses, at, side="left")
        return at, above / max(1, len(self.doses))


@dataclass(frozen=True)
class Structure:
    """One structure's figures; doses [Gy], volume [mL], shares of 1."""

    volume_ml: float
    d_min_gy: float | None
    d_mean_gy: float | None
    d90_gy: float | None
    v100: float | None
    v150: float | None
    v200: float | None


@dataclass(frozen=True)
class OrganDose:
    """An organ's figures; doses [Gy], volume in the box [mL]."""

    volume_ml: float
    d2cc_gy: float | None
    d_mean_gy: float | None
    d_max_gy: float | None


@dataclass(frozen=True, eq=False)
class Dosimetry:
    """What an implant gives.

    Attributes
    ----------
    prescribed_gy : float
    target : Structure
    ci, hi : float or None
    isodose_ml : float or None
        Volume of all tissue that gets the prescribed dose; None where it leaves the box.
    organs : mapping of str to OrganDose
    histograms : mapping of str to Histogram
        ``target`` and the organs.
    """

    prescribed_gy: float
    target: Structure
    ci: float | None
    hi: float | None
    isodose_ml: float | None
    organs: Mapping[str, OrganDose]
    histograms: Mapping[str, Histogram]

    def as_dict(self) -> dict[str, Any]:
        """The figures, as JSON takes them."""
        return {
            "prescribed_gy": self.prescribed_gy,
            "target": asdict(self.target),
            "ci": self.ci,
            "hi": self.hi,
            "isodose_ml": self.isodose_ml,
            "organs": {name: asdict(organ) for name, organ in self.organs.items()},
        }


def dosimetry(
    lattice: Lattice,
    dose: Floats,
    target: Mask,
    prescribed: float,
    organs: Mapping[str, Mask] | None = None,
    left_out: Mask | None = None,
) -> Dosimetry:
    """Figures of an implant.

    Parameters
    ----------
    lattice : Lattice
    dose : float64, shape (n_sites,)
        Dose in the middle of each site [Gy].
    target : bool, shape (n_sites,)
    prescribed : float
        Dose [Gy].
    organs : mapping of str to bool (n_sites,)
    left_out : bool, shape (n_sites,)
        Sites without tissue, such as those in capsules (`dose.in_capsule`) or outside the body.

    Raises
    ------
    InputError
        Where shapes do not match, or the prescribed dose is not positive.
    """
    organs = dict(organs or {})
    tissue = np.ones(lattice.n_sites, dtype=np.bool_) if left_out is None else ~left_out
    problems = [
        f"dosimetry: {what} has shape {np.shape(array)}; ({lattice.n_sites},) is due"
        for what, array in {"dose": dose, "target": target, "left out": tissue, **organs}.items()
        if np.shape(array) != (lattice.n_sites,)
    ]
    if not 0.0 < prescribed < math.inf:
        problems.append(f"dosimetry: a prescribed dose above 0 Gy is due, got {prescribed} Gy")
    if "target" in organs:
        problems.append("dosimetry: an organ cannot be called 'target'")
    if problems:
        raise InputError(problems)
    unit = lattice.site_volume
    aim = Histogram.of(dose[target & tissue], unit)
    v100, v150, v200 = (aim.share_from(k * prescribed) for k in (1.0, 1.5, 2.0))
    within = (dose >= prescribed) & tissue
    whole = not within[lattice.on_face()].any()
    isodose = float(within.sum()) * unit if whole else None
    ci = None
    if v100 is not None and isodose is not None:
        ci = v100 * v100 * aim.volume / isodose if isodose > 0.0 else 0.0
    histograms = {"target": aim} | {n: Histogram.of(dose[m & tissue], unit) for n, m in organs.items()}
    return Dosimetry(
        float(prescribed),
        Structure(1e6 * aim.volume, aim.least, aim.mean, aim.dose_of_share(0.9), v100, v150, v200),
        ci,
        (v100 - v150) / v100 if v100 and v150 is not None else None,
        None if isodose is None else 1e6 * isodose,
        {
            n: OrganDose(1e6 * h.volume, h.dose_of_volume(ORGAN_VOLUME), h.mean, h.most)
            for n, h in histograms.items()
            if n != "target"
        },
        histograms,
    )
