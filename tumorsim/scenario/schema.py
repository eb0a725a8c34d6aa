"""The keys of a scenario file, as pydantic models, and the JSON Schema made from them.

The models hold the values as the file gives them, in SI units, with None where a key is left to its
default. `tumorsim.scenario.resolved` turns them into a scenario in which nothing is left open.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field, create_model
from pydantic_core import core_schema

from tumorsim.anatomy.foci import MAX_LATENT_FOCI
from tumorsim.anatomy.spec import CAPSULES, MAX_SATELLITES, MAX_SEPTA, PLACES, THROMBI, VASCULARITIES
from tumorsim.fields.network_oxygen import SPECIES
from tumorsim.scenario.bench import BENCHES
from tumorsim.scenario.condition import ConditionFile
from tumorsim.scenario.couplings import LATER_COUPLINGS, CouplingsFile
from tumorsim.scenario.schema_organs import OrganFile
from tumorsim.scenario.schema_shapes import Counted, ImageFile, Length, Model, ShapeFile
from tumorsim.scenario.vein import VeinFile
from tumorsim.treatments.base import registry
from tumorsim.treatments.spec import Choice, Duration, OrWord, Quantity, Whole, Word, shown
from tumorsim.vessels.extrahepatic import BY_SIZE_AND_PLACE, SUPPLY

SCHEMA_VERSION = 1
SCHEMA_FILE = "scenario.schema.json"
MAX_SEED = 2**32 - 1


# Keys the design has and this version has not.
LATER_KEYS: dict[tuple[str | int, ...], str] = {
    ("patient",): "patients in files of their own",
    ("arms",): "study files",
    ("patients",): "cohorts in files (use `tumorsim compare --patients`)",
    **{("couplings", name): f"couplings through {words}" for name, words in LATER_COUPLINGS.items()},
}


class _Axes:
    """Three lengths in a list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> tuple[float, float, float]:
        """Three lengths in m."""
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise ValueError("needs three full lengths (x, y, z) in a list, for example [50 mm, 42 mm, 36 mm].")
        length = Quantity("m", "42 mm", above="0 mm", at_most="1 m")
        x, y, z = (length.read(item) for item in value)
        return x, y, z

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        item = Quantity("m", "42 mm", above="0 mm").schema()
        return {"type": "array", "items": item, "minItems": 3, "maxItems": 3}


