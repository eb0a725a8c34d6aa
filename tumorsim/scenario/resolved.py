"""A scenario in which nothing is left open: SI values, defaults filled in, frozen."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tumorsim.anatomy.masks import PatientImage
from tumorsim.anatomy.organ_place import OrganSpec, reach_of
from tumorsim.anatomy.passing_vein import VeinSpec, vein_reach
from tumorsim.anatomy.spec import TumourSpec, box_size
from tumorsim.lattice import Lattice, capacity
from tumorsim.outcomes.reserve import StartCondition
from tumorsim.parameters import Parameters, load_parameters
from tumorsim.scenario.bench import NO_TUMOUR
from tumorsim.scenario.condition import start_condition, with_liver_volume
from tumorsim.scenario.couplings import ALL_ON, Couplings
from tumorsim.scenario.document import Document
from tumorsim.scenario.estimate import Estimate, estimate
from tumorsim.scenario.fine import Fine, fine_kind, resolve_fine
from tumorsim.scenario.organs import organ_specs
from tumorsim.scenario.schema import ScenarioFile, TissueFile
from tumorsim.scenario.shapes import tissue_image, tumour_spec, with_liver
from tumorsim.treatments.base import Kind, kind_named, registry
from tumorsim.treatments.spec import Spec
from tumorsim.vessels.extrahepatic import BY_SIZE_AND_PLACE


@dataclass(frozen=True)
class Tissue:
    """The block of liver: cubic box of edge ``size`` [m], ``spacing`` [m], ``density`` [1/m3].

    ``dimensions`` is 3, or 2 for a slab one site thick. ``fine`` is what stands in the place of liver and grown
    vessels; then ``size`` is the longest side of its box.
    """

    tumour: TumourSpec
    size: float
    spacing: float
    dimensions: int
    density: float
    liver: str
    fine: Fine | None = None
    organs: tuple[OrganSpec, ...] = ()

    def lattice(self) -> Lattice:
        """The sites of the box."""
        if self.fine is not None:
            return Lattice.for_box(self.fine.box, self.spacing)
        return Lattice.for_box(self.size, self.spacing, slab=self.dimensions == 2)

    @property
    def capacity(self) -> int:
        """Cells a site can hold (1: one cell a site)."""
        return capacity(self.density, self.spacing)

    @property
    def image(self) -> PatientImage | None:
        """The segmentation that the tumour is read from, where it is."""
        form = self.tumour.form
        return form if isinstance(form, PatientImage) else None

    @property
    def tumour_volume(self) -> float:
        """Volume of the tumour in the box [m3]; in a slab that of its middle slice."""
        if self.dimensions == 3:
            return self.tumour.volume
        x, y, _ = self.tumour.semi_axes
        return math.pi * x * y * self.spacing


@dataclass(frozen=True)
class Vessels:
    """The blood supply. ``feeders`` is None where a graph is read from ``file``.

    ``extrahepatic`` is one of `tumorsim.vessels.extrahepatic.SUPPLY`.
    """

    feeders: int | None
    terminals: int
    file: Path | None
    extrahepatic: str = BY_SIZE_AND_PLACE
    vein: VeinSpec | None = None


@dataclass(frozen=True)
class Event:
    """One treatment at one time.

    Attributes
    ----------
    at : int
        Seconds from the start.
    kind : str
        Name in the registry.
    id : str
        As written, or kind and occurrence (``tace_1``).
    occurrence : int
        1 for the first of its kind in time.
    spec : Spec
        Its keys.
    index : int
        Place in the file, from 0.
    """

    at: int
    kind: str
    id: str
    occurrence: int
    spec: Spec
    index: int = field(compare=False)

    @property
    def definition(self) -> Kind:
        """Its entry in the registry."""
        return kind_named(self.kind)


@dataclass(frozen=True)
class Scenario:
    """What is simulated: tissue, vessels, patient, treatments in time. Times are int seconds.

    Two scenarios are equal where all their values are, whether they came from a file, a dict or arguments.
    ``treatments`` stand in the order they happen: by time, then by place in the file. ``condition`` is None where
    the tissue is no part of a liver.
    """

    name: str
    until: int
    step: int
    seed: int
    assess: int
    tissue: Tissue
    vessels: Vessels
    treatments: tuple[Event, ...]
    parameters: Mapping[str, Any]
    condition: StartCondition | None = None
    notes: str = ""
    couplings: Couplings = ALL_ON
    source: Path | None = field(default=None, compare=False)
    document: Document | None = field(default=None, compare=False, repr=False)

    # --- making one --------------------------------------------------------------------------------------

    @classmethod
    def load(cls, path_or_name: str | Path, overrides: Mapping[str, Any] | None = None) -> Scenario:
        """Read a file, or a shipped scenario by its name.

        Parameters
        ----------
        path_or_name : str or Path
            ``my.yaml`` or ``tace_lobar``.
        overrides : mapping, optional
            Path to value, such as ``{"tissue.tumour.diameter": "42 mm"}``, set before anything is checked.

        Raises
        ------
        InputError
            With every problem found.
        """
        from tumorsim.scenario.load import load

        return load(path_or_name, overrides)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], **values: Any) -> Scenario:
        """Make one from what a file would hold; ``values`` as in `replace`. Errors as `load`."""
        from tumorsim.scenario.load import from_dict

        return from_dict(data, values)

    def replace(self, path: str | None = None, value: Any = None, /, **values: Any) -> Scenario:
        """A copy with other values, checked as a whole.

        ``s.replace("tissue.tumour.diameter", "42 mm")`` and ``s.replace(tissue__tumour__diameter="42 mm")``
        are the same. Errors as `load`.
        """
        from tumorsim.scenario.load import replaced

        return replaced(self, {**({} if path is None else {path: value}), **values})

    # --- as it was written -------------------------------------------------------------------------------

    @property
    def raw(self) -> dict[str, Any]:
        """Plain data as written (a copy)."""
        return copy.deepcopy(self.document.data) if self.document is not None else {}

    @property
    def settled(self) -> dict[str, Any]:
        """As `raw`, with names of other files made absolute, so that it can be read again from anywhere."""
        data = self.raw
        if self.vessels.file is not None:
            data["vessels"] = {**data["vessels"], "file": str(self.vessels.file)}
        if self.tissue.image is not None and self.document is not None:
            image = data["tissue"]["image"]
            data["tissue"]["image"] = {**image, "file": str((self.document.folder / image["file"]).resolve())}
        return data

    def to_yaml(self) -> str:
        """The scenario as a file; names of other files are made absolute."""
        from tumorsim.scenario.load import to_yaml

        return to_yaml(self)

    # --- what follows from it ----------------------------------------------------------------------------

    @property
    def n_steps(self) -> int:
        """Base steps of the run."""
        return self.until // self.step

    @property
    def after_last(self) -> int | None:
        """When the result is read after the last treatment [s]; None without one, or beyond ``until``."""
        due = self.after_last_due
        return due if due is not None and due <= self.until else None

    @property
    def after_last_due(self) -> int | None:
        """As `after_last`, even where the run ends before; None on a bench, where nothing goes on after a session."""
        if not self.treatments or (self.tissue.fine is not None and self.tissue.fine.kind == "bench"):
            return None
        wait = max(event.definition.read_after for event in self.treatments)
        return max(event.at for event in self.treatments) + wait

    def load_parameters(self) -> Parameters:
        """The parameter table with this scenario's own values, and the liver's volume of an image that holds it."""
        given = with_liver_volume(self.parameters, self.condition)
        return with_liver(load_parameters(given), self.tissue.image, given)

    @cached_property
    def estimate(self) -> Estimate:
        """Sites, cells, memory and time of one patient."""
        tissue = self.tissue
        return estimate(
            tissue.lattice().n_sites,
            tissue.tumour_volume,
            tissue.spacing,
            tissue.capacity,
            self.n_steps,
            tissue.fine is None,
            self.load_parameters(),
        )


def fine_tissue(file: ScenarioFile, document: Document, parameters: Mapping[str, float]) -> Fine | None:
    """What stands in the place of liver and grown vessels; None where these are asked for."""
    spheroid = tumour_spec(file.tissue.tumour, parameters) if fine_kind(file) == "spheroid" else None
    return resolve_fine(file, vessel_file(file, document), spheroid, parameters)


def resolve_tissue(
    tissue: TissueFile,
    until: int,
    parameters: Mapping[str, float],
    image: PatientImage | None = None,
    fine: Fine | None = None,
    vein: VeinSpec | None = None,
) -> Tissue:
    """The tissue with its defaults; the automatic box has room for the tumour as grown to ``until`` [s].

    ``image`` is that of `tissue_image`, ``fine`` that of `fine_tissue`, ``vein`` what is to pass the tumour.
    """
    if fine is not None and fine.kind == "bench":
        return Tissue(NO_TUMOUR, max(fine.box), tissue.spacing, 3, _density(tissue, parameters), "normal", fine)
    if fine is not None:
        tumour = tumour_spec(tissue.tumour.model_copy(update=fine.filled), parameters)
        return Tissue(tumour, max(fine.box), tissue.spacing, 3, _density(tissue, parameters), tissue.liver, fine)
    tumour = tumour_spec(tissue.tumour, parameters, image)
    organs = organ_specs(tissue, parameters)
    room = [reach_of(organ, tumour, parameters) for organ in organs]
    room += [] if vein is None else [vein_reach(vein, tumour)]
    return Tissue(
        tumour=tumour,
        size=round(box_size(tumour, until, parameters, room), 9) if tissue.size is None else tissue.size,
        spacing=tissue.spacing,
        dimensions=tissue.dimensions,
        density=_density(tissue, parameters),
        liver=tissue.liver,
        organs=organs,
    )


def _density(tissue: TissueFile, parameters: Mapping[str, float]) -> float:
    return parameters["tissue.cell_density"] if tissue.density is None else tissue.density


def feeders_by_size(longest: float, parameters: Mapping[str, float], vascularity: str = "hyper") -> int:
    """Feeders of a tumour by its longest diameter [m] and its vascularity, at least 1."""
    if longest < parameters["scenario.middle_tumour"]:
        count = round(parameters["scenario.feeders_small"])
    elif longest < parameters["scenario.large_tumour"]:
        count = round(parameters["scenario.feeders_middle"])
    else:
        count = round(parameters["scenario.feeders_large"])
    if vascularity == "hyper":
        return count
    return max(1, math.floor(parameters[f"scenario.feeders_{vascularity}"] * count + 0.5))


def resolve(file: ScenarioFile, document: Document, source: Path | None) -> Scenario:
    """The scenario of a valid file."""
    parameters = load_parameters(file.parameters)
    fine = fine_tissue(file, document, parameters)
    vein = None if file.vessels.vein is None else file.vessels.vein.spec()
    tissue = resolve_tissue(file.tissue, file.until, parameters, tissue_image(file.tissue, document), fine, vein)
    feeders = file.vessels.feeders
    if feeders is None:
        feeders = feeders_by_size(2 * max(tissue.tumour.semi_axes), parameters, tissue.tumour.vascularity)
    terminals = file.vessels.terminals or round(parameters["scenario.terminals"])
    return Scenario(
        name=file.name,
        until=file.until,
        step=file.step,
        seed=file.seed,
        assess=file.until if file.assess is None else file.assess,
        tissue=tissue,
        vessels=Vessels(
            None if fine else feeders, terminals, vessel_file(file, document), file.vessels.extrahepatic, vein
        ),
        treatments=events(file.treatments, document.folder, parameters if file.tissue.bench else None),
        parameters=dict(sorted(file.parameters.items())),
        condition=None if fine else start_condition(file.condition, file.tissue.liver, parameters),
        notes=file.notes or "",
        couplings=Couplings.of(file.couplings),
        source=source,
        document=document,
    )


def vessel_file(file: ScenarioFile, document: Document) -> Path | None:
    """The imported graph's absolute path, or None."""
    return (document.folder / file.vessels.file).resolve() if file.vessels.file else None


