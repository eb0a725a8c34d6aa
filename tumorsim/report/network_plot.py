"""The picture of a vessel network: flow, pressure, haematocrit, wall shear and transit, before and after.

Matplotlib (the extra `view`) is loaded only here and only when a picture is asked for; no state of pyplot's is
used. A flat network is seen along its thinnest axis; of one that is not flat the flow is shown in three views.
Colours are cividis, told apart with every form of colour vision, dark where there is much; what is closed,
without flow or not defined has its own line, and no colour alone says anything.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.report import png
from tumorsim.vessels.files_networkdat import MMHG, NL_MIN, UM
from tumorsim.vessels.report import unit_of
from tumorsim.vessels.solved import Solved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tumorsim.vessels.graph import VesselGraph
    from tumorsim.vessels.occlusion import Occlusion

Floats = NDArray[np.float64]

DPI = 110
FLAT = 0.12  # thinnest over middle extent under which a network is drawn as flat
BESIDE = 0.95  # inches of a row for title and colours
WIDEST, FINEST = 6.5, 0.7  # points, of the widest vessel and of the finest
PALEST = 0.10  # of cividis is left out: the palest yellow is lost on white
CLOSED, STILL, UNDEFINED, BEAD, INK, PAPER = "#d55e00", "#8c949c", "#b9bec4", "#111111", "#1f2328", "#ffffff"
GIVEN = "#009e73"
RIM: dict[str, Any] = {"linestyle": "none", "markeredgecolor": PAPER, "markeredgewidth": 0.9}
ENTERING = 0.01  # of all that enters, above which an inlet is marked
MANY = 4000  # vessels, from which on lines are finer and have no rim
MOST_MARKED = 400  # closed vessels marked by a cross; of more, the widest
AXES = "xyz"


@dataclass(frozen=True)
class Quantity:
    """One quantity of every vessel, and how it is coloured."""

    label: str
    values: tuple[Floats, ...]  # one for each state, nan where not defined
    log: bool

    def limits(self) -> tuple[float, float]:
        """Ends of the colours, the same before and after: 1 % of the values lie beyond each."""
        every = np.concatenate(self.values)
        known = every[np.isfinite(every) & ((every > 0.0) | (not self.log))]
        if not len(known):
            return (1.0, 10.0) if self.log else (0.0, 1.0)
        low, high = (float(v) for v in np.quantile(known, (0.01, 0.99)))
        if self.log:
            return low, max(high, 1.5 * low)
        room = max(0.05 * abs(high), 1e-6)  # where all are the same, colours must not tell rounding apart
        return (low, high) if high - low > 0.1 * room else (low - room, high + room)


def quantities(states: tuple[Solved, ...]) -> list[Quantity]:
    """What is drawn: flow, pressure, haematocrit, wall shear stress, transit time."""
    unit, factor = unit_of(states[0].flow.inflow)

    def moving(state: Solved, values: Floats) -> Floats:
        return np.where(state.moving, values, np.nan)

    columns: tuple[tuple[str, Any, bool], ...] = (
        (f"flow [{unit}]", lambda s: moving(s, s.size / NL_MIN * factor), True),
        ("pressure [mmHg]", lambda s: moving(s, s.pressure / MMHG), False),
        ("haematocrit [-]", lambda s: moving(s, s.haematocrit), False),
        ("wall shear stress [Pa]", lambda s: moving(s, s.shear), True),
        ("transit time [s]", lambda s: s.transit, True),
    )
    return [Quantity(label, tuple(values(s) for s in states), log) for label, values, log in columns]


def planes(pos: Floats) -> list[tuple[int, int, int]]:
    """(across, up, along) axes of the views: one for a flat network, the largest first, else three."""
    size = np.ptp(pos, axis=0)
    order = np.argsort(-size, kind="stable")
    first, second, thin = (int(i) for i in order)
    if size[thin] <= FLAT * size[second]:
        return [(first, second, thin)]
    return [(first, second, thin), (first, thin, second), (second, thin, first)]


def draw_network(before: Solved, found: Occlusion | None, title: str, told: list[str]) -> bytes:
    """PNG bytes of a solved network, alone or before and after an embolisation.

    Parameters
    ----------
    before : Solved
    found : Occlusion or None
        What was closed; its `before` is drawn beside its `after`.
    title : str
    told : list of str
        Lines of words for the corner with the key.

    Raises
    ------
    InputError
        Where Matplotlib is not installed.
    """
    figure_class = _matplotlib()
    states = (before,) if found is None else (before, found.after)
    shown, views = quantities(states), planes(before.graph.node_pos)
    side = 3 if found is None else 2  # pictures in a row
    cells: list[tuple[Quantity, tuple[int, int, int]] | None] = [(quantity, views[0]) for quantity in shown]
    cells += [None]  # the key
    cells += [(shown[0], view) for view in views[1:]]
    rows = -(-len(cells) // side)
    width = 15.6 if found is None else 18.0
    extent = np.maximum(np.ptp(before.graph.node_pos, axis=0), 1e-12)
    ratio = [
        max(float(np.clip(extent[cell[1][1]] / extent[cell[1][0]], 0.3, 1.25)) for cell in row if cell is not None)
        for row in (cells[k : k + side] for k in range(0, len(cells), side))
    ]
    heights = [0.95 * width / side / len(states) * r + BESIDE for r in ratio]
    height = sum(heights) + 0.75
    figure = figure_class(figsize=(width, height), dpi=DPI, facecolor=PAPER)
    grid = figure.add_gridspec(
        rows, side, left=0.015, right=0.985, top=1 - 0.8 / height, bottom=0.25 / height, wspace=0.05, hspace=0.14,
        height_ratios=heights,
    )  # fmt: skip
    figure.suptitle(title, x=0.015, y=1 - 0.16 / height, ha="left", va="top", fontsize=16, color=INK, weight="bold")
    for k, cell in enumerate(cells):
        place = grid[divmod(k, side)]
        if cell is None:
            _key(figure, place, before, found, told)
        else:
            _picture(figure, place, *cell, states, found, len(views) > 1)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _matplotlib() -> type[Figure]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: F401  (drawn by Agg, no display)
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError('a picture needs Matplotlib, which is not installed: pip install "tumorsim[view]"') from None
    return Figure


def _colours() -> Any:
    from matplotlib.colors import ListedColormap

    stops = png.ramp(np.linspace(1.0 - PALEST, 0.0, 256), png.CIVIDIS) / 255.0
    return ListedColormap(stops)


def _picture(
    figure: Figure,
    place: Any,
    quantity: Quantity,
    view: tuple[int, int, int],
    states: tuple[Solved, ...],
    found: Occlusion | None,
    many: bool,
) -> None:
    """One quantity in one view: a panel for each state, and the colours they share."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    low, high = quantity.limits()
    norm = (LogNorm if quantity.log else Normalize)(low, high)
    inner = place.subgridspec(2, len(states), height_ratios=(1, 0.035), wspace=0.03, hspace=0.05)
    plane = f"   ({AXES[view[0]]}-{AXES[view[1]]} view)" if many else ""
    mapped = ScalarMappable(norm, _colours())
    for k, (state, values) in enumerate(zip(states, quantity.values, strict=True)):
        ax = figure.add_subplot(inner[0, k])
        when = "" if found is None else ("before: ", "after: ")[k]
        ax.set_title(f"{when}{quantity.label}{plane}", fontsize=12.5, color=INK, loc="left", pad=4)
        _panel(ax, state, values, mapped, view, found if k == 1 else None)
        if quantity.label.startswith("flow"):
            _inlets(ax, state, view)
            if found is not None:
                _beads(ax, found, view, lodged=k == 1)
    bar = figure.add_subplot(inner[1, :])
    box = bar.get_position()
    bar.set_position((box.x0 + 0.2 * box.width, box.y0, 0.6 * box.width, box.height))
    beyond = (
        [bool(np.any(v[np.isfinite(v)] < low)) for v in quantity.values],
        [bool(np.any(v[np.isfinite(v)] > high)) for v in quantity.values],
    )
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[any(beyond[0]), any(beyond[1])]
    drawn = figure.colorbar(mapped, cax=bar, orientation="horizontal", extend=extend)
    drawn.ax.tick_params(labelsize=10.5, colors=INK, length=3)
    drawn.ax.minorticks_off()
    ticks = _ticks(low, high, quantity.log)
    drawn.set_ticks(ticks, labels=[f"{t:g}" if 1e-3 <= abs(t) < 1e4 or t == 0 else f"{t:.0e}" for t in ticks])


