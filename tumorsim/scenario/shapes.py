"""What a file says about the tumour's shape: its size, a drawn form, or a segmentation of the patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tumorsim.anatomy.forms import Infiltrating, Lobulated, Nodules
from tumorsim.anatomy.masks import PatientImage, patient_image
from tumorsim.anatomy.spec import Form, TumourSpec, form_conflicts
from tumorsim.errors import InputError
from tumorsim.parameters import Parameters
from tumorsim.scenario.document import Document, Path
from tumorsim.scenario.fine import FINE_WORDS, fine_kind
from tumorsim.scenario.schema import ScenarioFile, TissueFile, TumourFile

Problem = tuple[Path, str]

TUMOUR: Path = ("tissue", "tumour")
IMAGE: Path = ("tissue", "image")
_DRAWN = ("lobulated", "nodules", "infiltrating")


def with_liver(parameters: Parameters, image: PatientImage | None, given: Mapping[str, Any]) -> Parameters:
    """Parameters with the volume of the patient's liver, where the image holds all of it and the file gives none."""
    if image is None or not image.liver_whole or "vessels.liver_volume" in given:
        return parameters
    return parameters.with_overrides({"vessels.liver_volume": f"{image.liver_volume * 1e6!r} mL"})


def tissue_image(tissue: TissueFile, document: Document) -> PatientImage | None:
    """The segmentation that a file names. Errors as `tumorsim.anatomy.masks.patient_image`."""
    if tissue.image is None:
        return None
    return patient_image((document.folder / tissue.image.file).resolve(), tissue.image.tumour, tissue.image.liver)


def tumour_form(tumour: TumourFile, parameters: Mapping[str, float]) -> Form | None:
    """The drawn form of a tumour with its defaults; None for a sphere or an ellipsoid."""
    shape = tumour.shape
    if shape is None:
        return None
    if shape.lobulated is not None:
        lobes, depth = shape.lobulated.lobes, shape.lobulated.depth
        share = parameters["anatomy.lobe_depth"] * 0.5 * (tumour.diameter or 0.0)
        return Lobulated(round(parameters["anatomy.lobes"]) if lobes is None else lobes, depth or share)
    if shape.nodules is not None:
        number, sizes = shape.nodules.number, shape.nodules.sizes
        gap = parameters["anatomy.nodule_distance"]
        number = len(sizes) if sizes else round(parameters["anatomy.nodules"]) if number is None else number
        return Nodules(number, shape.nodules.distance or (gap, gap), sizes)
    if shape.infiltrating is not None:
        return Infiltrating(shape.infiltrating.depth or parameters["anatomy.infiltration_depth"])
    return None


def tumour_spec(tumour: TumourFile, parameters: Mapping[str, float], image: PatientImage | None = None) -> TumourSpec:
    """The tumour with its defaults."""
    doubling = tumour.doubling_time
    form = image or tumour_form(tumour, parameters)
    named = tumour.shape.named() if tumour.shape else []
    drawn = "image" if image else named[0] if named else "sphere" if tumour.axes is None else "ellipsoid"
    return TumourSpec(
        diameter=tumour.diameter,
        axes=tumour.axes,
        shape=drawn,
        capsule=tumour.capsule,
        septa=tumour.septa,
        satellites=tumour.satellites,
        latent_foci=tumour.latent_foci,
        thrombus=tumour.thrombus,
        place=tumour.place,
        vascularity=tumour.vascularity,
        doubling_time=float(parameters["tissue.doubling_time"] if doubling is None else doubling),
        form=form,
    )


