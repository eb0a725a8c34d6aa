"""What an embolisation did to a network, in words and numbers: before and after beside each other."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.vessels.files_networkdat import MMHG, NL_MIN, UM
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.occlusion import Occlusion
from tumorsim.vessels.report import head_of, ranges_of, rows_of, summary_of, tail_of, unit_of, wrapped
from tumorsim.vessels.solved import Solved

NAMED = 8  # vessels listed by name; the rest is counted
CHANGED = 10  # rows of the table of vessels that changed most
UNCHANGED = ("diameter_um", "length_um")


def occlusion_report(found: Occlusion, file: str, cell_volume: float | None = None, notes: Sequence[str] = ()) -> str:
    """Before and after as a table to read, with further notes; parameters as `report.summary_of`."""
    s = summary_of(found.before, file, cell_volume)
    unit, factor = unit_of(found.before.flow.inflow)
    lines = [*head_of(s), "", *_done(found, unit, factor), "", *_table(found, unit, factor)]
    lines += ["", *_most_changed(found, unit, factor)]
    s["notes"] = list(dict.fromkeys([*s["notes"], *notes, *_new_notes(found)]))
    return "\n".join([*lines, *tail_of(s)])


def vessel_name(graph: VesselGraph, edge: int) -> str:
    """The name of a vessel, or its number."""
    return graph.edge_name[edge] or f"#{edge}"


def _names(graph: VesselGraph, edges: NDArray[np.int64]) -> str:
    """Names of vessels, the widest first."""
    order = edges[np.argsort(-graph.radius[edges], kind="stable")]
    shown = ", ".join(f"{vessel_name(graph, e)} ({2 * graph.radius[e] / UM:.3g} um)" for e in order[:NAMED])
    return shown + (f" and {len(order) - NAMED} more" if len(order) > NAMED else "")


def _done(found: Occlusion, unit: str, factor: float) -> list[str]:
    graph = found.before.graph
    rows = [("closed", _names(graph, found.closed))] if len(found.closed) else []
    if found.beads is not None and found.injection is not None:
        beads, given = found.beads, found.injection
        rows += [
            ("beads", f"{beads.given} of {given.size / UM:g} um at {given.place}: {beads.lodged} lodged, "
                      f"{beads.passed} left the network"),
            ("injection ended", beads.why),
            ("flow away from there", _fall(beads.flow_before, beads.flow_after, unit, factor)),
            ("closed by beads", f"{len(found.plugged)}" + (f": {_names(graph, found.plugged)}"
                                                          if len(found.plugged) else "")),
        ]  # fmt: skip
        narrowed = int(np.sum((found.after.edge_open > 0.0) & (found.after.edge_open < 1.0)))
        rows += [("narrowed by beads", f"{narrowed} beds of arterioles")] if narrowed else []
    below, lost = found.territory, found.lost
    still = int((~found.after.moving[below]).sum())
    lost_text = f"{len(lost)} open vessels" + (f": {_names(graph, lost)}" if len(lost) else "")
    rows += [
        ("flow lost in", lost_text),
        ("flow turned in", f"{len(found.turned)} vessels"),
        ("territory", f"{len(below)} vessels that blood reached through what was closed: {still} without flow, "
                      f"{100 * found.share_still:.3g} % of their volume"),
        ("total inflow", _fall(found.before.flow.inflow, found.after.flow.inflow, unit, factor)),
    ]  # fmt: skip
    if not np.isnan(found.before.mean_transit):
        one, two = found.before.mean_transit, found.after.mean_transit
        words = "no blood passes" if np.isnan(two) else f"{two:.4g} s ({_change(one, two)})"
        rows.append(("mean transit", f"{one:.4g} s to {words}"))
    if len(graph.exchange):
        fed = [_fed(solved) for solved in (found.before, found.after)]
        rows.append(("exchange nodes fed", f"{fed[0]} before, {fed[1]} after"))
    if found.held:
        rows.append(("boundary", f"{found.held} boundary nodes with a given flow keep the pressure they had"))
    return [line for name, text in rows for line in wrapped(name, text)]


def _fed(solved: Solved) -> int:
    """Exchange nodes that blood still reaches."""
    graph, flow = solved.graph, solved.flow.edge_flow
    sink = np.where(flow > 0.0, graph.head, graph.tail)[solved.moving]
    return int(np.isin(graph.exchange, sink).sum())


def _fall(before: float, after: float, unit: str, factor: float) -> str:
    return f"{before / NL_MIN * factor:.4g} to {after / NL_MIN * factor:.4g} {unit} ({_change(before, after)})"


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "-"
    if before == 0.0:
        return "0 %" if after == 0.0 else "new"
    change = 100.0 * (after / before - 1.0)
    return f"{change:+.3g} %" if abs(change) >= 5e-4 else "0 %"


def _table(found: Occlusion, unit: str, factor: float) -> list[str]:
    before, after = ranges_of(found.before), ranges_of(found.after)
    three = ("low", "median", "high")
    head = "".join(f"{name:>10}" for name in ("lowest", "median", "highest"))
    lines = [f"{'':<20}{'before':>20}{'after':>30}{'change of':>22}", f"{'':<20}{head}{head}{'median':>12}"]
    for key, (label, scale) in rows_of(unit, factor).items():
        if key in UNCHANGED:
            continue
        one, two = before[key], after[key]
        cells = ["-" if row is None else f"{row[k] * scale:.4g}" for row in (one, two) for k in three]
        middle = _change(*(None if row is None else row["median"] for row in (one, two)))
        lines.append(f"{label:<20}" + "".join(f"{cell:>10}" for cell in cells) + f"{middle:>12}")
    return lines


def _most_changed(found: Occlusion, unit: str, factor: float) -> list[str]:
    one, two = found.before, found.after
    graph = one.graph
    # what joins two junctions is one vessel to the reader: of vessels in series only the first is listed
    change = np.abs(two.flow.edge_flow - one.flow.edge_flow)
    order: list[int] = []
    seen: set[tuple[float, float]] = set()
    for e in np.argsort(-change, kind="stable").tolist():
        sign = (round(one.flow.edge_flow[e] / NL_MIN, 6), round(two.flow.edge_flow[e] / NL_MIN, 6))
        if change[e] > 0.0 and sign not in seen and len(order) < CHANGED:
            order.append(e)
            seen.add(sign)
    if not order:
        return ["no flow has changed"]
    lines = ["vessels whose flow changed most (of vessels in series, the first)"]
    lines += [f"{'vessel':<20}{'diameter':>10}{'flow before':>14}{'after':>12}{'change':>10}{'shear before':>14}"
              f"{'after':>10}{'state':>16}"]  # fmt: skip
    lines += [f"{'':<20}{'[um]':>10}{f'[{unit}]':>14}{f'[{unit}]':>12}{'':>10}{'[Pa]':>14}{'[Pa]':>10}"]
    state = states(found)
    for e in order:
        sizes = [solved.size[e] / NL_MIN * factor for solved in (one, two)]
        shear = ["-" if np.isnan(solved.shear[e]) else f"{solved.shear[e]:.3g}" for solved in (one, two)]
        lines.append(
            f"{vessel_name(graph, e)[:19]:<20}{2 * graph.radius[e] / UM:>10.4g}{sizes[0]:>14.4g}{sizes[1]:>12.4g}"
            f"{_change(*sizes):>10}{shear[0]:>14}{shear[1]:>10}{state[e]:>16}"
        )
    return lines


def states(found: Occlusion) -> list[str]:
    """For each vessel: closed, closed by beads, narrowed, without flow, turned, or "" for open and as before."""
    state = np.full(found.before.graph.n_edges, "", dtype=object)
    state[~found.before.moving] = "without flow"
    state[found.turned] = "turned"
    state[(found.after.edge_open > 0.0) & (found.after.edge_open < 1.0)] = "narrowed"
    state[found.lost] = "lost its flow"
    state[found.plugged] = "closed by beads"
    state[found.closed] = "closed"
    return list(state)


def _new_notes(found: Occlusion) -> list[str]:
    return [f"after: {note}" for note in found.after.notes if note not in found.before.notes]


def table_csv(before: Solved, found: Occlusion | None = None) -> str:
    """One row for each vessel as CSV text: what it is, and its blood before and, where closed, after.

    Units are part of the names of the columns; an empty cell is not known (haematocrit and transit without flow,
    shear stress and transit where a conductance is calibrated). Flows are positive from the first node to the second.
    """
    graph = before.graph
    columns: dict[str, list[Any]] = {
        "index": list(range(graph.n_edges)),
        "name": list(graph.edge_name),
        "from": [graph.node_name[i] or f"#{i}" for i in graph.tail],
        "to": [graph.node_name[i] or f"#{i}" for i in graph.head],
        "kind": [Kind(int(k)).name.lower() for k in graph.kind],
        "diameter_um": (2.0 * graph.radius / UM).tolist(),
        "length_um": (graph.length / UM).tolist(),
    }
    if found is None:
        columns |= _columns(before, "")
    else:
        columns |= _columns(before, "_before") | _columns(found.after, "_after")
        beads = found.beads.edge_beads.tolist() if found.beads is not None else [0] * graph.n_edges
        columns |= {"state": states(found), "open_share": found.after.edge_open.tolist(), "beads": beads}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if v != v else f"{v:.9g}" if isinstance(v, float) else v for v in row])
    return out.getvalue()


def _columns(solved: Solved, when: str) -> dict[str, list[float]]:
    values = {
        "flow_nl_min": np.where(solved.moving, solved.flow.edge_flow, 0.0) / NL_MIN,
        "pressure_mmhg": solved.pressure / MMHG,
        "haematocrit": solved.haematocrit,
        "viscosity_mpa_s": solved.viscosity * 1e3,
        "velocity_mm_s": solved.velocity * 1e3,
        "wall_shear_pa": solved.shear,
        "transit_s": solved.transit,
    }
    return {f"{name}{when}": column.tolist() for name, column in values.items()}
