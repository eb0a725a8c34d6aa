"""A session of heat on a bench: needles lie exactly where the file places them, and there is nothing to aim at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.lattice import Lattice
from tumorsim.outcomes.residue import Attempt
from tumorsim.treatments.base import Delivery, Plan
from tumorsim.treatments.thermal.spec import ThermalSpec, with_defaults


def bench_plan(spec: ThermalSpec, told: Mapping[str, Any]) -> Plan:
    """The needles of a file as they are; on a bench every scenario lists them (`ThermalSpec.centred`).

    Parameters
    ----------
    told : mapping
        What the audit says of the setting.
    """
    needles = [
        {
            "tip": list(needle.tip),
            "direction": list(needle.direction),
            "points": [[p.depth, float(p.power or 0.0), float(p.duration or 0)] for p in needle.points],
        }
        for needle in (with_defaults(each, spec.power, spec.duration) for each in spec.listed)
    ]
    return Plan(
        None,
        {**told, "needles": len(needles)},
        {"needles": needles, "planned_cover": None, "room": math.inf, "left_out": ()},
    )


def reaches_face(lattice: Lattice, zone: NDArray[np.bool_]) -> tuple[str, ...]:
    """What to say of a zone (sites,) that ends where the block does, not where heat does; nothing elsewhere."""
    box = zone.reshape(lattice.shape)
    ends = (box[[0, -1]], box[:, [0, -1]], box[:, :, [0, -1]])
    return ("the zone reaches the face of the block, which bounds it",) if any(e.any() for e in ends) else ()


def bench_attempt(n_sites: int, delivery: Delivery) -> Attempt:
    """What a session means for sites (n_sites,) of which none holds a cell."""
    none = np.zeros(n_sites, dtype=bool)
    return Attempt(
        delivered=delivery.changed, planned=none, missed=none, other_supply=none, cooled=none, low_dose=none,
        received=np.zeros(n_sites),
    )  # fmt: skip