def _ticks(low: float, high: float, log: bool) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    if not log:
        return [float(t) for t in MaxNLocator(5).tick_values(low, high) if low <= t <= high]
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    tens = [10.0**d for d in decades if low <= 10.0**d <= high]
    if len(tens) >= 3:
        return tens[:: -(-len(tens) // 7)]
    fine = [m * 10.0**d for d in decades for m in (1, 2, 5) if low <= m * 10.0**d <= high]
    return fine or [float(f"{low:.2g}"), float(f"{high:.2g}")]


def _widths(diameter: Floats, widest: float, count: int) -> Floats:
    """Width of lines in points: thicker for wider vessels, less than in proportion, so that the fine are seen."""
    finest = FINEST if count < MANY else 0.4 * FINEST
    return finest + (WIDEST - finest) * (diameter / widest) ** 0.75


def _panel(
    ax: Axes, state: Solved, values: Floats, mapped: Any, view: tuple[int, int, int], found: Occlusion | None
) -> None:
    from matplotlib.collections import LineCollection

    graph = state.graph
    pos = graph.node_pos
    lines = np.stack([pos[graph.tail][:, view[:2]], pos[graph.head][:, view[:2]]], axis=1)
    width = _widths(graph.radius, float(graph.radius.max()), graph.n_edges)
    still = ~state.moving
    unknown = ~still & ~np.isfinite(values)
    # from the back to the front, in a flat network from the finest to the widest
    depth = pos[graph.tail, view[2]] + pos[graph.head, view[2]]
    order = np.lexsort((width, np.round(depth / max(np.ptp(depth), 1e-12), 1)))
    coloured = order[(~still & ~unknown)[order]]

    def add(edges: NDArray[np.int64], colours: Any, extra: float = 0.0, **how: Any) -> None:
        if len(edges):
            ax.add_collection(
                LineCollection(list(lines[edges]), colors=colours, linewidths=width[edges] + extra, **how)
            )

    round_ends: dict[str, Any] = {"capstyle": "round"}
    add(order[unknown[order]], UNDEFINED, zorder=1, **round_ends)
    if graph.n_edges < MANY:
        add(coloured, "#6b7178", 0.7, zorder=2, **round_ends)  # a rim, so that pale vessels stand out from white
    add(coloured, mapped.to_rgba(values[coloured]), zorder=3, **round_ends)
    shut = np.zeros(graph.n_edges, dtype=bool)
    if found is not None:
        shut[found.closed] = shut[found.plugged] = True
    quiet = order[(still & ~shut)[order]]
    if len(quiet):
        kind = LineCollection(
            list(lines[quiet]), colors=STILL, linewidths=np.maximum(1.1, 0.45 * width[quiet]), zorder=2.5,
            linestyles=[(0, (1.6, 1.2))],
        )  # fmt: skip
        ax.add_collection(kind)
    if found is not None:
        add(np.flatnonzero(shut), CLOSED, 0.8, zorder=5, **round_ends)
        _closed(ax, found, view)
    ax.set_aspect("equal")
    low, high = pos[:, view[:2]].min(axis=0), pos[:, view[:2]].max(axis=0)
    room = 0.04 * float((high - low).max())
    ax.set_xlim(low[0] - room, high[0] + room)
    ax.set_ylim(low[1] - 2.2 * room, high[1] + room)
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_color("#d5d9dd")
    _scale_bar(ax, low[0], low[1] - 1.2 * room, float((high - low)[0]))


def _closed(ax: Axes, found: Occlusion, view: tuple[int, int, int]) -> None:
    """A cross on every vessel that was closed by name."""
    graph = found.before.graph
    named = found.closed[np.argsort(-graph.radius[found.closed], kind="stable")][:MOST_MARKED]
    ax.plot(*_middle(graph, view)[named].T, marker="X", markersize=12, color=CLOSED, zorder=8, **RIM)


def _beads(ax: Axes, found: Occlusion, view: tuple[int, int, int], lodged: bool) -> None:
    """Where beads were given, and, with `lodged`, where they lie."""
    graph = found.before.graph
    if found.injection is not None:
        node, edge = found.injection.node, found.injection.edge
        at = graph.node_pos[node, view[:2]] if node >= 0 else _middle(graph, view)[edge]
        ax.plot(*at, marker="*", markersize=17, color=GIVEN, zorder=9, **RIM)
    if lodged and found.beads is not None:
        held = np.flatnonzero(found.beads.edge_beads)
        many = len(held) > 80
        how = {"linestyle": "none"} if many else RIM
        ax.plot(
            *_middle(graph, view)[held].T, marker="o", markersize=1.8 if many else 6.5, color=BEAD, zorder=10, **how
        )


def _middle(graph: VesselGraph, view: tuple[int, int, int]) -> Floats:
    return 0.5 * (graph.node_pos[graph.tail] + graph.node_pos[graph.head])[:, view[:2]]


def _inlets(ax: Axes, state: Solved, view: tuple[int, int, int]) -> None:
    """Where blood enters; more of it, a larger sign."""
    entering = state.flow.boundary_flow / max(state.reference, 1e-300)
    shown = entering > ENTERING
    at = state.graph.node_pos[state.graph.boundary_node[shown]][:, view[:2]]
    size = 40 + 120 * entering[shown] ** 0.5
    ax.scatter(at[:, 0], at[:, 1], size, marker="v", color=INK, edgecolors=PAPER, linewidths=0.8, zorder=7)


def _scale_bar(ax: Axes, x: float, y: float, across: float) -> None:
    length = 10.0 ** np.floor(np.log10(0.3 * across))
    length *= next(m for m in (5, 2, 1) if m * length <= 0.3 * across)
    unit, name = next(row for row in ((1e-2, "cm"), (1e-3, "mm"), (1e-6, "um")) if length >= 0.99 * row[0])
    text = f"{length / unit:g} {name}"
    ax.plot([x, x + length], [y, y], color=INK, linewidth=2.5, solid_capstyle="butt", zorder=9)
    ax.text(x + length + 0.012 * across, y, text, va="center", ha="left", fontsize=10.5, color=INK, zorder=9)


def _key(figure: Figure, place: Any, before: Solved, found: Occlusion | None, told: list[str]) -> None:
    """What the signs mean, and the words."""
    from matplotlib.lines import Line2D

    ax = figure.add_subplot(place)
    ax.set_axis_off()
    diameter = np.unique(np.quantile(2.0 * before.graph.radius, (0.05, 0.5, 1.0)))
    every = _widths(diameter, 2.0 * float(before.graph.radius.max()), before.graph.n_edges)
    dark = _colours()(0.6)
    signs: list[Line2D] = []
    for d, w in zip(diameter, every, strict=True):
        text = f"{d / UM:.3g} um" if d < 1e-3 else f"{d * 1e3:.3g} mm"
        signs.append(Line2D([], [], color=dark, linewidth=float(w), label=f"diameter {text}"))
    signs.append(Line2D([], [], color=INK, marker="v", markersize=10, label="blood enters (flow)", **RIM))
    signs.append(Line2D([], [], color=STILL, linewidth=1.6, linestyle=(0, (1.6, 1.2)), label="without flow"))
    if not before.plain.all():
        signs.append(Line2D([], [], color=UNDEFINED, linewidth=3, label="not defined (calibrated)"))
    if found is not None:
        if len(found.closed):
            signs.append(Line2D([], [], color=CLOSED, linewidth=4, marker="X", markersize=11, label="closed"))
        if found.beads is not None:
            signs.append(Line2D([], [], color=CLOSED, linewidth=4, label="closed by beads"))
            signs.append(Line2D([], [], color=BEAD, marker="o", markersize=6, label="beads lodged", **RIM))
            signs.append(Line2D([], [], color=GIVEN, marker="*", markersize=16, label="beads given here", **RIM))
    columns = 2 if found is not None and len(signs) > 5 else 1
    ax.legend(
        handles=signs, loc="upper left", bbox_to_anchor=(0.02, 1.0), frameon=False, fontsize=12, labelcolor=INK,
        handlelength=2.6, ncols=columns,
    )  # fmt: skip
    rows = -(-len(signs) // columns)
    inches = ax.get_position().height * figure.get_figheight()
    top = 1.0 - (0.27 * rows + 0.3) / inches
    ax.text(0.03, top, "\n".join(told), va="top", ha="left", fontsize=12, color=INK, linespacing=1.45,
            transform=ax.transAxes)  # fmt: skip
