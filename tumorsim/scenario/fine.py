"""Tissue without grown vessels: a spheroid in medium, a cord, a network in its tissue, or a bench.

What a file says about it (``tissue.culture``, ``tissue.cord``, ``vessels.file``, ``tissue.bench``), what cannot stand
beside it, and the box that follows. Spheroid, cord and network resolve single vessels, at 50 um and less; a bench
has liver and no tumour, see `tumorsim.scenario.bench`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumorsim.anatomy.spec import TumourSpec
from tumorsim.errors import InputError
from tumorsim.fields.network_oxygen import network_box
from tumorsim.fields.oxygen import NARROWEST
from tumorsim.scenario.bench import IN_VIVO, bench_problems, bench_side, bench_temperature, only_on_bench
from tumorsim.vessels.files import read_graph
from tumorsim.vessels.flow import FlowSolver

if TYPE_CHECKING:
    from tumorsim.scenario.schema import ScenarioFile

Problem = tuple[tuple[str | int, ...], str]

FINE_WORDS = {
    "spheroid": "a spheroid in culture", "cord": "a cord", "network": "a network in its tissue",
    "bench": "a bench experiment",
}  # fmt: skip
_GROWN = {
    "feeders": "arteries",
    "extrahepatic": "an artery from outside the liver",
    "terminals": "trees",
    "vein": "vein",
}
_PLAIN = ("capsule", "septa", "satellites", "latent_foci", "thrombus", "place", "vascularity")
_UM = 1e-6


@dataclass(frozen=True)
class Fine:
    """Tissue without grown vessels (SI; pressures mmHg, temperatures degC).

    Attributes
    ----------
    kind : str
        ``spheroid``, ``cord``, ``network`` or ``bench``.
    box : tuple of 3 floats
        Sides of the box [m].
    medium : float
        Oxygen pressure of the culture medium (spheroid).
    radius, vessel_radius, blood : float
        Of the cord's tissue and of its vessel [m], and the pressure of the vessel's blood (cord).
    species : str
        Whose haemoglobin the blood carries: ``human`` or ``rat`` (network).
    temperature, perfusion : float
        Of the liver before it is heated, and its blood everywhere [1/s], 0 ex vivo (bench).
    """

    kind: str
    box: tuple[float, float, float]
    medium: float | None = None
    radius: float | None = None
    vessel_radius: float | None = None
    blood: float | None = None
    species: str | None = None
    temperature: float | None = None
    perfusion: float = 0.0

    @property
    def bordered(self) -> bool:
        """Whether there is a tumour with a border in the box."""
        return self.kind == "spheroid"

    @property
    def filled(self) -> dict[str, Any]:
        """Keys of the tumour that follow from the tissue: of a cord and a network it fills the box."""
        return {} if self.kind in ("spheroid", "bench") else {"axes": self.box, "diameter": None, "shape": None}


def fine_kind(file: ScenarioFile) -> str | None:
    """Which tissue without grown vessels a file asks for; None for liver with them."""
    if file.tissue.bench is not None:
        return "bench"
    if file.tissue.culture is not None:
        return "spheroid"
    if file.tissue.cord is not None:
        return "cord"
    return "network" if file.vessels.file is not None else None


def resolve_fine(
    file: ScenarioFile, graph: Path | None, tumour: TumourSpec | None, parameters: Mapping[str, float]
) -> Fine | None:
    """The fine tissue of a valid file with its defaults; None for liver with grown vessels.

    Parameters
    ----------
    graph : Path or None
        File of the network.
    tumour : TumourSpec or None
        Of a spheroid.
    """
    kind, tissue = fine_kind(file), file.tissue
    if kind == "spheroid":
        assert tissue.culture is not None and tumour is not None
        medium = parameters["oxygen.medium"] if tissue.culture.medium is None else tissue.culture.medium
        side = tissue.size
        if side is None:
            grown = max(tumour.semi_axes) * 2.0 ** (file.until / (3.0 * tumour.doubling_time))
            side = 2.0 * (grown + parameters["tissue.culture_margin"])
            side = math.ceil(side / tissue.spacing - 1e-9) * tissue.spacing
        return Fine(kind, (side, side, side), medium=medium)
    if kind == "cord":
        cord = tissue.cord
        assert cord is not None
        wide = 2.0 * math.ceil(cord.radius / tissue.spacing - 1e-9) * tissue.spacing
        width = 2.0 * parameters["oxygen.capillary_radius_tumour"] if cord.vessel is None else cord.vessel
        blood = parameters["oxygen.cord_blood"] if cord.blood is None else cord.blood
        return Fine(kind, (wide, wide, cord.length), radius=cord.radius, vessel_radius=width / 2.0, blood=blood)
    if kind == "network":
        assert graph is not None
        corners = network_box(read_graph(graph), None, parameters["oxygen.network_margin"], [])
        x, y, z = (float(side) for side in corners[1] - corners[0])
        return Fine(kind, (x, y, z), species=file.vessels.species or "human")
    if kind == "bench":
        side, warm = bench_side(tissue, parameters), bench_temperature(tissue, parameters)
        blood = parameters["heat.perfusion_normal"] if tissue.bench == IN_VIVO else 0.0
        return Fine(kind, (side, side, side), temperature=warm, perfusion=blood)
    return None


def fine_problems(file: ScenarioFile, data: Any, parameters: Mapping[str, float]) -> Iterator[Problem]:
    """What is wrong with a tissue without grown vessels, or missing for one, that can be said without its box."""
    kind, tissue = fine_kind(file), file.tissue
    if kind == "bench":
        yield from bench_problems(file, data, parameters)
        return
    yield from only_on_bench(file)
    fine = tissue.spacing <= NARROWEST * (1 + 1e-9)
    spacing = f"{tissue.spacing / _UM:.4g} um"
    written: dict[str, Any] = data["tissue"] if isinstance(data.get("tissue"), dict) else {}
    vessels: dict[str, Any] = data["vessels"] if isinstance(data.get("vessels"), dict) else {}
    if kind is None:
        if fine:
            yield (
                ("tissue", "spacing"),
                f"{spacing} resolves single capillaries, which grown trees do not have. Use more than 50 um, or say "
                "what brings oxygen: tissue.culture, tissue.cord or vessels.file.",
            )
        if file.vessels.species is not None:
            yield ("vessels", "species"), "is for the blood of a graph from a file. Write file, or leave it out."
        return
    where: tuple[str, ...] = {"spheroid": ("tissue", "culture"), "cord": ("tissue", "cord")}.get(
        kind, ("vessels", "file")
    )
    name = FINE_WORDS[kind]
    if not fine:
        yield where, f"{name} needs a spacing of 50 um or less, not {spacing}. Write tissue.spacing: 20 um."
        return  # what else it cannot have would be said of another tissue than is meant
    for other in ("culture", "cord"):
        if (other,) != where[1:] and getattr(tissue, other) is not None:
            yield ("tissue", other), f"stands beside {'.'.join(where)}. Keep one of them."
    if kind != "network":
        if file.vessels.file is not None:
            yield ("vessels", "file"), f"stands beside {'.'.join(where)}. Keep one of them."
        elif file.vessels.species is not None:
            yield ("vessels", "species"), "is for the blood of a graph from a file."
        for key, what in _GROWN.items():
            if key in vessels:
                yield ("vessels", key), f"{name} has no {what.removeprefix('an ')}. Leave it out."
    if "liver" in written:
        yield ("tissue", "liver"), f"{name} has no liver around it. Leave it out."
    if tissue.dimensions == 2:
        yield ("tissue", "dimensions"), f"{name} needs three dimensions."
    tumour: dict[str, Any] = written["tumour"] if isinstance(written.get("tumour"), dict) else {}
    for key in tumour:
        if key in _PLAIN:
            yield ("tissue", "tumour", key), f"{name} is plain tumour without {key}. Leave it out."
        elif kind != "spheroid" and key != "doubling_time":
            yield ("tissue", "tumour", key), f"{name} fills its box with tumour. Leave it out."
    if kind != "spheroid" and "size" in written:
        yield ("tissue", "size"), f"{name} sets its own box. Leave it out."
    if tissue.image is not None:
        yield ("tissue", "image"), f"shows liver; {name} has none. Keep one of them."
    yield from _cord_problems(file)


def carried_graph(path: Path) -> Mapping[str, int]:
    """Names of the vessels of a graph that can carry a run.

    Raises
    ------
    InputError
        Where the file cannot be read, the graph is unsound, or no blood runs in it.
    """
    graph = read_graph(path)
    if not FlowSolver(graph).solve().edge_flow.any():
        raise InputError(f"{path.name}: no blood runs in this graph; it needs nodes where blood enters and leaves")
    return dict(graph.named)


def _cord_problems(file: ScenarioFile) -> Iterator[Problem]:
    cord, spacing = file.tissue.cord, file.tissue.spacing
    if cord is None:
        return
    path = ("tissue", "cord")
    if cord.radius < 2.0 * spacing * (1 - 1e-9):
        yield (*path, "radius"), f"{cord.radius / _UM:.4g} um is less than two sites of {spacing / _UM:.4g} um."
    if cord.length < 2.0 * spacing * (1 - 1e-9):
        yield (*path, "length"), f"{cord.length / _UM:.4g} um is less than two sites of {spacing / _UM:.4g} um."
    if cord.vessel is not None and cord.vessel >= cord.radius:
        yield (*path, "vessel"), f"a vessel {cord.vessel / _UM:.4g} um wide leaves no room in the cord."
    if cord.vessel is not None and cord.vessel > 20.0 * spacing:
        yield (*path, "vessel"), f"is wider than 20 sites of {spacing / _UM:.4g} um. Use a coarser spacing."
