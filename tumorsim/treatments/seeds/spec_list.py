"""Seeds that a scenario file places one by one: the key ``seeds`` within `seeds`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema

from tumorsim.errors import nearest
from tumorsim.treatments.spec import Quantity, shown

MOST_SEEDS = 500
ACTIVITY = Quantity("Bq", "0.6 mCi", above="0 mCi", at_most="100 mCi")
_PLACE = Quantity("m", "5 mm", at_least="-500 mm", at_most="500 mm")
_KEYS = ("at", "direction", "activity")
_ALONG_Z = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class PlacedSeed:
    """A seed as a file places it: middle ``at`` [m], unit ``direction`` towards its tip, ``activity`` [Bq].

    None: the activity of the treatment's key.
    """

    at: tuple[float, float, float]
    direction: tuple[float, float, float] = _ALONG_Z
    activity: float | None = None


class SeedsKey:
    """A list of seeds (tuple of `PlacedSeed`)."""

    def read(self, value: Any) -> tuple[PlacedSeed, ...]:
        """What was written; ValueError with every problem of it."""
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_SEEDS:
            raise ValueError(f"needs a list of 1 to {MOST_SEEDS} seeds: [{{at: [0 mm, 0 mm, 5 mm]}}].")
        problems: list[str] = []
        found = tuple(_seed(each, f"seed {n}", problems) for n, each in enumerate(value, 1))
        if problems:
            raise ValueError(" ".join(problems))
        return found

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        three = {"type": "array", "minItems": 3, "maxItems": 3}
        keys = {
            "at": {**three, "items": _PLACE.schema()},
            "direction": {**three, "items": {"type": "number"}},
            "activity": ACTIVITY.schema(),
        }
        seed = {"type": "object", "properties": keys, "additionalProperties": False, "required": ["at"]}
        return {"type": "array", "minItems": 1, "items": seed}


def outside(seeds: Sequence[PlacedSeed], box: tuple[float, float, float]) -> Iterator[str]:
    """What is said of seeds whose middle lies outside a box of these sides [m] about the origin."""
    for n, seed in enumerate(seeds, 1):
        if any(abs(x) > 0.5 * side for x, side in zip(seed.at, box, strict=True)):
            place = ", ".join(f"{1e3 * x:.4g} mm" for x in seed.at)
            sides = " x ".join(f"{1e3 * s:.4g}" for s in box)
            yield f"seed {n}, at ({place}), lies outside the body, a box of {sides} mm about the origin."


def too_near(seeds: Sequence[PlacedSeed], diameter: float) -> Iterator[str]:
    """What is said of seeds that would lie in each other: nearer than one is thick [m]."""
    for n, seed in enumerate(seeds, 1):
        for m, other in enumerate(seeds[: n - 1], 1):
            if math.dist(seed.at, other.at) < diameter:
                yield f"seeds {m} and {n} lie in each other: a seed is {1e3 * diameter:g} mm thick."


def _seed(value: Any, where: str, problems: list[str]) -> PlacedSeed:
    if not isinstance(value, dict):
        problems.append(f"{where}: {shown(value)} is no seed. Write keys and values: {', '.join(_KEYS)}.")
        return PlacedSeed((0.0, 0.0, 0.0))
    for key in value:
        if key not in _KEYS:
            problems.append(f"{where}: unknown key '{key}'.{nearest(str(key), _KEYS)} Allowed: {', '.join(_KEYS)}.")
    if "at" not in value:
        problems.append(f"{where}: at is missing. Write where its middle lies: at: [0 mm, 0 mm, 5 mm].")
    return PlacedSeed(_place(value, where, problems), _way(value, where, problems), _activity(value, where, problems))


def _place(value: Mapping[str, Any], where: str, problems: list[str]) -> tuple[float, float, float]:
    given = value.get("at", ["0 mm"] * 3)
    if not isinstance(given, list | tuple) or len(given) != 3:
        problems.append(f"{where}, at: needs three lengths in a list, for example [0 mm, 0 mm, 5 mm].")
        return (0.0, 0.0, 0.0)
    found = [0.0, 0.0, 0.0]
    for axis, part in enumerate(given):
        try:
            found[axis] = _PLACE.read(part)
        except ValueError as error:
            problems.append(f"{where}, at: {error}")
    return (found[0], found[1], found[2])


def _way(value: Mapping[str, Any], where: str, problems: list[str]) -> tuple[float, float, float]:
    given = value.get("direction", list(_ALONG_Z))
    good = isinstance(given, list | tuple) and len(given) == 3
    good = good and all(isinstance(p, int | float) and not isinstance(p, bool) and math.isfinite(p) for p in given)
    length = math.hypot(*given) if good else 0.0
    if length == 0.0:
        problems.append(
            f"{where}, direction: {shown(given)} is no direction. Write three numbers, not all 0, such as [0, 0, 1]."
        )
        return _ALONG_Z
    x, y, z = (float(part) / length for part in given)
    return (x, y, z)


def _activity(value: Mapping[str, Any], where: str, problems: list[str]) -> float | None:
    if "activity" not in value:
        return None
    try:
        return ACTIVITY.read(value["activity"])
    except ValueError as error:
        problems.append(f"{where}, activity: {error}")
        return None
