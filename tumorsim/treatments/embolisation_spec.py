"""Keys of `tae` (bland) and `tace` (with drug) in a scenario file.

Sizes of beads on the market run from 40 to 1000 um. What a drug does to cells is not in this version: it is
carried, booked where its carrier stays, and does not act.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tumorsim.errors import nearest
from tumorsim.outcomes.guidance import GUIDANCES
from tumorsim.outcomes.reserve import Condition
from tumorsim.state import DRUGS
from tumorsim.treatments.base import Kind
from tumorsim.treatments.limits import embolisation_limits
from tumorsim.treatments.spec import Choice, Context, Quantity, Spec, Whole, Word, YesNo

POSITIONS = ("lobar", "segmental", "superselective")
EMBOLICS = ("beads", "gelatin", "none")
ENDPOINTS = ("stasis", "near-stasis")
OTHER_ARTERIES = ("phrenic", "omental", "thrombus_artery")  # where the patient has them
NO_DRUG_ACTION = "the drug is carried (checked and recorded) but does not act in this version"

Dose = Annotated[float, Quantity("kg", "50 mg", at_least="0 mg", at_most="10 g")]
_BEAD = Quantity("m", "100 um", at_least="40 um", at_most="1000 um")
_OIL = Quantity("m^3", "10 mL", at_least="0 mL", at_most="40 mL")
_COLLATERAL = re.compile(r"collateral_[1-9]\d*")


def trunk_names() -> list[str]:
    """Arteries every grown tree has, apart from its feeders."""
    return ["proper_hepatic", "right", "left", *(f"segment_{i}" for i in range(1, 9))]


_IN_WORDS = {
    "proper_hepatic": "the proper hepatic artery",
    "right": "the right hepatic artery",
    "left": "the left hepatic artery",
    "phrenic": "the right inferior phrenic artery",
    "omental": "the omental artery",
    "thrombus_artery": "the artery of the thrombus",
}


def artery_in_words(name: str) -> str:
    """``the right hepatic artery``, ``the artery of segment 5``, ``feeder 1``."""
    if name.startswith("segment_"):
        return f"the artery of segment {name.removeprefix('segment_')}"
    return _IN_WORDS.get(name, name.replace("_", " "))


class Beads(BaseModel):
    """Sizes of the beads [m]: mean and standard deviation (0: all of one size), or the range on a label.

    A range is uniform in diameter: what two sieves leave.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[float, _BEAD] = 100e-6
    spread: Annotated[float, Quantity("m", "20 um", at_least="0 um", at_most="500 um")] = 0.0
    range: tuple[Annotated[float, _BEAD], Annotated[float, _BEAD]] | None = Field(
        default=None, description="Smallest and largest diameter, in place of size and spread: [100 um, 300 um]"
    )

    @model_validator(mode="before")
    @classmethod
    def _size_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"size": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [_BEAD.schema(), handler(core)]}

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, message) for sizes that contradict each other."""
        if self.range is not None:
            low, high = self.range
            for key in sorted({"size", "spread"} & self.model_fields_set):
                yield key, "stands beside range. Write size and spread, or range."
            if low >= high:
                yield "range", f"must go from small to large, not from {low * 1e6:g} to {high * 1e6:g} um."
        elif self.spread > self.size / 2:
            yield "spread", f"is more than half the size ({self.size * 1e6:g} um)."

    def describe(self) -> str:
        """``100 +- 20 um`` or ``100 to 300 um``."""
        if self.range is not None:
            return f"{self.range[0] * 1e6:g} to {self.range[1] * 1e6:g} um"
        spread = f" +- {self.spread * 1e6:g}" if self.spread else ""
        return f"{self.size * 1e6:g}{spread} um"


class Oil(BaseModel):
    """Iodised oil: volume [m3], 0 for none, and diameter of its droplets [m]."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Annotated[float, _OIL] = 10e-6
    droplets: Annotated[float, Quantity("m", "50 um", at_least="10 um", at_most="500 um")] = 50e-6

    @model_validator(mode="before")
    @classmethod
    def _volume_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"volume": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [_OIL.schema(), handler(core)]}

    def describe(self) -> str:
        """``10 mL of iodised oil in droplets of 50 um``."""
        return f"{self.volume * 1e6:g} mL of iodised oil in droplets of {self.droplets * 1e6:g} um"


