"""The picture of a tissue's oxygen: slices with contours at 10 and 2.5 mmHg, and the vessels that run there.

Three slices across the thinnest side show three layers of the box, two more cut it in the middle the other ways;
of a flat box one slice says it all. Vessels are drawn as wide as they are, in the colour of their blood, those
of the layer of a slice only. Matplotlib (the extra `view`) is loaded only when a picture is asked for.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.report import png
from tumorsim.studies.store import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tumorsim.fields.network_oxygen import OxygenMap
    from tumorsim.vessels.graph import VesselGraph

Floats = NDArray[np.float64]

UM = 1e-6  # m
DPI = 130
COLUMN, ALONE = 4.4, 9.0  # inches, the widest of several slices, and a single one
LONGEST = 70  # letters of a title
LEFT, RIGHT, ABOVE, BELOW, BETWEEN, ROW = 0.75, 0.25, 0.95, 0.55, 0.75, 0.85
LAYERS = 3  # slices across the thinnest side
FLAT = 0.12  # thinnest over widest side under which one slice is drawn
SLAB = 0.08  # of the box, on either side of a middle slice: vessels drawn with it
FINEST = 0.6  # points, of the finest vessel
INK, PAPER, SILENT, DARK = "#1f2328", "#ffffff", "#e29ac2", "#101820"
RIM = "#aab2bb"
#: contour [mmHg], colour, line, words
CONTOURS: tuple[tuple[float, str, Any, str], ...] = (
    (10.0, "#ffffff", "solid", "10 mmHg, less is hypoxic"),
    (2.5, "#ff8a3d", (0, (4, 2)), "2.5 mmHg, less is severely hypoxic"),
)
AXES = "xyz"


@dataclass(frozen=True)
class Slice:
    """One slice: the axes across, up and through it, the layer of sites, and how thick a layer it stands for."""

    across: int
    up: int
    through: int
    layer: int
    reach: float  # m, on either side: vessels drawn with it


def slices(found: OxygenMap) -> list[Slice]:
    """The slices of a map, those across the thinnest side first, from low to high."""
    shape = np.array(found.lattice.shape)
    size = shape * found.lattice.spacing
    thin = int(2 - np.argmin(size[::-1]))  # of equal sides the last
    first, second = sorted((a for a in range(3) if a != thin), key=lambda a: -size[a])  # the longer lies across
    if size[thin] <= FLAT * size.max():
        return [Slice(first, second, thin, int(shape[thin]) // 2, float(size[thin]) / 2.0)]
    layers = min(LAYERS, int(shape[thin]))
    out = [
        Slice(first, second, thin, int((k + 0.5) * shape[thin] / layers), float(size[thin]) / (2.0 * layers))
        for k in range(layers)
    ]
    for across, through in ((first, second), (second, first)):
        reach = max(SLAB * float(size[through]), found.lattice.spacing)
        out.append(Slice(across, thin, through, int(shape[through]) // 2, reach))
    return out


def vessels_in(graph: VesselGraph, through: int, low: float, high: float) -> tuple[NDArray[np.int64], Floats]:
    """Edges that have a part between two positions [m] along an axis, and the ends of that part, (k, 2, 3)."""
    a, b = graph.node_pos[graph.tail], graph.node_pos[graph.head]
    start, step = a[:, through], (b - a)[:, through]
    level = step == 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        cuts = np.sort(np.stack([(low - start) / step, (high - start) / step]), axis=0)
    inside = (start >= low) & (start <= high)
    from_, to = np.clip(np.where(level, np.array([[0.0], [1.0]]), cuts), 0.0, 1.0)
    kept = np.flatnonzero(np.where(level, inside, to > from_))
    ends = [a[kept] + share[kept, None] * (b - a)[kept] for share in (from_, to)]
    return kept, np.stack(ends, axis=1)


def draw_oxygen_map(found: OxygenMap, graph: VesselGraph, path: str | Path, title: str = "") -> None:
    """Write the picture of a map as PNG; the file is whole or not there.

    Parameters
    ----------
    found : OxygenMap
    graph : VesselGraph
        The network the map was made of.
    path : str or Path
        In a folder that exists.
    title : str
        Default the title of the network's file.

    Raises
    ------
    InputError
        Where Matplotlib is not installed, or the file cannot be written.
    """
    content = oxygen_picture(found, graph, title)
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None


def upper_end(*maps: OxygenMap) -> float:
    """Round upper end of the colours [mmHg], one for all of ``maps``, so that they can be compared."""
    highest = [max(float(m.po2.max()), float(np.nanmax(m.node_po2, initial=0.0))) for m in maps]
    return float(10.0 * np.ceil(max(20.0, *highest) / 10.0))


def oxygen_picture(found: OxygenMap, graph: VesselGraph, title: str = "", top: float | None = None) -> bytes:
    """PNG bytes of the picture; ``top`` is the upper end of the colours [mmHg], else as `draw_oxygen_map`."""
    figure_class = _matplotlib()
    views = slices(found)
    size = np.array(found.lattice.shape) * found.lattice.spacing
    top = upper_end(found) if top is None else top
    rows = [views] if len(views) == 1 else [views[:-2], views[-2:]]
    columns = max(len(rows[0]), len(rows[-1]) + 1)  # the key stands last
    wide = max(size[v.across] for v in views)
    column = COLUMN if len(views) > 1 else ALONE
    heights = [max(column * size[v.up] / wide for v in row) for row in rows]
    heights[-1] = max(heights[-1], 2.5)
    widths = [column] * (columns - 1) + [COLUMN]
    width = LEFT + sum(widths) + (columns - 1) * BETWEEN + RIGHT
    height = ABOVE + sum(heights) + (len(rows) - 1) * ROW + BELOW
    figure = figure_class(figsize=(width, height), dpi=DPI, facecolor=PAPER)
    grid = figure.add_gridspec(
        len(rows), columns, height_ratios=heights, width_ratios=widths, left=LEFT / width, right=1.0 - RIGHT / width,
        wspace=BETWEEN / float(np.mean(widths)), hspace=ROW / float(np.mean(heights)),
        bottom=BELOW / height, top=1.0 - ABOVE / height,
    )  # fmt: skip
    image = None
    for r, row in enumerate(rows):
        for c, view in enumerate(row):
            image = _panel(figure.add_subplot(grid[r, c]), found, graph, view, top, column / wide)
    key = figure.add_subplot(grid[len(rows) - 1, len(rows[-1])])
    _key(key, found, image, top)
    name = title or str(graph.attributes.get("title", "")) or "measured network"
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…"
    figure.text(LEFT / width, 1.0 - 0.17 / height, name, fontsize=14, color=INK, va="top", weight="bold")
    told = f"oxygen of the tissue, sites of {found.lattice.spacing / UM:g} µm"
    figure.text(LEFT / width, 1.0 - 0.45 / height, told, fontsize=10.5, color=INK, va="top")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()


def _matplotlib() -> type[Figure]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: F401  (drawn by Agg, no display)
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError('a picture needs Matplotlib, which is not installed: pip install "tumorsim[view]"') from None
    return Figure


def _scale(top: float) -> tuple[Any, Any]:
    """Colours and their scale: the square root of the pressure, so that the low ones can be told apart."""
    from matplotlib.colors import ListedColormap, PowerNorm

    return ListedColormap(png.ramp(np.linspace(0.0, 1.0, 256), png.CIVIDIS) / 255.0), PowerNorm(0.5, 0.0, top)


def _panel(axes: Axes, found: OxygenMap, graph: VesselGraph, view: Slice, top: float, inches: float) -> Any:
    """One slice, its contours and vessels; ``inches`` is what a metre would be on paper."""
    from matplotlib.collections import LineCollection

    colours, norm = _scale(top)
    lattice, h = found.lattice, found.lattice.spacing
    values = np.take(found.po2.reshape(lattice.shape), view.layer, axis=view.through)
    values = values.T if view.across < view.up else values  # rows are up
    corner = found.centre - np.array(lattice.shape) * h / 2.0
    at = corner[view.through] + (view.layer + 0.5) * h
    low, high = corner / UM, (corner + np.array(lattice.shape) * h) / UM
    box = (low[view.across], high[view.across], low[view.up], high[view.up])
    image = axes.imshow(values, cmap=colours, norm=norm, origin="lower", extent=box, interpolation="bilinear")
    edges, ends = vessels_in(graph, view.through, at - view.reach, at + view.reach)
    lines = ends[:, :, [view.across, view.up]] / UM
    width = np.maximum(2.0 * graph.radius[edges] * inches * 72.0, FINEST)
    silent = ~np.isfinite(found.edge_po2[edges])
    paint = colours(norm(np.where(silent, 0.0, found.edge_po2[edges])))
    paint[silent] = _rgba(SILENT)
    # a dark and a pale rim: one of them stands out wherever the vessel runs
    for colour, rim, order in ((DARK, 2.6, 4), (RIM, 1.2, 5), (paint, 0.0, 6)):
        axes.add_collection(
            LineCollection(list(lines), colors=colour, linewidths=width + rim, capstyle="round", zorder=order)
        )
    # out to the walls of the box, which are closed: pressure is level there
    across, up = (
        np.r_[low[a], low[a] + (np.arange(lattice.shape[a]) + 0.5) * h / UM, high[a]] for a in (view.across, view.up)
    )
    values = np.pad(values, 1, mode="edge")
    for level, line, dash, _ in CONTOURS:
        if values.min() < level < values.max():
            axes.contour(across, up, values, [level], colors=DARK, linewidths=2.6, linestyles="solid", zorder=2)
            axes.contour(across, up, values, [level], colors=line, linewidths=1.5, linestyles=[dash], zorder=3)
    axes.set_xlim(box[:2])
    axes.set_ylim(box[2:])
    axes.set_aspect("equal")
    axes.set_anchor("NW")
    axes.tick_params(labelsize=8.5, colors=INK, length=3)
    axes.set_xlabel(f"{AXES[view.across]} [µm]", fontsize=9.5, color=INK, labelpad=2)
    axes.set_ylabel(f"{AXES[view.up]} [µm]", fontsize=9.5, color=INK, labelpad=2)
    told = f"{AXES[view.through]} = {at / UM:.0f} µm, vessels within {view.reach / UM:.0f} µm of it"
    axes.set_title(told, fontsize=10, color=INK, loc="left", pad=4)
    return image


def _rgba(colour: str) -> Floats:
    return np.append(png.colours([colour])[0] / 255.0, 1.0)


def _key(axes: Axes, found: OxygenMap, image: Any, top: float) -> None:
    """Colours, contours and what the whole tissue is like."""
    from matplotlib.lines import Line2D

    axes.axis("off")
    bar = axes.inset_axes((0.04, 0.80, 0.90, 0.085))
    ticks = [0.5, 2.5, 10.0, *(v for v in np.arange(20.0, top + 1.0, 20.0 if top > 80.0 else 10.0))]
    drawn = axes.figure.colorbar(image, cax=bar, orientation="horizontal", ticks=ticks)
    drawn.ax.set_xticklabels([f"{v:g}" for v in ticks])
    drawn.ax.minorticks_off()
    for level, colour, dash, _ in CONTOURS:
        drawn.ax.axvline(level, color=DARK, linewidth=3.0)
        drawn.ax.axvline(level, color=colour, linewidth=1.8, linestyle=dash)
    bar.tick_params(labelsize=8.5, colors=INK, length=3)
    bar.set_title("oxygen pressure of tissue and blood [mmHg]", fontsize=9.5, color=INK, loc="left", pad=5)
    marks = [Line2D([], [], color=c, linestyle=d, linewidth=1.8) for _, c, d, _ in CONTOURS]
    words = [w for *_, w in CONTOURS]
    if np.isnan(found.edge_po2).any():
        marks.append(Line2D([], [], color=SILENT, linewidth=3.0))
        words.append("vessel whose oxygen is not known")
    axes.legend(
        marks, words, loc="upper left", bbox_to_anchor=(0.02, 0.62), fontsize=9, frameon=True, facecolor="#575d6d",
        edgecolor="none", labelcolor=PAPER, borderpad=0.5, handlelength=2.6, borderaxespad=0.4,
    )  # fmt: skip
    below = ", ".join(f"{100 * share:.0f} % below {limit:g}" for limit, share in found.shares.items())
    balance = found.balance
    used = balance.consumption / balance.inflow if balance.inflow > 0.0 else 0.0
    lines = [
        f"tissue: {below} mmHg",
        f"mean {found.mean:.3g} mmHg; it consumes {100 * used:.0f} % of the oxygen that enters",
        f"balance of oxygen: closed to {abs(balance.imbalance):.0e} of the consumption",
    ]
    axes.text(0.04, 0.24 if len(words) < 3 else 0.16, "\n".join(lines), fontsize=9, color=INK, va="top",
              transform=axes.transAxes, linespacing=1.5)  # fmt: skip