class _Version:
    """The version of these keys."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> int:
        """The version, if this program reads it."""
        if isinstance(value, bool) or value != SCHEMA_VERSION:
            raise ValueError(
                f"version {shown(value)} is not known to this tumorsim. Write schema_version: {SCHEMA_VERSION}."
            )
        return SCHEMA_VERSION

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return {"const": SCHEMA_VERSION}


class TumourFile(Model):
    """The tumour: `diameter` or `axes`, and what surrounds and divides it."""

    diameter: Length | None = Field(default=None, description="Diameter of a sphere, or of the sphere of the volume")
    axes: Annotated[tuple[float, float, float], _Axes()] | None = Field(
        default=None, description="Full lengths of an ellipsoid along x, y and z"
    )
    shape: ShapeFile | None = Field(
        default=None,
        description="sphere or ellipsoid follow from diameter or axes; lobulated, nodules, infiltrating take the "
        "diameter of the sphere of their volume, and keys of their own",
    )
    capsule: Annotated[str, Choice(CAPSULES)] = Field(default="none", description="Fibrous capsule around the tumour")
    septa: Annotated[int, Whole(0, MAX_SEPTA)] = Field(
        default=0, description="Fibrous walls that divide the tumour into compartments"
    )
    satellites: Annotated[int, Whole(0, MAX_SATELLITES)] = Field(default=0, description="Small nodules near the tumour")
    latent_foci: Annotated[int | None, OrWord("by size", Counted(0, MAX_LATENT_FOCI))] = Field(
        default=None,
        description="Microscopic foci in the liver beyond the box, reported apart; by size: drawn for each patient, "
        "more for larger tumours and in a cirrhotic liver",
    )
    thrombus: Annotated[str, Choice(THROMBI)] = Field(
        default="none",
        description="Tumour thrombus of the portal vein: beyond (Vp1) or in (Vp2) the branch of a segment, "
        "in the right portal vein (Vp3), in the trunk (Vp4)",
    )
    place: Annotated[str, Choice(PLACES)] = Field(
        default="deep", description="Where in the liver: away from the surface, or at a part of it"
    )
    vascularity: Annotated[str, Choice(VASCULARITIES)] = Field(
        default="hyper", description="Arterial blood of the tumour: more than, as much as or less than liver"
    )
    doubling_time: Annotated[int, Duration(example="140 d", at_least="1 d", at_most="100 years")] | None = Field(
        default=None, description="Volume doubling time of the untreated tumour; default: parameter"
    )


class CultureFile(Model):
    """Culture medium around the tumour, which is then a spheroid; for a spacing of 50 um and less."""

    medium: Annotated[float, Quantity("mmHg", "100 mmHg", above="0 mmHg", at_most="760 mmHg")] | None = Field(
        default=None, description="Oxygen pressure of the stirred medium; default: parameter"
    )


class CordFile(Model):
    """A cylinder of tumour around one straight vessel, instead of liver; for a spacing of 50 um and less."""

    radius: Length = Field(description="Radius of the tissue, beyond which no oxygen passes")
    length: Length = Field(description="Length along the vessel")
    vessel: Annotated[float, Quantity("m", "10 um", above="0 um", at_most="1 mm")] | None = Field(
        default=None, description="Inner diameter of the vessel; default: parameter"
    )
    blood: Annotated[float, Quantity("mmHg", "40 mmHg", above="0 mmHg", at_most="760 mmHg")] | None = Field(
        default=None, description="Oxygen pressure of its blood; default: parameter"
    )


class TissueFile(Model):
    """The block of tissue that is simulated: liver with a tumour in it, a spheroid in culture, a cord, or a bench."""

    tumour: TumourFile = Field(default_factory=TumourFile)
    image: ImageFile | None = Field(
        default=None, description="A segmentation of the patient, in place of the tumour's diameter, axes and shape"
    )
    size: Annotated[float | None, OrWord("auto", Quantity("m", "70 mm", above="0 mm", at_most="1 m"))] = Field(
        default=None, description="Edge of the box; auto: tumour and room to grow; on a bench: parameter"
    )
    spacing: Annotated[float, Quantity("m", "1 mm", above="0 mm", at_most="20 mm")] = Field(
        default=1e-3, description="Edge of a site; default 1 mm"
    )
    dimensions: Annotated[int, Whole(2, 3)] = Field(default=3, description="3, or 2 for a slab one site thick")
    density: Annotated[float, Quantity("1/m^3", "2e8 1/mL", above="0 1/mL", at_most="1e10 1/mL")] | None = Field(
        default=None, description="Tumour cells in a volume; default: parameter"
    )
    liver: Annotated[str, Choice(("normal", "cirrhotic"))] = Field(
        default="cirrhotic", description="Liver around the tumour"
    )
    organs: list[OrganFile] = Field(default_factory=list, description="Organs beside the tumour, at most one of a kind")
    culture: CultureFile | None = Field(
        default=None, description="The tumour is a spheroid in culture medium (spacing of 50 um or less)"
    )
    cord: CordFile | None = Field(
        default=None, description="Tumour around one straight vessel (spacing of 50 um or less); tumour has no size"
    )
    bench: Annotated[str, Choice(BENCHES)] | None = Field(
        default=None, description="A block of liver without a tumour, to be heated: dead at room temperature, or alive"
    )
    temperature: Annotated[float, Quantity("degC", "25 degC", at_least="0 degC", at_most="37 degC")] | None = Field(
        default=None, description="Of the block of a bench ex vivo before it is heated; default: parameter"
    )


class VesselsFile(Model):
    """The blood supply: grown, or imported from a file."""

    feeders: Annotated[int | None, OrWord("by size", Whole(1, 12))] = Field(
        default=None,
        description="Arteries that feed the tumour; by size: more for larger and for hypervascular tumours",
    )
    extrahepatic: Annotated[str, Choice(SUPPLY)] = Field(
        default=BY_SIZE_AND_PLACE,
        description="Artery from outside the liver: drawn for a tumour at the surface, or none, or the one named",
    )
    vein: VeinFile | None = Field(default=None, description="A wide hepatic vein that passes the tumour; default: none")
    terminals: Annotated[int, Whole(50, 20_000)] | None = Field(
        default=None, description="Terminals of each grown tree; default: parameter"
    )
    file: Annotated[str, Word(500)] | None = Field(
        default=None,
        description="A graph (.graphml or .dat), relative to this file, with tumour around it (spacing of 50 um or "
        "less); forbids the other keys but species",
    )
    species: Annotated[str, Choice(SPECIES)] | None = Field(
        default=None, description="Whose blood a graph from a file carries; default: human"
    )


class ItemFile(Model):
    """One treatment: `at`, one kind with its keys, and if wished a name (`id`)."""

    at: Annotated[int, Duration(example="14 d", at_least="0 s")] = Field(
        description="Time of the treatment from the start of the run"
    )
    id: Annotated[str, Word(60)] | None = Field(default=None, description="Name of this treatment in results")


class ScenarioFile(Model):
    """A whole scenario file. `treatments` is completed from the registry by `file_model`."""

    schema_version: Annotated[int, _Version()] = Field(default=SCHEMA_VERSION, description="Version of these keys")
    name: Annotated[str, Word(120)]
    until: Annotated[int, Duration(example="180 d", above="0 s", at_most="100 years")] = Field(
        description="Length of the run; a whole number of steps"
    )
    step: Annotated[int, Duration(example="12 h", at_least="1 h", at_most="24 h")] = Field(
        default=43_200, description="Step of the cells' clock; default 12 h"
    )
    seed: Annotated[int, Whole(0, MAX_SEED)] = Field(default=1, description="Chance of this scenario")
    assess: Annotated[int, Duration(example="90 d", above="0 s")] | None = Field(
        default=None, description="When the result is read; default: until"
    )
    notes: Annotated[str, Word(20_000, lines=True)] | None = None
    tissue: TissueFile
    vessels: VesselsFile = Field(default_factory=VesselsFile)
    condition: ConditionFile = Field(
        default_factory=ConditionFile, description="The patient: blood tests and signs at the start"
    )
    treatments: list[Any] = Field(default_factory=list)
    couplings: CouplingsFile = Field(
        default_factory=CouplingsFile, description="Ways in which treatments act on each other; all on"
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="Other values for rows of the parameter table, with their units",
        json_schema_extra={"additionalProperties": {"type": ["string", "number"]}},
    )


@lru_cache(maxsize=1)
def item_model() -> type[ItemFile]:
    """The model of one treatment item, with a key for every registered kind."""
    kinds = registry()
    fields: dict[str, Any] = {
        name: (kind.spec | None, Field(default=None, description=kind.title)) for name, kind in kinds.items()
    }
    model = create_model("TreatmentItem", __base__=ItemFile, **fields)
    model.model_config["json_schema_extra"] = {"oneOf": [{"required": [name]} for name in kinds]}
    model.model_rebuild(force=True)
    return model


@lru_cache(maxsize=1)
def file_model() -> type[ScenarioFile]:
    """The model of a scenario file with every registered treatment."""
    items: Any = list[item_model()]  # type: ignore[misc]
    return create_model(
        "Scenario",
        __base__=ScenarioFile,
        treatments=(items, Field(default_factory=list, description="Treatments in time")),
    )


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scenario file, for editors."""
    schema = _as_written(file_model().model_json_schema())
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "tumorsim scenario"
    return schema


def _as_written(node: Any) -> Any:
    """Without what is about the program's own values: SI defaults, null for "left out", generated titles."""
    if isinstance(node, list):
        return [_as_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _as_written(value) for key, value in node.items()}
    if isinstance(result.get("title"), str) and ("type" in result or "anyOf" in result or "enum" in result):
        result.pop("title")
    options = result.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        options = [option for option in options if option != {"type": "null"}]
        result.pop("anyOf")
        result = {**options[0], **result} if len(options) == 1 else {**result, "anyOf": options}
    if "default" in result and not (
        isinstance(result["default"], str) or (result.get("type") == "integer" and result["default"] is not None)
    ):
        result.pop("default")
    return result