class Drug(BaseModel):
    """Mass of each drug [kg]; 0: not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    doxorubicin: Dose = 0.0
    epirubicin: Dose = 0.0
    cisplatin: Dose = 0.0
    mitomycin: Dose = 0.0

    def given(self) -> dict[str, float]:
        """The drugs with a mass above zero, name to kg."""
        return {name: mass for name in DRUGS if (mass := getattr(self, name)) > 0}


class TaeSpec(Spec):
    """Bland embolisation: oil, then beads or gelatin, from a catheter into the arteries until flow stops."""

    hints: ClassVar[dict[str, str]] = {
        "drug": "Bland embolisation carries no drug: use tace.",
        "eluting": "Bland embolisation carries no drug: use tace.",
    }

    catheter: Annotated[
        str,
        Word(80),
        Field(
            description="lobar, segmental, superselective, or an artery by name: proper_hepatic, right, "
            "left, segment_1 to segment_8, feeder_1 and on; phrenic, omental, collateral_1 and on where there are",
            json_schema_extra={"examples": [*POSITIONS, "segment_5", "feeder_1"]},
        ),
    ] = "superselective"
    guidance: Annotated[str, Choice(GUIDANCES)] = Field(
        default="cone-beam CT",
        description="What shows the feeders: angiography alone shows wide ones only, and more are overlooked",
    )
    embolic: Annotated[str, Choice(EMBOLICS)] = Field(
        default="beads", description="beads stay, gelatin (pieces of about 0.5 to 1 mm) dissolves; none: oil alone"
    )
    beads: Beads = Field(
        default_factory=Beads, description="'100 um', {size: 100 um, spread: 20 um} or {range: [100 um, 300 um]}"
    )
    oil: Oil | None = Field(
        default=None, description="Iodised oil before the embolic: '10 mL' or {volume: 10 mL, droplets: 50 um}"
    )
    number: Annotated[int, Whole(0, 10**9)] | None = Field(
        default=None, description="Number of pieces; left out: to the endpoint; 0 delivers nothing"
    )
    endpoint: Annotated[str, Choice(ENDPOINTS)] = Field(
        default="stasis", description="Where injection stops: flow has all but stopped, or is sluggish"
    )

    @property
    def oil_volume(self) -> float:
        """Oil prescribed [m3]."""
        return 0.0 if self.oil is None else self.oil.volume

    def problems(self, context: Context) -> Iterator[tuple[str, str]]:
        """A catheter in a vessel that does not exist; sizes or embolics that contradict each other."""
        if self.embolic != "beads" and "beads" in self.model_fields_set:
            yield "beads", f"stands beside embolic: {self.embolic}. Keep one of them."
        else:
            yield from ((f"beads.{key}", message) for key, message in self.beads.problems())
        if self.embolic == "none":
            if self.oil_volume <= 0.0:
                yield "embolic", "none leaves nothing to inject. Give oil: 10 mL, or an embolic: beads or gelatin."
            if self.number:
                yield "number", "counts beads or pieces of gelatin, and embolic is none."
        if "guidance" in self.model_fields_set and self.catheter not in POSITIONS:
            yield "guidance", f"shows the operator where to go, and the catheter is put in {self.catheter} by name."
        yield from self._catheter_problems(context)

    def _catheter_problems(self, context: Context) -> Iterator[tuple[str, str]]:
        if self.catheter in POSITIONS:
            return
        if context.vessels is not None:
            names, what = sorted(context.vessels), "the imported graph names"
        elif _COLLATERAL.fullmatch(self.catheter):
            return
        elif context.feeders is None:  # the feeders are not known well; judge the form of the name only
            feeders = [f"feeder_{i}" for i in range(1, 13)]
            names, what = [*trunk_names(), *feeders, *OTHER_ARTERIES], "arteries"
        else:
            feeders = [f"feeder_{i}" for i in range(1, context.feeders + 1)]
            names = [*trunk_names(), *feeders, *OTHER_ARTERIES]
            what = f"arteries (this tumour has {context.feeders} feeders)"
        if self.catheter not in names:
            listed = ", ".join(names[:24]) + (", ..." if len(names) > 24 else "") or "none"
            guess = nearest(self.catheter, [*POSITIONS, *names])
            yield (
                "catheter",
                f"there is no vessel '{self.catheter}'.{guess} Allowed: {', '.join(POSITIONS)}; {what}: {listed}.",
            )

    def contraindications(self, condition: Condition, parameters: Mapping[str, float]) -> tuple[str, ...]:
        """Decompensated cirrhosis, jaundice, untreated ascites; thrombus stands with the plan, by catheter."""
        return embolisation_limits(condition, parameters)

    def where(self) -> str:
        """The catheter's place in words."""
        guided = "" if self.guidance == "cone-beam CT" else f", guided by {self.guidance} alone"
        place = {
            "lobar": "from the artery of the lobe that holds the tumour",
            "segmental": "from the artery of the segment that holds the tumour",
            "superselective": "from each tumour feeder that the image shows",
        }.get(self.catheter, f"from {artery_in_words(self.catheter)}")
        return place + guided

    def describe(self) -> str:
        """One sentence for `check`."""
        what = {"beads": f"beads of {self.beads.describe()}", "gelatin": "pieces of gelatin", "none": ""}[self.embolic]
        if self.number == 0:
            return f"no {what.split(' of ')[0] or 'oil'} (number 0) {self.where()}: nothing is delivered"
        oil = self.oil.describe() if self.oil is not None and self.oil.volume > 0.0 else ""
        if not what:
            return f"{oil} {self.where()}"
        stop = "until flow stops (stasis)" if self.endpoint == "stasis" else "until flow is sluggish (near-stasis)"
        amount = stop if self.number is None else f"{self.number} of them, or until {self.endpoint}"
        return f"{oil + ', then ' if oil else ''}{what} {self.where()}, {amount}"