def shape_problems(file: ScenarioFile, data: Any) -> Iterator[Problem]:
    """What is wrong between size, shape and image, and what cannot be drawn."""
    tissue, tumour = file.tissue, file.tissue.tumour
    fine, named = fine_kind(file), tumour.shape.named() if tumour.shape else []
    shape: Path = (*TUMOUR, "shape")
    if fine == "bench":
        return  # that there is no tumour is said with the rest of the bench
    if len(named) != 1 and tumour.shape is not None:
        listed = f" ({', '.join(named)})" if named else ""
        yield shape, f"names {len(named)} shapes{listed}. Write one."
        return
    word = named[0] if named else None
    if fine is not None and (tissue.image is not None or word in _DRAWN):
        where = IMAGE if tissue.image is not None else shape
        yield where, f"is for a tumour in liver; {FINE_WORDS[fine]} has none around it. Leave it out."
        return
    if tissue.image is not None:
        for key in ("diameter", "axes", "shape"):
            if getattr(tumour, key) is not None:
                yield (*TUMOUR, key), "stands beside tissue.image, which says how the tumour is. Keep one of them."
        if tissue.dimensions == 2:
            yield ("tissue", "dimensions"), "a slab has no room for the tumour of an image. Write dimensions: 3."
        return
    if fine in ("cord", "network"):
        return
    if "tumour" not in (data.get("tissue") or {}):
        yield TUMOUR, "is missing. Write tumour: {diameter: 42 mm}, or image: {file: ..., tumour: ...}"
        return
    yield from _sizes(file, word)


def _sizes(file: ScenarioFile, word: str | None) -> Iterator[Problem]:
    tumour, shape = file.tissue.tumour, (*TUMOUR, "shape")
    nodules = tumour.shape.nodules if tumour.shape else None
    sized = nodules is not None and nodules.sizes is not None
    if nodules is not None and nodules.sizes is not None and nodules.number is not None:
        yield (*shape, "nodules", "number"), "stands beside sizes, which say how many there are. Keep one of them."
    if sized and tumour.diameter is not None:
        yield (*TUMOUR, "diameter"), "stands beside the sizes of the nodules. Keep one of them."
    elif tumour.diameter is not None and tumour.axes is not None:
        yield (*TUMOUR, "axes"), "stands beside diameter. Write diameter for a sphere or axes for an ellipsoid."
    elif word == "ellipsoid" and tumour.axes is None:
        yield shape, "an ellipsoid needs axes, for example [50 mm, 42 mm, 36 mm]."
    elif word == "sphere" and tumour.axes is not None:
        yield shape, "axes describe an ellipsoid. Write diameter for a sphere."
    elif word in _DRAWN and tumour.axes is not None:
        yield (*TUMOUR, "axes"), f"describe an ellipsoid. Write diameter: {word} has the volume of that sphere."
    elif tumour.diameter is None and tumour.axes is None and not sized:
        yield TUMOUR, "needs a size. Write diameter: 42 mm, or axes: [50 mm, 42 mm, 36 mm]."
    elif word == "ellipsoid" and tumour.diameter is not None:
        yield (*TUMOUR, "diameter"), "describes a sphere. Write axes for an ellipsoid."


def form_problems(file: ScenarioFile, parameters: Mapping[str, float]) -> Iterator[Problem]:
    """What of a drawn form cannot be, or not beside the rest; for a file without `shape_problems`."""
    tumour = file.tissue.tumour
    named = tumour.shape.named() if tumour.shape else []
    form = tumour_form(tumour, parameters)
    if form is None or isinstance(form, PatientImage):
        return
    word = named[0]
    for key, message in form_conflicts(word, tumour.capsule, tumour.septa):
        yield (*TUMOUR, key), f"{message}."
    if file.tissue.dimensions == 2:
        yield ("tissue", "dimensions"), f"a slab holds a sphere or an ellipsoid, not {word}. Write dimensions: 3."
    size = tumour.diameter
    if size is None and isinstance(form, Nodules) and form.sizes is not None:
        size = sum(s**3 for s in form.sizes) ** (1 / 3)
    for key, message in form.problems((size or 0.0) / 2):
        yield (*TUMOUR, "shape", word, key), f"{message}."


def image_of(file: ScenarioFile, document: Document) -> tuple[list[Problem], PatientImage | None]:
    """What cannot be read of an image, and the image."""
    try:
        return [], tissue_image(file.tissue, document)
    except InputError as error:
        found: list[Problem] = []
        for line in error.problems:
            key, _, message = line.partition(": ")
            found.append(((*IMAGE, key), message))
        return found, None
