"""Keys of `hydrodissection` in a scenario file: fluid that parts the liver from a neighbour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from tumorsim.outcomes.reserve import Condition
from tumorsim.treatments.base import Kind
from tumorsim.treatments.limits import percutaneous_limits
from tumorsim.treatments.spec import Choice, Context, Quantity, Spec

MOVABLE = ("gallbladder", "bowel", "stomach", "diaphragm")
LAYERS = ("ascites", "pleura")
LIQUIDS = ("saline", "dextrose")
FIXED = "a bile duct runs within the liver, and fluid cannot part it from it. Allowed: " + ", ".join(MOVABLE)

Organ = Annotated[str, Choice((*MOVABLE, "bile_duct"))]


class HydrodissectionSpec(Spec):
    """Saline or dextrose between the liver and an organ, or behind the diaphragm."""

    organ: Organ | None = Field(
        default=None, description="Organ to part from the liver; default: the nearest to the tumour that can be moved"
    )
    thickness: Annotated[float, Quantity("m", "10 mm", at_least="0 mm", at_most="40 mm")] | None = Field(
        default=None, description="Thickness of the layer; default: parameter"
    )
    volume: Annotated[float, Quantity("m^3", "500 mL", at_least="0 mL", at_most="5 L")] | None = Field(
        default=None, description="Volume of fluid, in place of the thickness"
    )
    fluid: Annotated[str, Choice(LIQUIDS)] = Field(default="saline", description="0.9 % saline or 5 % dextrose")
    kind: Annotated[str, Choice(LAYERS)] = Field(
        default="ascites", description="Between liver and organ (ascites), or between diaphragm and lung (pleura)"
    )

    def problems(self, context: Context) -> Iterator[tuple[str, str]]:
        """An organ that is not there or cannot be moved, two amounts, pleura elsewhere than at the diaphragm."""
        if self.thickness is not None and self.volume is not None:
            yield "volume", "stands beside thickness. Keep one of them."
        if self.organ == "bile_duct":
            yield "organ", f"{FIXED}."
        elif self.kind == "pleura" and self.organ not in (None, "diaphragm"):
            yield (
                "kind",
                "fluid in the pleura lies behind the diaphragm only. Write organ: diaphragm, or kind: ascites.",
            )
        elif context.organs is not None:
            wanted = (self.organ,) if self.organ else ("diaphragm",) if self.kind == "pleura" else MOVABLE
            if not set(wanted) & set(context.organs):
                there = ", ".join(context.organs) or "none"
                named = self.organ or ("diaphragm" if self.kind == "pleura" else "organ that fluid can move")
                yield "organ", f"tissue.organs has no {named}; there are: {there}. Add it: - {wanted[0]}: {{side: -x}}"

    def contraindications(self, condition: Condition, parameters: Mapping[str, float]) -> tuple[str, ...]:
        """A needle must not be put in; see `percutaneous_limits`."""
        return percutaneous_limits(condition, parameters)

    def describe(self) -> str:
        """One sentence for `check`."""
        amount = "as thick as usual (parameter)"
        if self.thickness is not None:
            amount = f"{self.thickness * 1e3:g} mm thick"
        if self.volume is not None:
            amount = f"of {self.volume * 1e6:g} mL"
        organ = "the nearest organ that can be moved" if self.organ is None else f"the {self.organ}"
        where = f"between the liver and {organ}" if self.kind == "ascites" else "between the diaphragm and the lung"
        if (self.thickness, self.volume).count(0.0):
            return f"no {self.fluid} {where}: nothing is delivered"
        return f"a layer of {self.fluid} {amount} {where}; it is taken up again within days"


KINDS = (
    Kind(
        "hydrodissection",
        HydrodissectionSpec,
        "tumorsim.treatments.hydrodissection:Hydrodissection",
        "hydrodissection",
    ),
)