def item_kind(item: Any) -> str | None:
    """The kind an item of the file names."""
    return next((name for name in registry() if getattr(item, name, None) is not None), None)


def events(
    items: Iterable[Any], folder: Path | None = None, bench: Mapping[str, float] | None = None
) -> tuple[Event, ...]:
    """Treatment items in the order they happen, each with its occurrence.

    Names of files are from ``folder`` on; ``bench`` is the parameter table of a bench, where needles are at the origin.
    """
    numbered = sorted(enumerate(items), key=lambda entry: (entry[1].at, entry[0]))
    seen: dict[str, int] = {}
    result = []
    for index, item in numbered:
        kind = item_kind(item)
        if kind is None:
            continue  # refused by the checks
        seen[kind] = seen.get(kind, 0) + 1
        name = item.id or f"{kind}_{seen[kind]}"
        spec = getattr(item, kind)
        spec = spec if folder is None else spec.located(folder)
        spec = spec if bench is None else spec.centred(bench)
        result.append(Event(item.at, kind, name, seen[kind], spec, index))
    return tuple(result)


def common_past(scenarios: Iterable[Scenario]) -> int | None:
    """Seconds until which scenarios are the same, or None.

    They are where they differ in nothing but name, notes and treatments: up to the first treatment that not
    all of them have. Identical treatments give their ``until``.
    """
    listed = list(scenarios)
    first = listed[0]
    same = ("until", "step", "seed", "assess", "tissue", "vessels", "parameters", "condition", "couplings")
    if any(getattr(other, key) != getattr(first, key) for other in listed[1:] for key in same):
        return None
    until = first.until
    for other in listed[1:]:
        for mine, theirs in zip(first.treatments, other.treatments, strict=False):
            if mine != theirs:
                until = min(until, mine.at, theirs.at)
                break
        else:
            short, long = sorted((first.treatments, other.treatments), key=len)
            until = min(until, *(event.at for event in long[len(short) : len(short) + 1]), first.until)
    return until
