"""Keys of `tae` (bland) and `tace` (with drug) in a scenario file.

Sizes on the market run from 40 to 1000 um. The drug of `tace` is checked and recorded but does not act in
this version: both kinds act by closing vessels only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tumorsim.errors import nearest
from tumorsim.treatments.base import Kind
from tumorsim.treatments.spec import Context, Quantity, Spec, Whole, Word

POSITIONS = ("lobar", "segmental", "superselective")
DRUGS = ("doxorubicin", "epirubicin", "cisplatin", "mitomycin")
NO_DRUG_ACTION = "the drug is carried (checked and recorded) but does not act in this version"

Dose = Annotated[float, Quantity("kg", "50 mg", at_least="0 mg", at_most="10 g")]


def trunk_names() -> list[str]:
    """Arteries every grown tree has, apart from its feeders."""
    return ["proper_hepatic", "right", "left", *(f"segment_{i}" for i in range(1, 9))]


class Beads(BaseModel):
    """Size of the beads [m] and the standard deviation of their sizes [m]; 0: all of one size."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[float, Quantity("m", "100 um", at_least="40 um", at_most="1000 um")] = 100e-6
    spread: Annotated[float, Quantity("m", "20 um", at_least="0 um", at_most="500 um")] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _size_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"size": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        alone = Quantity("m", "100 um", at_least="40 um", at_most="1000 um").schema()
        return {"anyOf": [alone, handler(core)]}

    def describe(self) -> str:
        """``100 +- 20 um``."""
        spread = f" +- {self.spread * 1e6:g}" if self.spread else ""
        return f"{self.size * 1e6:g}{spread} um"


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
    """Bland embolisation: beads from a catheter into the arteries until flow stops."""

    hints: ClassVar[dict[str, str]] = {"drug": "Bland embolisation carries no drug: use tace."}

    catheter: Annotated[
        str,
        Word(80),
        Field(
            description="lobar, segmental, superselective, or an artery by name: proper_hepatic, right, "
            "left, segment_1 to segment_8, feeder_1 and on",
            json_schema_extra={"examples": [*POSITIONS, "segment_5", "feeder_1"]},
        ),
    ] = "superselective"
    beads: Beads = Field(default_factory=Beads, description="'100 um' or {size: 100 um, spread: 20 um}")
    number: Annotated[int, Whole(0, 10**9)] | None = Field(
        default=None, description="Number of beads; left out: to stasis; 0 delivers nothing"
    )

    def problems(self, context: Context) -> Iterator[tuple[str, str]]:
        """A catheter in a vessel that does not exist; a spread wider than half the size."""
        if self.beads.spread > self.beads.size / 2:
            yield "beads.spread", f"is more than half the size ({self.beads.size * 1e6:g} um)."
        if self.catheter in POSITIONS:
            return
        if context.vessels is not None:
            names, what = sorted(context.vessels), "the imported graph names"
        elif context.feeders is None:  # the feeders are not known well; judge the form of the name only
            names, what = [*trunk_names(), *(f"feeder_{i}" for i in range(1, 13))], "arteries"
        else:
            feeders = [f"feeder_{i}" for i in range(1, context.feeders + 1)]
            names, what = [*trunk_names(), *feeders], f"arteries (this tumour has {context.feeders} feeders)"
        if self.catheter not in names:
            listed = ", ".join(names[:24]) + (", ..." if len(names) > 24 else "") or "none"
            guess = nearest(self.catheter, [*POSITIONS, *names])
            yield (
                "catheter",
                f"there is no vessel '{self.catheter}'.{guess} Allowed: {', '.join(POSITIONS)}; {what}: {listed}.",
            )

    def where(self) -> str:
        """The catheter's place in words."""
        return {
            "lobar": "from the artery of the lobe that holds the tumour",
            "segmental": "from the artery of the segment that holds the tumour",
            "superselective": "from each tumour feeder that the image shows",
        }.get(self.catheter, f"from the artery {self.catheter}")

    def describe(self) -> str:
        """One sentence for `check`."""
        if self.number == 0:
            return f"no beads (number 0) {self.where()}: nothing is delivered"
        amount = "until flow stops (stasis)" if self.number is None else f"{self.number} of them, or until stasis"
        return f"beads of {self.beads.describe()} {self.where()}, {amount}"


class TaceSpec(TaeSpec):
    """Chemoembolisation: as bland embolisation, with a drug."""

    hints: ClassVar[dict[str, str]] = {}

    drug: Drug = Field(default_factory=Drug, description="Mass of each drug; carried, not acting in this version")

    def describe(self) -> str:
        """One sentence for `check`."""
        drugs = ", ".join(f"{mass * 1e6:g} mg {name}" for name, mass in self.drug.given().items())
        return super().describe() + (f"; {drugs} carried" if drugs and self.number != 0 else "")

    def carried(self) -> list[str]:
        """The drug, where one is given."""
        return [f"{', '.join(self.drug.given())}: {NO_DRUG_ACTION}"] if self.drug.given() else []


_PHYSICS = "tumorsim.treatments.embolisation:Embolisation"

KINDS = (
    Kind("tae", TaeSpec, _PHYSICS, "bland embolisation (TAE)"),
    Kind("tace", TaceSpec, _PHYSICS, "chemoembolisation (TACE)"),
)
