"""The command `tumorsim vessels`: check everything, solve, close, and only then write."""

from __future__ import annotations

import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tumorsim.errors import InputError, nearest
from tumorsim.treatments.spec import Quantity
from tumorsim.vessels.files import read_graph
from tumorsim.vessels.files_networkdat import NL_MIN, UM
from tumorsim.vessels.files_text import write_bytes
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.occlusion import Injection, Occlusion, find_edges, find_node, occlude
from tumorsim.vessels.phase_separation import SplitLaw
from tumorsim.vessels.report import summary_of, text_of, unit_of
from tumorsim.vessels.report_occlusion import occlusion_report, table_csv, vessel_name
from tumorsim.vessels.solved import Solved, law_for, solve_network

LAWS: dict[str, SplitLaw | None] = {"2005": "2005", "1990": "1990", "none": None}
VOLUME = Quantity("m^3", "55 fL", at_least="10 fL", at_most="500 fL")
SIZE = Quantity("m", "100 um", above="0 um", at_most="5 mm")


@dataclass(frozen=True)
class Request:
    """What is asked of a network file, as text from the command line; None is not asked.

    Attributes
    ----------
    file : str
        GraphML or network.dat.
    plot, po2, csv : str, optional
        Files to write: pictures (.png) and the table of all vessels.
    close : str, optional
        Vessels to close, with commas between.
    beads, at : str, optional
        Diameter of beads with its unit, and the node (or vessel) where they are given.
    cell_volume : str, optional
        Volume of a red cell with its unit.
    phase_separation : str, optional
        2005, 1990 or none; default 2005 where the haematocrit of all entering blood is known, else none.
    """

    file: str
    plot: str | None = None
    close: str | None = None
    beads: str | None = None
    at: str | None = None
    cell_volume: str | None = None
    phase_separation: str | None = None
    po2: str | None = None
    csv: str | None = None


@dataclass(frozen=True)
class _Checked:
    """A request that can be carried out."""

    graph: VesselGraph
    close: list[int]
    injection: Injection | None
    cell_volume: float | None


def report_network(request: Request) -> str:
    """Carry out a request: the report as text; pictures and table are written, each whole or not at all.

    Raises
    ------
    InputError
        With every problem of the request at once, before anything is solved or written.
    ArithmeticError
        Where phase separation does not converge.
    """
    asked = _check(request)
    law, why = _law(asked.graph, request.phase_separation)
    before, found = _solve(asked, law)
    name = Path(request.file).name
    if found is None:
        summary = summary_of(before, name, asked.cell_volume)
        summary["notes"] += [why] if why else []
        text = text_of(summary)
    else:
        text = occlusion_report(found, name, asked.cell_volume, notes=[why] if why else [])
    title = str(asked.graph.attributes.get("title") or name)
    written: list[tuple[str, str, bytes]] = []
    if request.csv is not None:
        written.append(("table", request.csv, table_csv(before, found).encode()))
    if request.plot is not None:
        from tumorsim.report.network_plot import draw_network

        written.append(("picture", request.plot, draw_network(before, found, title, _told(before, found))))
    if request.po2 is not None:
        from tumorsim.report.network_oxygen import oxygen_of

        told, picture = oxygen_of(before, found, title, asked.cell_volume)
        text += "\n\n" + told
        written.append(("oxygen", request.po2, picture))
    lines = []
    for what, path, data in written:
        write_bytes(path, data)
        lines.append(f"{what + ':':<9}{path}")
    return "\n".join([text, *([""] if lines else []), *lines])


def _solve(asked: _Checked, law: SplitLaw | None) -> tuple[Solved, Occlusion | None]:
    try:
        before = solve_network(asked.graph, law=law, cell_volume=asked.cell_volume)
        if not asked.close and asked.injection is None:
            return before, None
        return before, occlude(before, close=asked.close, injection=asked.injection, cell_volume=asked.cell_volume)
    except ArithmeticError as error:
        if law is None:
            raise
        others = "none" if law == "1990" else "1990 or none"
        raise ArithmeticError(f"{error}. Another law may converge: --phase-separation {others}") from error


def _law(graph: VesselGraph, asked: str | None) -> tuple[SplitLaw | None, str]:
    """The law of phase separation, and what is to be said of the choice."""
    if asked is not None:
        return LAWS[asked], ""
    law, why = law_for(graph)
    if law is not None:
        return law, ""
    return law, f"no phase separation: {why}. --phase-separation 2005 takes the default there"


