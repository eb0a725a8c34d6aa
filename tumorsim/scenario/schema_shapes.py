"""Keys of the tumour's shape and of a segmentation of the patient, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import core_schema

from tumorsim.anatomy.forms import MAX_LOBES, MAX_NODULES
from tumorsim.treatments.spec import Choice, Quantity, Whole, Word, shown

Length = Annotated[float, Quantity("m", "42 mm", above="0 mm", at_most="1 m")]


class Model(BaseModel):
    """A mapping of the file: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Counted(Whole):
    """A whole number, or the word ``none`` for 0."""

    def read(self, value: Any) -> int:
        """The number itself."""
        try:
            return 0 if value == "none" else super().read(value)
        except ValueError as error:
            raise ValueError(f"{error} Or write 'none'.") from None

    def schema(self) -> dict[str, Any]:
        """JSON Schema: the word or the number."""
        return {"anyOf": [{"const": "none"}, super().schema()]}


class _Lengths:
    """Several lengths in a list."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> tuple[float, ...]:
        """The lengths in m."""
        if not isinstance(value, list | tuple) or not self.least <= len(value) <= self.most:
            raise ValueError(f"needs {self.least} to {self.most} lengths in a list, for example [30 mm, 18 mm, 12 mm].")
        length = Quantity("m", "30 mm", above="0 mm", at_most="1 m")
        return tuple(length.read(item) for item in value)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        item = Quantity("m", "30 mm", above="0 mm").schema()
        return {"type": "array", "items": item, "minItems": self.least, "maxItems": self.most}


class _Distance:
    """A length, or the least and the greatest."""

    length = Quantity("m", "5 mm", at_least="0 mm", at_most="100 mm")

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> tuple[float, float]:
        """Least and greatest in m."""
        if not isinstance(value, list | tuple):
            value = [value, value]
        if len(value) != 2:
            raise ValueError("needs one length, or the least and the greatest, for example [2 mm, 8 mm].")
        low, high = (self.length.read(item) for item in value)
        if low > high:
            raise ValueError(f"must go from small to large, not from {low * 1e3:g} to {high * 1e3:g} mm.")
        return low, high

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        pair = {"type": "array", "items": self.length.schema(), "minItems": 2, "maxItems": 2}
        return {"anyOf": [self.length.schema(), pair]}


class _Label:
    """The name of a segment, or a whole number."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> str | int:
        """The name, stripped, or the label."""
        if isinstance(value, int) and not isinstance(value, bool):
            return Whole(1, 2**31 - 1).read(value)
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is neither a name nor a label. Write tumour, or 2.")
        return Word(200).read(value)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [Word(200).schema(), Whole(1, 2**31 - 1).schema()]}


class NoKeys(Model):
    """A shape that has no keys of its own."""


class LobulatedFile(Model):
    """Bulges on all sides with notches between them."""

    lobes: Annotated[int, Whole(2, MAX_LOBES)] | None = Field(default=None, description="Default: parameter")
    depth: Length | None = Field(
        default=None, description="Of the notches, at most half the radius; default: parameter"
    )


class NodulesFile(Model):
    """Several nodules, each a compartment of its own."""

    number: Annotated[int, Whole(2, MAX_NODULES)] | None = Field(default=None, description="Default: parameter")
    sizes: Annotated[tuple[float, ...], _Lengths(2, MAX_NODULES)] | None = Field(
        default=None, description="Diameter of each, in place of number and of the tumour's diameter"
    )
    distance: Annotated[tuple[float, float], _Distance()] | None = Field(
        default=None, description="Gap between neighbours, '5 mm' or [2 mm, 8 mm]; default: parameter"
    )


class InfiltratingFile(Model):
    """A border that is a rim in which tumour and liver interlace."""

    depth: Length | None = Field(default=None, description="Width of the rim, at most the radius; default: parameter")


class ShapeFile(Model):
    """A shape by its word, or by its word and keys: `lobulated`, or `{lobulated: {lobes: 5}}`."""

    sphere: NoKeys | None = None
    ellipsoid: NoKeys | None = None
    lobulated: LobulatedFile | None = None
    nodules: NodulesFile | None = None
    infiltrating: InfiltratingFile | None = None

    @model_validator(mode="before")
    @classmethod
    def _word_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {Choice(tuple(cls.model_fields)).read(value): {}}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [Choice(tuple(cls.model_fields)).schema(), handler(core)]}

    def named(self) -> list[str]:
        """Words of the shapes that are given."""
        return [word for word in type(self).model_fields if getattr(self, word) is not None]


class ImageFile(Model):
    """The patient's own tumour and liver from a segmentation."""

    file: Annotated[str, Word(500)] = Field(
        description="NIfTI (.nii, .nii.gz) or 3D Slicer's .seg.nrrd, relative to this file"
    )
    tumour: Annotated[str | int, _Label()] = Field(description="Name of a segment, or a label")
    liver: Annotated[str | int, _Label()] | None = Field(
        default=None, description="Name of a segment, or a label; left out: all of the box is liver"
    )
