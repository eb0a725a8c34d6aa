"""The flow report of a vessel network: what was read, what flows, and how well it balances."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tumorsim.parameters import load_parameters
from tumorsim.vessels.files import read_graph
from tumorsim.vessels.files_networkdat import MMHG, NL_MIN, UM
from tumorsim.vessels.flow import Flow
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind, VesselGraph
from tumorsim.vessels.phase_separation import SplitLaw
from tumorsim.vessels.solved import Solved, solve_network

ML_MIN = 1e-6 / 60.0  # m3/s
LAWS = {"1990": "and others 1990", "2005": "and Secomb 2005"}
WIDTH = 110  # letters of a line
SMALL = 1e-9  # m3/s; networks with less inflow are reported in nl/min, others in mL/min


def flow_summary(
    path: str | Path,
    cell_volume: float | None = None,
    haematocrit: float | None = None,
    law: SplitLaw | None = None,
) -> dict[str, Any]:
    """Read a network, solve its flow with all vessels open, and describe both.

    Parameters
    ----------
    path : str or Path
        GraphML or network.dat.
    cell_volume : float, optional
        Volume of a red cell [m3]; default the parameter `blood.cell_volume` (92e-18, human).
    haematocrit : float, optional
        Discharge haematocrit of every vessel; default the file's own, else the parameter
        `blood.haematocrit`.
    law : "1990" or "2005", optional
        Phase separation, iterated from the haematocrit of entering blood, instead of known haematocrits.

    Returns
    -------
    dict
        As `summary_of`.

    Raises
    ------
    InputError
        Where the file cannot be used.
    ArithmeticError
        Where phase separation does not converge.
    """
    path = Path(path)
    solved = solve_network(read_graph(path), law=law, cell_volume=cell_volume, haematocrit=haematocrit)
    return summary_of(solved, path.name, cell_volume, haematocrit)


def summary_of(
    solved: Solved, file: str, cell_volume: float | None = None, haematocrit: float | None = None
) -> dict[str, Any]:
    """What a solved network holds.

    Parameters
    ----------
    solved : Solved
    file : str
        Name of the file it came from.
    cell_volume, haematocrit : float, optional
        What it was solved with, where that was not the default.

    Returns
    -------
    dict
        Ready for JSON (no nan): units are part of the names, ranges are {low, median, high} or null.
    """
    graph, flow = solved.graph, solved.flow
    parameters = load_parameters()
    volume = parameters["blood.cell_volume"] if cell_volume is None else cell_volume
    return {
        "file": file,
        "format": graph.attributes.get("format", ""),
        "title": graph.attributes.get("title", ""),
        **_counts(graph, flow),
        "blood": {
            "cell_volume_fl": volume / 1e-18,
            "plasma_viscosity_mpa_s": parameters["blood.plasma_viscosity"] * 1e3,
            "phase_separation": solved.law,
            "iterations": solved.iterations,
            "haematocrit": _blood(solved, haematocrit, parameters["blood.haematocrit"]),
        },
        "inflow_nl_min": flow.inflow / NL_MIN,
        "mean_transit_s": None if np.isnan(solved.mean_transit) else solved.mean_transit,
        "largest_imbalance": flow.residual,
        "ranges": ranges_of(solved),
        "flow_column": _column(graph, flow),
        "notes": [*graph.attributes.get("notes", []), *solved.notes],
    }


def _counts(graph: VesselGraph, flow: Flow) -> dict[str, Any]:
    islands, label = graph.islands()
    still = np.ones(islands, dtype=bool)
    still[label[graph.tail[flow.edge_flow != 0.0]]] = False
    kinds = np.bincount(graph.kind, minlength=len(Kind))
    return {
        "nodes": graph.n_nodes,
        "vessels": graph.n_edges,
        "kinds": {kind.name.lower(): int(kinds[kind]) for kind in Kind if kinds[kind]},
        "calibrated": int((~np.isnan(graph.conductance)).sum()),
        "exchange_nodes": len(graph.exchange),
        "boundary_pressures": int((graph.boundary_type == PRESSURE).sum()),
        "boundary_flows": int((graph.boundary_type == FLOW).sum()),
        "islands": islands,
        "islands_without_flow": int(still.sum()),
        "vessels_without_flow": int((flow.edge_flow == 0.0).sum()),
    }


def _blood(solved: Solved, given: float | None, default: float) -> str:
    graph = solved.graph
    if solved.law is not None:
        return f"phase separation, Pries {LAWS[solved.law]}, converged in {solved.iterations} rounds"
    if given is not None:
        return f"{given:g} in every vessel, as given"
    known = int((~np.isnan(graph.haematocrit)).sum())
    if known == 0:
        return f"{default:g} in every vessel (default)"
    rest = "" if known == graph.n_edges else f"; {default:g} (default) in {graph.n_edges - known} vessels"
    return f"the file's own, {np.nanmin(graph.haematocrit):.3g} to {np.nanmax(graph.haematocrit):.3g}{rest}"


def _range(values: ArrayLike) -> dict[str, float] | None:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    return {"low": float(known.min()), "median": float(np.median(known)), "high": float(known.max())}


def ranges_of(solved: Solved) -> dict[str, dict[str, float] | None]:
    """Lowest, median and highest of every quantity over the vessels (pressure: the nodes)."""
    graph = solved.graph
    return {
        "diameter_um": _range(2.0 * graph.radius / UM),
        "length_um": _range(graph.length / UM),
        "viscosity_mpa_s": _range(solved.viscosity * 1e3),
        "flow_nl_min": _range(solved.size / NL_MIN),
        "pressure_mmhg": _range(solved.flow.node_pressure / MMHG),
        "haematocrit": _range(solved.haematocrit),
        "velocity_mm_s": _range(solved.velocity * 1e3),
        "wall_shear_pa": _range(solved.shear),
        "transit_s": _range(solved.transit),
    }


def _column(graph: VesselGraph, flow: Flow) -> dict[str, float] | None:
    """How far the solved flows are from the flow column of the file, as shares of the column."""
    column = graph.attributes.get("edge", {}).get("flow")
    if column is None:
        return None
    given = np.asarray(column, dtype=np.float64)
    usable = np.isfinite(given) & (given != 0.0)
    if not usable.any():
        return None
    difference = np.abs(flow.edge_flow[usable] / given[usable] - 1.0)
    return {
        "vessels": int(usable.sum()),
        "median_relative_difference": float(np.median(difference)),
        "p95_relative_difference": float(np.quantile(difference, 0.95)),
        "largest_relative_difference": float(difference.max()),
        "same_direction": float(np.mean(flow.edge_flow[usable] * given[usable] > 0.0)),
    }


def flow_report(
    path: str | Path,
    cell_volume: float | None = None,
    haematocrit: float | None = None,
    law: SplitLaw | None = None,
) -> str:
    """`flow_summary` as a table to read; same parameters and errors."""
    return text_of(flow_summary(path, cell_volume, haematocrit, law))


def unit_of(inflow: float) -> tuple[str, float]:
    """The unit a network of this inflow [m3/s] is reported in, and how many of it are 1 nl/min."""
    return ("nl/min", 1.0) if inflow < SMALL else ("mL/min", NL_MIN / ML_MIN)


def rows_of(unit: str, factor: float) -> dict[str, tuple[str, float]]:
    """Label and scale of every quantity of `ranges_of`."""
    return {
        "diameter_um": ("diameter [um]", 1.0),
        "length_um": ("length [um]", 1.0),
        "viscosity_mpa_s": ("viscosity [mPa.s]", 1.0),
        "flow_nl_min": (f"flow [{unit}]", factor),
        "pressure_mmhg": ("pressure [mmHg]", 1.0),
        "haematocrit": ("haematocrit [-]", 1.0),
        "velocity_mm_s": ("velocity [mm/s]", 1.0),
        "wall_shear_pa": ("wall shear [Pa]", 1.0),
        "transit_s": ("transit [s]", 1.0),
    }


def head_of(s: dict[str, Any]) -> list[str]:
    """What was read and how it was solved, as lines."""
    unit, factor = unit_of(s["inflow_nl_min"] * NL_MIN)
    through = s["mean_transit_s"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in s["kinds"].items())
    rows = [
        ("format", s["format"]),
        ("vessels", f"{s['vessels']} ({kinds})"),
        ("nodes", f"{s['nodes']}, of which {s['exchange_nodes']} exchange nodes"),
        ("boundary nodes", f"{s['boundary_pressures']} with a pressure, {s['boundary_flows']} with a flow"),
        ("connected pieces", f"{s['islands']}, without flow {s['islands_without_flow']}"),
        ("vessels without flow", str(s["vessels_without_flow"])),
        ("viscosity", _law(s)),
        ("haematocrit", s["blood"]["haematocrit"]),
        ("total inflow", f"{s['inflow_nl_min'] * factor:.6g} {unit}"),
        ("mean transit", "-" if through is None else f"{through:.4g} s from entering to leaving"),
        ("largest imbalance", f"{s['largest_imbalance']:.1e} of the inflow, at any node"),
    ]
    lines = [s["file"], s["title"], ""] if s["title"] else [s["file"], ""]
    return lines + [line for name, text in rows for line in wrapped(name, text)]


def wrapped(name: str, text: str) -> list[str]:
    """A row of a name and its words, continued below where it is long."""
    body = textwrap.wrap(text, WIDTH - 22, break_long_words=False) or [""]
    return [f"{name:<22}{body[0]}", *(f"{'':<22}{line}" for line in body[1:])]


def text_of(s: dict[str, Any]) -> str:
    """A summary as a table to read."""
    unit, factor = unit_of(s["inflow_nl_min"] * NL_MIN)
    lines = [*head_of(s), "", f"{'':<22}{'lowest':>12}{'median':>12}{'highest':>12}"]
    for key, (label, scale) in rows_of(unit, factor).items():
        found = s["ranges"][key]
        cells = ["-"] * 3 if found is None else [f"{found[k] * scale:.4g}" for k in ("low", "median", "high")]
        lines.append(f"{label:<22}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join([*lines, *tail_of(s)])


def tail_of(s: dict[str, Any]) -> list[str]:
    """The comparison with the file's flow column, and the notes, as lines."""
    lines = []
    column = s["flow_column"]
    if column:
        middle, most = (column[f"{k}_relative_difference"] for k in ("median", "p95"))
        lines += [
            "",
            f"against the file's flow column, {column['vessels']} vessels, relative difference: median "
            f"{100 * middle:.2g} %, 95 % below {100 * most:.2g} %;",
            f"{100 * column['same_direction']:.1f} % in the same direction",
        ]
    if s["notes"]:
        lines += ["", "notes"]
        for note in s["notes"]:
            lines += textwrap.wrap(note, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return lines


def _law(s: dict[str, Any]) -> str:
    blood = s["blood"]
    text = f"Pries 1994 in vivo, red cells of {blood['cell_volume_fl']:g} fL"
    text += f", plasma {blood['plasma_viscosity_mpa_s']:g} mPa.s"
    return text + (f"; {s['calibrated']} conductances calibrated" if s["calibrated"] else "")
