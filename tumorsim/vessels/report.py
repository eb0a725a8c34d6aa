"""The flow report of a vessel network file: what was read, what flows, and how well it balances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.vessels.files import read_graph
from tumorsim.vessels.files_networkdat import MMHG, NL_MIN, UM
from tumorsim.vessels.flow import Flow, FlowSolver
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind, VesselGraph
from tumorsim.vessels.rheology import mean_velocity, wall_shear_stress

ML_MIN = 1e-6 / 60.0  # m3/s
SMALL = 1e-9  # m3/s; networks with less inflow are reported in nl/min, others in mL/min


def flow_summary(
    path: str | Path, cell_volume: float | None = None, haematocrit: float | None = None
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

    Returns
    -------
    dict
        Ready for JSON (no nan): units are part of the names, ranges are {low, median, high} or null.

    Raises
    ------
    InputError
        Where the file cannot be used.
    """
    path = Path(path)
    graph = read_graph(path)
    if haematocrit is not None and not 0.0 <= haematocrit < 1.0:
        raise InputError(f"haematocrit {haematocrit:g} is not from 0 to below 1. Example: 0.45")
    solver = FlowSolver(graph, cell_volume=cell_volume, haematocrit=haematocrit)
    flow = solver.solve()
    parameters = load_parameters()
    volume = parameters["blood.cell_volume"] if cell_volume is None else cell_volume
    return {
        "file": path.name,
        "format": graph.attributes.get("format", ""),
        "title": graph.attributes.get("title", ""),
        **_counts(graph, flow),
        "blood": {
            "cell_volume_fl": volume / 1e-18,
            "plasma_viscosity_mpa_s": parameters["blood.plasma_viscosity"] * 1e3,
            "haematocrit": _blood(graph, haematocrit, parameters["blood.haematocrit"]),
        },
        "inflow_nl_min": flow.inflow / NL_MIN,
        "largest_imbalance": flow.residual,
        "ranges": _ranges(graph, solver, flow),
        "flow_column": _column(graph, flow),
        "notes": [*graph.attributes.get("notes", []), *flow.notes],
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


def _blood(graph: VesselGraph, given: float | None, default: float) -> str:
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


def _ranges(graph: VesselGraph, solver: FlowSolver, flow: Flow) -> dict[str, dict[str, float] | None]:
    size: NDArray[np.float64] = np.abs(flow.edge_flow)
    shear = wall_shear_stress(size, graph.radius, solver.viscosity)
    return {
        "diameter_um": _range(2.0 * graph.radius / UM),
        "length_um": _range(graph.length / UM),
        "viscosity_mpa_s": _range(solver.viscosity * 1e3),
        "flow_nl_min": _range(size / NL_MIN),
        "pressure_mmhg": _range(flow.node_pressure / MMHG),
        "velocity_mm_s": _range(mean_velocity(size, graph.radius) * 1e3),
        # a calibrated conductance stands for more than its radius: no shear stress follows from it
        "wall_shear_pa": _range(shear[np.isnan(graph.conductance)]),
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


def flow_report(path: str | Path, cell_volume: float | None = None, haematocrit: float | None = None) -> str:
    """`flow_summary` as a table to read; same parameters and errors."""
    s = flow_summary(path, cell_volume, haematocrit)
    small = s["inflow_nl_min"] * NL_MIN < SMALL
    unit, factor = ("nl/min", 1.0) if small else ("mL/min", NL_MIN / ML_MIN)
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
        ("largest imbalance", f"{s['largest_imbalance']:.1e} of the inflow, at any node"),
    ]
    lines = [s["file"], s["title"], ""] if s["title"] else [s["file"], ""]
    lines += [f"{name:<22}{text}" for name, text in rows]
    lines += ["", f"{'':<22}{'lowest':>12}{'median':>12}{'highest':>12}"]
    labels = {
        "diameter_um": ("diameter [um]", 1.0),
        "length_um": ("length [um]", 1.0),
        "viscosity_mpa_s": ("viscosity [mPa.s]", 1.0),
        "flow_nl_min": (f"flow [{unit}]", factor),
        "pressure_mmhg": ("pressure [mmHg]", 1.0),
        "velocity_mm_s": ("velocity [mm/s]", 1.0),
        "wall_shear_pa": ("wall shear [Pa]", 1.0),
    }
    for key, (label, scale) in labels.items():
        found = s["ranges"][key]
        cells = ["-"] * 3 if found is None else [f"{found[k] * scale:.4g}" for k in ("low", "median", "high")]
        lines.append(f"{label:<22}" + "".join(f"{cell:>12}" for cell in cells))
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
        lines += ["", "notes", *(f"  {note}" for note in s["notes"])]
    return "\n".join(lines)


def _law(s: dict[str, Any]) -> str:
    blood = s["blood"]
    text = f"Pries 1994 in vivo, red cells of {blood['cell_volume_fl']:g} fL"
    text += f", plasma {blood['plasma_viscosity_mpa_s']:g} mPa.s"
    return text + (f"; {s['calibrated']} conductances calibrated" if s["calibrated"] else "")
