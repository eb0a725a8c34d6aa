"""Keys of the organs beside the tumour, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic_core import core_schema

from tumorsim.anatomy.organ_place import PLACES, SIDES, unit
from tumorsim.errors import nearest
from tumorsim.scenario.schema_shapes import Model
from tumorsim.state import ORGANS
from tumorsim.treatments.spec import Choice, Quantity, shown


class Side:
    """A side of the tumour by its axis, or a direction."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> tuple[float, float, float]:
        """A unit vector."""
        if isinstance(value, str) and value.strip() in SIDES:
            return SIDES[value.strip()]
        numbers = isinstance(value, list | tuple) and all(
            isinstance(part, int | float) and not isinstance(part, bool) for part in value
        )
        if numbers:
            try:
                return unit(value)
            except ValueError:
                pass
        guess = nearest(value, SIDES) if isinstance(value, str) else ""
        raise ValueError(
            f"{shown(value)} is no side.{guess} Allowed: {', '.join(SIDES)} (+x left, +y back, +z head), "
            "or a direction such as [1, 0, -1]."
        )

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        direction = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
        return {"anyOf": [{"enum": list(SIDES)}, direction]}


class NeighbourFile(Model):
    """Where an organ lies."""

    distance: Annotated[float, Quantity("m", "4 mm", at_most="200 mm")] | None = Field(
        default=None, description="From the tumour's border to the organ's wall; default: parameter"
    )
    side: Annotated[tuple[float, float, float], Side()] | None = Field(
        default=None, description="Side of the tumour; default: where the organ lies as a rule"
    )


class DuctFile(NeighbourFile):
    """Where a bile duct runs, and which it is."""

    place: Annotated[str, Choice(PLACES)] = Field(
        default=PLACES[0], description="Place in the tree of ducts, which decides how wide it is"
    )


class OrganFile(Model):
    """One organ beside the tumour, by its name: `{gallbladder: {distance: 4 mm, side: -x}}`."""

    gallbladder: NeighbourFile | None = None
    bowel: NeighbourFile | None = None
    stomach: NeighbourFile | None = None
    diaphragm: NeighbourFile | None = None
    bile_duct: DuctFile | None = None

    @model_validator(mode="before")
    @classmethod
    def _word_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {Choice(ORGANS).read(value): {}}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [Choice(ORGANS).schema(), handler(core)]}

    def named(self) -> list[str]:
        """Organs that are given."""
        return [name for name in type(self).model_fields if getattr(self, name) is not None]
