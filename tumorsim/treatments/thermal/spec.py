"""Keys of `microwave` and `radiofrequency` in a scenario file.

A needle is named by where its tip lies and the way it points, in the tissue's own coordinates: millimetres from the
middle of the box. The last `heat.antenna_length` (or `heat.electrode_length`) of it is its active part. Several
points along one needle are the places it is drawn back to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic_core import core_schema

from tumorsim import quantity
from tumorsim.errors import InputError, nearest
from tumorsim.outcomes.reserve import Condition
from tumorsim.treatments.base import Kind
from tumorsim.treatments.limits import percutaneous_limits
from tumorsim.treatments.spec import Choice, Context, Duration, Quantity, Spec, Whole, Word, shown
from tumorsim.treatments.thermal.alarm import ALARMS, OFF, ON, OPERATED
from tumorsim.treatments.thermal.sar_table import read_sar_table

AUTO = "auto"
FREQUENCIES = {"2.45 GHz": 2450, "915 MHz": 915}
PLANS = ("replanned", "same")
TARGETS = ("tumour", "feeders")
DEVICES = {"single": 1, "cluster": 3}
MOST_NEEDLES = 30

_POWER = Quantity("W", "60 W", above="0 W", at_most="300 W")
_DURATION = Duration(example="10 min", above="0 s", at_most="1 h")
_DEPTH = Quantity("m", "15 mm", at_least="0 mm", at_most="200 mm")
_PLACE = Quantity("m", "5 mm", at_least="-500 mm", at_most="500 mm")


@dataclass(frozen=True)
class Point:
    """One place of a needle: drawn back ``depth`` [m] from its tip's, heated with ``power`` [W] for ``duration`` [s].

    None: as the treatment's keys say.
    """

    depth: float = 0.0
    power: float | None = None
    duration: int | None = None


@dataclass(frozen=True)
class Placed:
    """A needle as a file names it: ``tip`` [m], unit ``direction`` towards it, points in the order they are heated."""

    tip: tuple[float, float, float]
    direction: tuple[float, float, float] = (0.0, 0.0, 1.0)
    points: tuple[Point, ...] = (Point(),)


def _keys(value: Any, allowed: tuple[str, ...], where: str, problems: list[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        problems.append(f"{where}: {shown(value)} is no needle or point. Write keys and values: {', '.join(allowed)}.")
        return {}
    for key in value:
        if key not in allowed:
            problems.append(f"{where}: unknown key '{key}'.{nearest(str(key), allowed)} Allowed: {', '.join(allowed)}.")
    return value


def _read(reader: Any, value: Any, where: str, problems: list[str], otherwise: Any) -> Any:
    try:
        return reader.read(value)
    except ValueError as error:
        problems.append(f"{where}: {error}")
        return otherwise


def _three(value: Any, reader: Quantity | None, where: str, problems: list[str]) -> tuple[float, float, float]:
    """Three lengths, or three bare numbers that are a direction."""
    good = isinstance(value, list | tuple) and len(value) == 3
    if reader is not None:
        if not good:
            problems.append(f"{where}: needs three lengths in a list, for example [0 mm, 0 mm, 12 mm].")
            return (0.0, 0.0, 0.0)
        x, y, z = (_read(reader, part, where, problems, 0.0) for part in value)
        return (x, y, z)
    numbers = good and all(isinstance(p, int | float) and not isinstance(p, bool) and math.isfinite(p) for p in value)
    length = math.hypot(*value) if numbers else 0.0
    if length == 0.0:
        problems.append(f"{where}: {shown(value)} is no direction. Write three numbers, not all 0, such as [0, 0, 1].")
        return (0.0, 0.0, 1.0)
    x, y, z = (float(part) / length for part in value)
    return (x, y, z)


def _point(value: Any, where: str, problems: list[str]) -> Point:
    keys = _keys(value, ("depth", "power", "duration"), where, problems)
    depth = _read(_DEPTH, keys["depth"], f"{where}, depth", problems, 0.0) if "depth" in keys else 0.0
    power = _read(_POWER, keys["power"], f"{where}, power", problems, None) if "power" in keys else None
    long = _read(_DURATION, keys["duration"], f"{where}, duration", problems, None) if "duration" in keys else None
    return Point(depth, power, long)


def _needle(value: Any, where: str, problems: list[str]) -> Placed:
    keys = _keys(value, ("tip", "direction", "points"), where, problems)
    if "tip" not in keys:
        problems.append(f"{where}: tip is missing. Write where the tip lies: tip: [0 mm, 0 mm, 12 mm].")
    tip = _three(keys["tip"], _PLACE, f"{where}, tip", problems) if "tip" in keys else (0.0, 0.0, 0.0)
    way = _three(keys["direction"], None, f"{where}, direction", problems) if "direction" in keys else (0.0, 0.0, 1.0)
    points = keys.get("points", [{}])
    if not isinstance(points, list) or not 1 <= len(points) <= 20:
        problems.append(f"{where}, points: needs a list of 1 to 20 points: [{{depth: 0 mm}}, {{depth: 15 mm}}].")
        points = [{}]
    listed = tuple(_point(each, f"{where}, point {n}", problems) for n, each in enumerate(points, 1))
    return Placed(tip, way, listed)


class AlarmKey(Choice):
    """``on``, ``operated`` or ``off``; true and false are taken too (`on` and `off` of YAML 1.1)."""

    def read(self, value: Any) -> str:
        """The word."""
        return super().read((ON if value else OFF) if isinstance(value, bool) else value)

    def schema(self) -> dict[str, Any]:
        """JSON Schema: an enumeration."""
        return {"enum": [*self.words, True, False]}


class NeedlesKey:
    """``auto`` (read as None), a number of needles (int), or a list of needles (tuple of `Placed`)."""

    def read(self, value: Any) -> int | tuple[Placed, ...] | None:
        """What was written; ValueError with every problem of it."""
        if value == AUTO:
            return None
        if not isinstance(value, list):
            try:
                return Whole(1, MOST_NEEDLES).read(value)
            except ValueError as error:
                raise ValueError(f"{error} Or write auto, or a list: [{{tip: [0 mm, 0 mm, 12 mm]}}].") from None
        if not 1 <= len(value) <= MOST_NEEDLES:
            raise ValueError(f"lists {len(value)} needles; 1 to {MOST_NEEDLES} are allowed.")
        problems: list[str] = []
        found = tuple(_needle(each, f"needle {n}", problems) for n, each in enumerate(value, 1))
        if problems:
            raise ValueError(" ".join(problems))
        return found

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        point = {
            "depth": {**_DEPTH.schema(), "description": "Drawn back from the first place by so much"},
            "power": _POWER.schema(),
            "duration": _DURATION.schema(),
        }
        three = {"type": "array", "minItems": 3, "maxItems": 3}
        keys = {
            "tip": {**three, "items": _PLACE.schema()},
            "direction": {**three, "items": {"type": "number"}},
            "points": {"type": "array", "items": _closed(point)},
        }
        listed = {"type": "array", "minItems": 1, "items": {**_closed(keys), "required": ["tip"]}}
        return {"anyOf": [{"const": AUTO}, Whole(1, MOST_NEEDLES).schema(), listed]}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


_PLANNED = ("margin", "plan", "points", "target")  # keys that say how needles are placed by an image


class ThermalSpec(Spec):
    """A needle's heat: where it is put, how strong and how long.

    ``active_length`` is the row of the parameter table with the length of its active part.
    """

    active_length: ClassVar[str]

    needles: Annotated[int | tuple[Placed, ...] | None, NeedlesKey()] = Field(
        default=None,
        description="auto: as few as cover the outline and the margin; how many; or each with its tip [x, y, z] from "
        "the middle of the tissue, its direction, and the points it is drawn back to",
    )
    power: Annotated[float, _POWER] = Field(default=60.0, description="Of the generator, for each needle")
    duration: Annotated[int, _DURATION] = Field(default=600, description="Of heating at each point")
    points: Annotated[int, Whole(1, 10)] | None = Field(
        default=None, description="Most places along each needle (pull-back); default: parameter"
    )
    generators: Annotated[int, Whole(1, 4)] = Field(
        default=2, description="How many needles are heated at the same time; the others follow"
    )
    margin: Annotated[float, Quantity("m", "5 mm", at_least="0 mm", at_most="30 mm")] | None = Field(
        default=None, description="Liver around the outline that the plan covers; default: parameter"
    )
    plan: Annotated[str, Choice(PLANS)] = Field(
        default="replanned", description="From the image of the day, or the same as from the baseline image"
    )
    target: Annotated[str, Choice(TARGETS)] = Field(
        default="tumour", description="feeders: arteries that feed the tumour are coagulated first, at its border"
    )
    alarm: Annotated[str, AlarmKey(ALARMS)] = Field(
        default=ON,
        description="Heating stops when the wall of an organ reaches the temperature of the alarm; operated: a lower "
        "one, for a patient who has had surgery there; off: heating goes on",
    )
    sar: Annotated[str, Word(500)] | None = Field(
        default=None, description="A file with the measured power density of the device, relative to this file"
    )

    @property
    def listed(self) -> tuple[Placed, ...]:
        """Needles that the file places; none where the plan does."""
        return self.needles if isinstance(self.needles, tuple) else ()

    def problems(self, context: Context) -> Iterator[tuple[str, str]]:
        """Needles outside the body, a session longer than a step, keys beside each other, a SAR that is none."""
        if context.slab:
            yield "needles", "a slab has no room for a needle. Write tissue.dimensions: 3."
        if self.listed:
            for key in sorted({"points", "target", "plan"} & self.model_fields_set):
                yield key, "says how needles are placed, and needles places them. Keep one of them."
        elif context.bench:
            yield from self._on_bench()
        if "alarm" in self.model_fields_set and context.organs == ():
            yield "alarm", "tissue.organs names no organ, so no wall can stop heating. Leave it out, or add one."
        yield from self._outside(context)
        seconds = self.least_seconds()
        if context.step is not None and seconds > context.step:
            long, step = (quantity.format(t, "s", 6) for t in (seconds, context.step))
            yield (
                "duration",
                f"the session takes {long} of heating, longer than a step of the cells' clock ({step}). Give it as "
                "several treatments, or use more generators.",
            )
        if self.sar is not None and context.folder is not None:
            file = context.folder / self.sar
            try:
                read_sar_table(file, 1.0)
            except InputError as error:
                there = () if file.is_file() else sorted(f.name for f in file.parent.glob("*.csv"))
                yield "sar", "; ".join(error.problems) + "." + nearest(file.name, there)

    def _on_bench(self) -> Iterator[tuple[str, str]]:
        """What an operator would need an image of a tumour for."""
        for key in sorted({*_PLANNED} & self.model_fields_set):
            yield key, "says how needles are placed round a tumour, and a bench has none. Leave it out."
        if ("needles" in self.model_fields_set and self.needles is None) or self.needles not in (None, 1):
            yield (
                "needles",
                "a bench has no tumour to place needles by. Leave it out for one along z through the middle, or list "
                "them: [{tip: [0 mm, 0 mm, 12 mm]}].",
            )

    def centred(self, parameters: Mapping[str, float]) -> Spec:
        """As listed, or one needle along z whose active part has its middle at the origin."""
        if self.listed:
            return self
        return self.model_copy(update={"needles": (Placed((0.0, 0.0, 0.5 * parameters[self.active_length])),)})

    def _outside(self, context: Context) -> Iterator[tuple[str, str]]:
        if context.box is None:
            return
        for n, needle in enumerate(self.listed, 1):
            for m, point in enumerate(needle.points, 1):
                at = [t - point.depth * d for t, d in zip(needle.tip, needle.direction, strict=True)]
                if any(abs(x) > 0.5 * side for x, side in zip(at, context.box, strict=True)):
                    place = ", ".join(f"{1e3 * x:.4g} mm" for x in at)
                    sides = " x ".join(f"{1e3 * s:.4g}" for s in context.box)
                    most = ", ".join(f"{500.0 * s:.4g}" for s in context.box)
                    yield (
                        "needles",
                        f"needle {n}, point {m}: its tip at ({place}) lies outside the body, a box of {sides} mm "
                        f"about the origin. Allowed: at most {most} mm from it along x, y and z.",
                    )

    def least_seconds(self) -> float:
        """Time that heating takes at least [s]; of a plan not made yet, that of as many points as the keys name."""
        if self.listed:
            tracks = [sum(p.duration or self.duration for p in needle.points) for needle in self.listed]
        else:
            tracks = [self.duration * (self.points or 1)] * (self.needles if isinstance(self.needles, int) else 1)
        return busy(tracks, self.generators)

    def located(self, folder: Path) -> Spec:
        """With an absolute name of the SAR table."""
        return self if self.sar is None else self.model_copy(update={"sar": str((folder / self.sar).resolve())})

    def contraindications(self, condition: Condition, parameters: Mapping[str, float]) -> tuple[str, ...]:
        """A needle must not be put in; see `percutaneous_limits`."""
        return percutaneous_limits(condition, parameters)

    def device(self) -> str:
        """The device in words."""
        raise NotImplementedError

    def describe(self) -> str:
        """One sentence for `check`."""
        source = self.device() + ("" if self.sar is None else f" with the power density of {Path(self.sar).name}")
        dose = f"{self.power:g} W for {quantity.format(self.duration, 's', 6)}"
        hot = {ON: "", OPERATED: "; walls count as operated on", OFF: "; a hot wall does not stop it"}[self.alarm]
        at_once = "" if self.generators == 1 else f", up to {self.generators} at a time"
        if self.listed:
            count, points = len(self.listed), sum(len(n.points) for n in self.listed)
            where = f"{points} {'point' if points == 1 else 'points'} as written"
            return f"{count} {'needle' if count == 1 else 'needles'}, {source}, {dose} at {where}{at_once}"
        count_text = "as few needles as it takes" if self.needles is None else f"{self.needles} needles"
        if self.needles == 1:
            count_text = "1 needle"
        margin = "the usual margin (parameter)" if self.margin is None else f"a margin of {self.margin * 1e3:g} mm"
        first = "" if self.target == "tumour" else "; the arteries that feed it first"
        goal = f"the outline and {margin}"
        day = "on the image of the day" if self.plan == "replanned" else "on the baseline image"
        back = "" if self.points is None else f", at most {self.points} points along each"
        return f"{count_text}{back}, {source}, {dose} at each point{at_once}, to cover {goal} {day}{first}{hot}"


class MicrowaveSpec(ThermalSpec):
    """Microwave ablation."""

    active_length: ClassVar[str] = "heat.antenna_length"

    frequency: Annotated[str, Choice(tuple(FREQUENCIES))] = Field(
        default="2.45 GHz", description="Of an internally cooled antenna"
    )

    def problems(self, context: Context) -> Iterator[tuple[str, str]]:
        """As `ThermalSpec`; a frequency beside a measured power density."""
        yield from super().problems(context)
        if self.sar is not None and "frequency" in self.model_fields_set:
            yield "frequency", "stands beside sar, which says all of the device. Keep one of them."

    def device(self) -> str:
        """``an internally cooled antenna at 2.45 GHz``."""
        return "internally cooled antenna" + (f" at {self.frequency}" if self.sar is None else "")


class RadiofrequencySpec(ThermalSpec):
    """Radiofrequency ablation."""

    active_length: ClassVar[str] = "heat.electrode_length"

    power: Annotated[float, _POWER] = Field(default=40.0, description="Of the generator, for each needle")
    duration: Annotated[int, _DURATION] = Field(default=720, description="Of heating at each point")
    electrodes: Annotated[str, Choice(tuple(DEVICES))] = Field(
        default="single", description="One internally cooled electrode, or a cluster of three at one potential"
    )

    def device(self) -> str:
        """``an internally cooled electrode``."""
        return "internally cooled electrode" if self.electrodes == "single" else "cluster of three cooled electrodes"


def busy(tracks: Sequence[float], generators: int) -> float:
    """Seconds until all tracks of so many seconds each are done, each taken by the first generator that is free."""
    free = [0.0] * generators
    for seconds in tracks:
        first = free.index(min(free))
        free[first] += seconds
    return max(free)


def with_defaults(needle: Placed, power: float, duration: int) -> Placed:
    """A needle whose points all name their power and duration."""
    points = tuple(
        Point(p.depth, power if p.power is None else p.power, duration if p.duration is None else p.duration)
        for p in needle.points
    )
    return replace(needle, points=points)


KINDS = (
    Kind(
        "microwave",
        MicrowaveSpec,
        "tumorsim.treatments.thermal.microwave:MicrowaveAblation",
        "microwave ablation",
        needs_liver=True,
        on_bench=True,
    ),
    Kind(
        "radiofrequency",
        RadiofrequencySpec,
        "tumorsim.treatments.thermal.radiofrequency:RadiofrequencyAblation",
        "radiofrequency ablation",
        needs_liver=True,
        on_bench=True,
    ),
)
