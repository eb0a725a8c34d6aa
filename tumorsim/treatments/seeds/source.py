"""What one seed gives in water: the AAPM's TG-43U1 formalism.

Dose rate = S_K Lambda G(r, theta)/G(1 cm, 90 deg) g(r) F(r, theta)  (Rivard et al, Med Phys 2004;31:633, equation 1):
air-kerma strength S_K [U], dose-rate constant Lambda [cGy/h/U], geometry function G [1/cm2] of a line of the active
length (a point where that is 0), radial dose function g, 2-D anisotropy function F. Without F the 1-D form stands
(equation 11): G on the transverse axis, and phi_an(r) in the place of F. g belongs to the geometry of the table.

Between the values of a table: ln g straight in r; F straight in r and in theta; phi_an straight in r. Nearer than
the first radius the nearest value; beyond the last, ln g goes on as between the last two, F and phi_an keep the
last value. F given for 0 to 90 degrees is mirrored, for 0 to 180 used as it is; theta is 0 at the seed's tip.

The formalism ends at the capsule. Where a point is nearer to the active line than the capsule's radius (parameter
``dose.capsule_radius``), the dose rate is that on the capsule, straight out from the line: finite everywhere.
Not in TG-43, and so not here: what stands between seeds, and tissue that is not water (liver, lipiodol, gas).

The file of a seed is YAML:

    name: Amersham 6711
    dose_rate_constant: 0.965        # cGy/h/U
    active_length_mm: 3.0            # 0 for a point source
    half_life_d: 59.4
    radial:
      r_cm: [0.1, 0.5, 1, 2, 5]      # ascending, 1 cm among or between them
      g: [1.055, 1.071, 1, 0.814, 0.364]
    anisotropy:                      # 2-D; or phi_an below; F is used where both are given
      r_cm: [0.5, 1]
      theta_deg: [0, 30, 60, 90]     # from 0 to 90 or to 180
      F:                             # a row for each r, in it a value for each theta
        - [0.333, 0.846, 0.991, 1]
        - [0.370, 0.834, 0.991, 1]
    phi_an:                          # 1-D
      r_cm: [0.5, 1]
      value: [0.973, 0.944]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim import document
from tumorsim.errors import InputError, nearest
from tumorsim.parameters import Parameters, load_parameters
from tumorsim.treatments.seeds import kernels
from tumorsim.treatments.seeds.source_table import SeedTable, check

Floats = NDArray[np.float64]

_KIND = "seed table"
_START = "Its keys stand at the head of tumorsim.treatments.seeds.source."


@dataclass(frozen=True, eq=False)
class SeedSource:
    """One kind of seed; made by `named`, `from_file` or `from_dict`.

    Attributes
    ----------
    table : SeedTable
        What its file holds.
    capsule_radius : float
        Nearer to the active line than this [cm] the dose rate is that on the capsule.
    """

    table: SeedTable
    capsule_radius: float

    # --- where it comes from ------------------------------------------------------------------------------------

    @classmethod
    def from_file(cls, path: str | Path, parameters: Parameters | None = None) -> SeedSource:
        """A seed from its table file (see the head of this module); ``parameters`` are the defaults unless given.

        Raises
        ------
        InputError
            A file that is not there or is not YAML; every gap, negative or impossible value, wrong unit, unsorted or
            repeated radius, row of another length, unknown or missing key, as ``FILE:12: radial.r_cm: ...``.
        """
        return cls(check(document.read_file(Path(path), _KIND, _START)), _capsule_radius(parameters))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], name: str = "seed", parameters: Parameters | None = None) -> SeedSource:
        """A seed from what a file would hold, as plain data; errors as `from_file`, with ``name`` for the file."""
        return cls(check(document.Document(data, name)), _capsule_radius(parameters))

    @classmethod
    def named(cls, name: str, parameters: Parameters | None = None) -> SeedSource:
        """A seed that comes with the program (see `names`); ``parameters`` are the defaults unless given.

        Raises
        ------
        InputError
            Where none has that name; the nearest is named.
        """
        wanted = " ".join(str(name).lower().split())
        for known, source in _shipped().items():
            if known.lower() == wanted:
                return source if parameters is None else cls(source.table, _capsule_radius(parameters))
        known_names = SeedSource.names()
        raise InputError(
            f"seed: there is no '{name}'.{nearest(name, known_names)} Known: {', '.join(known_names)}; "
            "any other from its table file"
        )

    @staticmethod
    def names() -> list[str]:
        """Names of the seeds that come with the program."""
        return list(_shipped())

    def as_dict(self) -> dict[str, Any]:
        """What its file holds, as plain data."""
        t = self.table
        out: dict[str, Any] = {
            "name": t.name,
            "dose_rate_constant": t.dose_rate_constant,
            "active_length_mm": self.active_length_mm,
            "half_life_d": t.half_life,
            "radial": {"r_cm": t.r.tolist(), "g": t.g.tolist()},
        }
        if t.anisotropy is not None and t.f_r is not None and t.theta is not None:
            out["anisotropy"] = {
                "r_cm": t.f_r.tolist(), "theta_deg": t.theta.tolist(), "F": t.anisotropy.tolist()
            }  # fmt: skip
        if t.phi_an is not None and t.phi_r is not None:
            out["phi_an"] = {"r_cm": t.phi_r.tolist(), "value": t.phi_an.tolist()}
        return out

    def one_dimensional(self) -> SeedSource:
        """The same seed in the 1-D form: for seeds whose direction is not known.

        Raises
        ------
        InputError
            Where its table has no phi_an.
        """
        if self.table.phi_an is None:
            raise InputError(f"seed {self.name}: its table has no phi_an, which the 1-D form takes")
        return replace(self, table=replace(self.table, f_r=None, theta=None, anisotropy=None))

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its model."""
        return self.table.name

    @property
    def is_2d(self) -> bool:
        """Whether its dose depends on direction."""
        return self.table.anisotropy is not None

    @property
    def dose_rate_constant(self) -> float:
        """Dose rate per air-kerma strength at 1 cm across the middle [cGy/h/U]."""
        return self.table.dose_rate_constant

    @property
    def active_length_mm(self) -> float:
        """Length of the line [mm]; 0 for a point."""
        return float(np.round(10.0 * self.table.active_length, 12))

    @property
    def half_life_d(self) -> float:
        """Half-life [d]."""
        return self.table.half_life

    @property
    def decay_per_h(self) -> float:
        """Decay constant [1/h]."""
        return math.log(2.0) / (24.0 * self.table.half_life)

    @property
    def decay_per_s(self) -> float:
        """Decay constant [1/s]."""
        return self.decay_per_h / 3600.0

    # --- what it gives ------------------------------------------------------------------------------------------

    def dose_rate(self, points_cm: ArrayLike, air_kerma_strength_U: float = 1.0) -> Floats:
        """Dose rate in water around a seed at the origin along z.

        Parameters
        ----------
        points_cm : (n, 3) floats
            Places [cm]; the seed's tip (theta 0) points towards +z.
        air_kerma_strength_U : float
            Of the seed at this moment [U = cGy cm2/h].

        Returns
        -------
        float64, shape (n,)
            [cGy/h]

        Raises
        ------
        InputError
            Where a place is not three finite numbers, or the strength is negative or not finite.
        """
        points = np.asarray(points_cm, dtype=np.float64)
        problems = []
        if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
            problems.append(f"points: finite places of shape (n, 3) [cm] are due, got an array of {points.shape}")
        if not 0.0 <= air_kerma_strength_U < math.inf:
            problems.append(f"air-kerma strength: 0 U or more is due, got {air_kerma_strength_U}")
        if problems:
            raise InputError(problems)
        out = np.empty(len(points))
        kernels.along_z(out, np.ascontiguousarray(points), *self.numbers)
        return out * (self.dose_rate_constant * air_kerma_strength_U)

    def total_dose(
        self, points_cm: ArrayLike, air_kerma_strength_U: float = 1.0, hours: float = math.inf, after_h: float = 0.0
    ) -> Floats:
        """Dose from ``after_h`` for ``hours`` [h], both since the seed had its strength; for ever by default.

        Returns
        -------
        float64, shape (n,)
            [Gy]

        Raises
        ------
        InputError
            As `dose_rate`, and where a time is negative.
        """
        if not hours >= 0.0 or not 0.0 <= after_h < math.inf:
            raise InputError(f"total dose: times of 0 h or more are due, got {hours} h after {after_h} h")
        decay = self.decay_per_h
        share = math.exp(-decay * after_h) * -math.expm1(-decay * hours)
        return self.dose_rate(points_cm, air_kerma_strength_U) * (share / decay / 100.0)

    @cached_property
    def numbers(self) -> tuple[Any, ...]:
        """What `kernels.relative` takes after the place: length and capsule [cm], g, and F or phi_an."""
        t = self.table
        if t.anisotropy is not None:
            shape = t.f_r, t.theta, t.anisotropy
        elif t.phi_r is not None and t.phi_an is not None:
            shape = t.phi_r, np.zeros(1), t.phi_an[:, None]
        else:
            raise InputError(f"seed {t.name}: its table has neither F nor phi_an")
        f_r, theta, f = (np.ascontiguousarray(a, dtype=np.float64) for a in shape)
        return (t.active_length, self.capsule_radius, t.r, np.log(t.g), f_r, theta, f)


def kerma_per_activity(parameters: Parameters | None = None) -> float:
    """Air-kerma strength of an apparent activity [U/mCi]."""
    per_becquerel = (parameters or load_parameters())["dose.kerma_per_activity"]  # Gy m2/s/Bq
    return per_becquerel * 3.7e7 / (1e-6 / 3600.0)


def _capsule_radius(parameters: Parameters | None = None) -> float:
    return 100.0 * (parameters or load_parameters())["dose.capsule_radius"]


@lru_cache(maxsize=1)
def _shipped() -> dict[str, SeedSource]:
    folder = resources.files("tumorsim") / "data" / "seeds"
    made = {}
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name):
        text = file.read_text(encoding="utf-8")
        source = SeedSource(check(document.read_text(text, file.name, _KIND)), _capsule_radius())
        made[source.name] = source
    return made