def _check(request: Request) -> _Checked:
    """Everything that can be wrong, before anything is made."""
    problems: list[str] = []
    volume = _quantity(VOLUME, request.cell_volume, "--cell-volume", problems)
    size = _quantity(SIZE, request.beads, "--beads", problems)
    if request.beads is not None and request.at is None:
        problems.append("--beads: where are they given? Add --at NODE. Example: --beads '100 um' --at 5")
    if request.at is not None and request.beads is None:
        problems.append("--at: what is given there? Add --beads SIZE. Example: --beads '100 um' --at 5")
    asked = request.phase_separation
    if asked is not None and asked not in LAWS:
        problems.append(f"--phase-separation: unknown law '{asked}'.{nearest(asked, LAWS)} Allowed: {', '.join(LAWS)}")
    _outputs(request, problems)
    graph = _read(request.file, problems)
    close: list[int] = []
    injection = None
    if graph is not None:
        if request.close is not None:
            words = [word.strip() for word in request.close.split(",") if word.strip()]
            if not words:
                problems.append("--close: names no vessel. Example: --close 12,14")
            close, missing = find_edges(graph, words, "--close")
            problems += missing
        if request.at is not None:
            node, edge, missing = find_node(graph, request.at.strip(), "--at")
            problems += missing
            if not missing and size is not None:
                injection = Injection(size, request.at.strip(), node, edge)
    if problems or graph is None:
        raise InputError(problems)
    return _Checked(graph, close, injection, volume)


def _quantity(kind: Quantity, text: str | None, option: str, problems: list[str]) -> float | None:
    if text is None:
        return None
    try:
        return kind.read(text)
    except ValueError as error:
        problems.append(f"{option}: {error}")
        return None


def _outputs(request: Request, problems: list[str]) -> None:
    seen: dict[Path, str] = {}
    for option, given, ending in (
        ("--plot", request.plot, ".png"),
        ("--po2", request.po2, ".png"),
        ("--csv", request.csv, ".csv"),
    ):
        if given is None:
            continue
        path = Path(given)
        if path.suffix.lower() != ending:
            problems.append(f"{option} {given}: must end in {ending}")
        if path.is_dir():
            problems.append(f"{option} {given}: is a folder")
        elif not path.parent.is_dir():
            problems.append(f"{option} {given}: there is no folder '{path.parent}'. Make it first")
        elif not _writable(path.parent):
            problems.append(f"{option} {given}: nothing can be written in the folder '{path.parent}'")
        elif path.resolve() == Path(request.file).resolve():
            problems.append(f"{option} {given}: would write over the network itself")
        if path.resolve() in seen:
            problems.append(f"{option} {given}: is what {seen[path.resolve()]} writes")
        seen[path.resolve()] = option


def _writable(folder: Path) -> bool:
    """Whether a file can be made there; asked before anything is solved, so that no picture stands alone."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _read(file: str, problems: list[str]) -> VesselGraph | None:
    path = Path(file)
    if not path.is_file():
        if path.is_dir():
            problems.append(f"{file}: is a folder. Name a file in it")
        else:
            beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            problems.append(f"{file}: there is no such file.{nearest(path.name, beside)}")
        return None
    try:
        return read_graph(path)
    except InputError as error:
        problems += error.problems
        return None


def _told(before: Solved, found: Occlusion | None) -> list[str]:
    """What the picture says in words."""
    unit, factor = unit_of(before.flow.inflow)

    def flow(value: float) -> str:
        return f"{value / NL_MIN * factor:.4g} {unit}"

    graph = before.graph
    lines = [f"{graph.n_edges} vessels, {int((~before.moving).sum())} without flow"]
    if before.law is not None:
        lines.append(f"phase separation {before.law}, {before.iterations} rounds")
    if found is None:
        return [*lines, f"total inflow {flow(before.flow.inflow)}"]
    if len(found.closed):
        names = ", ".join(vessel_name(graph, int(e)) for e in found.closed[:6])
        lines += textwrap.wrap(f"closed: {names}" + (" ..." if len(found.closed) > 6 else ""), 60)
    if found.beads is not None and found.injection is not None:
        closed = "vessel" if len(found.plugged) == 1 else "vessels"
        lines.append(
            f"beads of {found.injection.size / UM:g} um at {found.injection.place}: {found.beads.given} given,"
        )
        lines.append(f"{found.beads.lodged} lodged, {found.beads.passed} left; {len(found.plugged)} {closed} closed")
    still = int(np.sum(~found.after.moving[found.territory]))
    return [
        *lines,
        f"total inflow {flow(before.flow.inflow)} before, {flow(found.after.flow.inflow)} after",
        f"flow lost in {len(found.lost)} open vessels, turned in {len(found.turned)}",
        f"territory: {still} of {len(found.territory)} vessels without flow "
        f"({100 * found.share_still:.3g} % of volume)",
    ]