class TaceSpec(TaeSpec):
    """Chemoembolisation: as bland embolisation, with a drug."""

    hints: ClassVar[dict[str, str]] = {}

    drug: Drug = Field(default_factory=Drug, description="Mass of each drug; carried, not acting in this version")
    eluting: Annotated[bool, YesNo()] = Field(
        default=False, description="The drug is loaded on the beads; else it is in the oil, or without oil in solution"
    )

    @property
    def carrier(self) -> str:
        """Where the drug is: ``beads``, ``oil`` or ``solution``."""
        if self.eluting:
            return "beads"
        return "oil" if self.oil_volume > 0.0 else "solution"

    def problems(self, context: Context) -> Iterator[tuple[str, str]]:
        """As `TaeSpec`; beads that elute need beads and a drug."""
        yield from super().problems(context)
        if self.eluting and self.embolic != "beads":
            yield "eluting", f"only beads carry a drug to elute, and embolic is {self.embolic}."
        if self.eluting and not self.drug.given():
            yield "eluting", "needs a drug on the beads. Write drug: {doxorubicin: 50 mg}."

    def describe(self) -> str:
        """One sentence for `check`."""
        drugs = ", ".join(f"{mass * 1e6:g} mg {name}" for name, mass in self.drug.given().items())
        place = {"beads": "on the beads", "oil": "in the oil", "solution": "in solution"}[self.carrier]
        return super().describe() + (f"; {drugs} carried {place}" if drugs and self.number != 0 else "")

    def carried(self) -> list[str]:
        """The drug, where one is given."""
        return [f"{', '.join(self.drug.given())}: {NO_DRUG_ACTION}"] if self.drug.given() else []


_PHYSICS = "tumorsim.treatments.embolisation:Embolisation"

KINDS = (
    Kind("tae", TaeSpec, _PHYSICS, "bland embolisation (TAE)", needs_feeders=True),
    Kind("tace", TaceSpec, _PHYSICS, "chemoembolisation (TACE)", needs_feeders=True),
)
