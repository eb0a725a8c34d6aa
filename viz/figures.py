"""Pictures of a frame as PNG: slice and oxygen, vessels, curve. No state of pyplot's is used.

Colours: Okabe and Ito (2008) for states of cells, cividis (Nuñez et al. 2018) for oxygen; both are told apart
with every form of colour vision.
"""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from fine import SETTINGS
from frame import CAPSULE, OPEN_BORDER, SEPTUM, STATES, Frame, Still, leads_in
from matplotlib import patheffects
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray
from PIL import Image

from tumorsim.anatomy.organs import CODE_NAMES
from tumorsim.report import palette
from tumorsim.report.figures import day_ticks
from tumorsim.vessels.graph import Kind

COLOURS: Mapping[str, str] = MappingProxyType(
    {"dividing": "#009e73", "resting": "#0072b2", "hypoxic": "#c2185b", "dying": "#f0b000", "debris": "#b3a899"}
)
ARTERY, FEEDER, POOR, PORTAL, CLOSED = "#d9707a", "#c00d1e", "#efc4bd", "#7fb2dd", "#000000"
OUTSIDE, THROMBUS = palette.EXTRAHEPATIC, palette.THROMBUS
LIVER, NOTHING, INK, FAINT = "#f6f0ea", "#ffffff", "#1f2328", "#5f6670"
ZONE, NEEDLE = "#8f3a26", "#111111"  # border of what heat has coagulated
DOTS, DOTS_ACROSS = 4, 160  # most along an edge of a site that holds many cells, and across the picture
DPI = 100
FONT = 12.0
WIDE, LETTER = 6.6, 0.095  # inches: the picture of the vessels, and a letter in it

SHORT = {"right": "right hepatic", "left": "left hepatic", "thrombus_artery": "thrombus"}

_drawing = threading.Lock()  # visitors draw in turn


def tissue_rgb(frame: Frame, dots: int = DOTS, around: str = LIVER, empty: str = LIVER) -> NDArray[np.float64]:
    """Colour of the slice, (rows x dots, columns x dots, 3) from 0 to 1.

    A site is drawn as ``dots`` x ``dots`` dots, each with the colour of what one finds there: as many of a colour
    as that state takes of the site's room. A site with any living cell has a dot of the living at least. ``around`` is
    the colour of what is no tumour, ``empty`` of room in it without a cell.
    """
    rows, columns = frame.tissue.shape
    # fractional parts of multiples of these two spread evenly over the plane (Roberts 2018, the R2 sequence):
    # the same dot always asks at the same level, so that the picture changes only where the tissue does
    i, j = np.indices((rows * dots, columns * dots))
    level = (0.7548776662466927 * i + 0.5698402909980532 * j) % 1.0
    shares = frame.shares.copy()
    living = shares[..., :3].sum(axis=2)
    few = (living > 0) & (living < 1.5 / dots**2)
    shares[few, :3] *= (1.5 / dots**2 / living[few])[:, None]
    upto = np.cumsum(np.repeat(np.repeat(shares, dots, axis=0), dots, axis=1), axis=2)
    found = (level[..., None] >= upto).sum(axis=2)  # number of a state; 5: no tumour cell
    colours = np.array([to_rgb(COLOURS[name]) for name in STATES] + [to_rgb(around)])[found]
    inside = np.repeat(np.repeat(frame.tissue == 2, dots, axis=0), dots, axis=1)
    colours[inside & (found == len(STATES))] = to_rgb(empty)
    nothing = np.repeat(np.repeat(frame.tissue == 0, dots, axis=0), dots, axis=1)
    colours[nothing] = to_rgb(NOTHING)
    if frame.beside.any():
        beside = np.repeat(np.repeat(frame.beside, dots, axis=0), dots, axis=1)
        shades = np.array([to_rgb(colour) for colour in palette.of_beside(CODE_NAMES)])
        colours[beside > 0] = shades[beside[beside > 0]]
    return colours


def dots_of(still: Still) -> int:
    """Dots along the edge of a site: fewer where sites are small, so that a dot can be seen."""
    across = round(2 * still.view_mm / still.spacing_mm)
    return max(1, min(DOTS, DOTS_ACROSS // max(across, 1))) if still.capacity > 1 else 1


class SlicePicture:
    """The slice through the tumour's middle with its walls: cells by state, or oxygen."""

    def __init__(self, still: Still, *, oxygen: bool) -> None:
        self.oxygen = oxygen
        self.dots = dots_of(still)
        fine = still.kind_of_tissue
        self.colours = (LIVER, LIVER) if fine is None else (SETTINGS[fine].colour, palette.TUMOUR)
        x, y = still.half_mm
        figure = _figure(6.2, 5.6)
        axes = figure.add_axes((0.085, 0.105, 0.775, 0.83))
        self.image = axes.imshow(
            np.zeros((2, 2)), extent=(-x, x, -y, y), origin="lower", interpolation="nearest", cmap="cividis",
            vmin=0, vmax=still.po2_top,
        )  # fmt: skip
        if oxygen:
            bar = figure.colorbar(self.image, cax=figure.add_axes((0.885, 0.105, 0.03, 0.83)))
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=FONT, colors=INK, length=3)
        title = "Oxygen in tissue (mmHg)" if oxygen else "Tumour cells"
        axes.set_title(title, loc="left", fontsize=FONT + 1, color=INK, fontweight="bold")
        axes.set_xlim(-still.view_mm, still.view_mm)
        axes.set_ylim(-min(still.view_mm, y), min(still.view_mm, y))
        axes.set_xlabel("mm" if still.kind_of_tissue is None else "µm", fontsize=FONT - 1, color=FAINT)
        if still.kind_of_tissue is not None:
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda mm, _: f"{1e3 * mm:.4g}".replace("-", "−")))
        axes.tick_params(labelsize=FONT - 1, colors=FAINT, length=3)
        for spine in axes.spines.values():
            spine.set_visible(False)
        self.walls = _walls(axes, *(("#ffffff", "#000000") if oxygen else (INK, "#ffffff")))
        self.heat = _heat(axes)
        vessel: list[Artist] = []
        if still.vessel_mm:
            disc = Circle((0, 0), still.vessel_mm, facecolor=ARTERY, edgecolor=INK, linewidth=1.0, zorder=4)
            vessel.append(axes.add_patch(disc))
        with _drawing:
            self.stage = _Stage(figure, [self.image, *(lines for _, lines in self.walls), *self.heat.values(), *vessel])

    def png(self, frame: Frame) -> str:
        """The picture of a frame as text that stands in a page."""
        with _drawing:
            if self.oxygen:
                self.image.set_data(np.ma.masked_where(frame.tissue == 0, frame.po2))
            else:
                self.image.set_data(tissue_rgb(frame, self.dots, *self.colours))
            for name, lines in self.walls:
                lines.set_segments(list(frame.lines[name]))
            for (name, _), lines in self.heat.items():
                lines.set_segments(list(getattr(frame, name)))
            return self.stage.png()


def _walls(axes: Any, colour: str, behind: str) -> list[tuple[str, LineCollection]]:
    """Empty collections for the walls of a slice, each over a casing so that it shows on every ground."""
    styles: dict[str, tuple[float, Any]] = {
        CAPSULE: (2.6, "solid"),
        SEPTUM: (1.3, "solid"),
        OPEN_BORDER: (1.3, (0, (2, 2))),
    }
    made = []
    for casing in (True, False):
        for name, (width, dash) in styles.items():
            lines = LineCollection(
                [], colors=behind if casing else colour, linewidths=width + 1.6 * casing,
                linestyles=["solid" if casing else dash], alpha=0.6 if casing else 1.0, capstyle="projecting",
            )  # fmt: skip
            made.append((name, axes.add_collection(lines)))
    return made


def _heat(axes: Any) -> dict[tuple[str, bool], LineCollection]:
    """Empty collections for zone and needles by what of a frame they show, each over its casing."""
    widths = {"zone": 2.2, "needles": 1.4, "active": 4.2}
    return {
        (name, casing): axes.add_collection(
            LineCollection(
                [], colors="#ffffff" if casing else ZONE if name == "zone" else NEEDLE,
                linewidths=width + 1.8 * casing, alpha=0.8 if casing else 1.0, capstyle="butt",
            )
        )
        for name, width in widths.items()
        for casing in (True, False)
    }  # fmt: skip


class VesselPicture:
    """Arteries and portal vein projected along z."""

    def __init__(self, still: Still) -> None:
        self.still = still
        # the hilum, not the far side of the other lobe
        self.right = max(still.half_mm[0], min(still.vessels[..., 0].max(), still.half_mm[0] + 50.0)) + 3
        self.width = 0.3 + 1.1 * np.sqrt(still.radius)
        self._drawn: tuple[bytes, str] = (b"", "")

    def png(self, frame: Frame) -> str:
        """As of `SlicePicture`; drawn anew only when a vessel has changed."""
        key = frame.closed.tobytes() + frame.starved.tobytes() + frame.hidden.tobytes() + repr(frame.told).encode()
        if self._drawn[0] != key:
            with _drawing:
                self._drawn = (key, self._draw(frame))
        return self._drawn[1]

    def _draw(self, frame: Frame) -> str:
        still = self.still
        figure = _figure(WIDE, 5.2)
        axes = figure.add_axes((0.0, 0.17, 1.0, 0.83))
        x, y = still.half_mm
        axes.add_patch(Rectangle((-x, -y), 2 * x, 2 * y, facecolor="#faf6f2", edgecolor="#c9bfb5", zorder=0))
        axes.add_patch(Circle((0, 0), still.tumour_mm / 2, facecolor="#ded4e8", edgecolor="#6d5a80", zorder=1))
        portal = still.kind == Kind.PORTAL
        poor = ~portal & frame.starved
        outside = still.kind == Kind.EXTRAHEPATIC
        inside = ~portal & ~poor & ~outside
        shown = ~frame.closed & ~frame.hidden
        groups = (
            ("portal vein", PORTAL, portal & ~still.thrombus & shown, 0.0, 0.7),
            ("artery", ARTERY, inside & ~still.feeds & shown, 0.0, 0.6),
            ("almost without blood", POOR, poor & shown, 0.2, 1.0),
            ("artery of the tumour", FEEDER, inside & still.feeds & shown, 0.7, 1.0),
            ("extrahepatic artery", OUTSIDE, outside & ~poor & shown, 0.7, 1.0),
            ("portal thrombus", THROMBUS, still.thrombus, 2.2, 1.0),
            ("closed", CLOSED, frame.closed, 2.2, 1.0),
        )
        signs = []
        for order, (label, colour, rows, more, alpha) in enumerate(groups):
            lines = LineCollection(
                list(still.vessels[rows]), colors=colour, linewidths=self.width[rows] + more, alpha=alpha,
                zorder=2 + order, capstyle="round",
            )  # fmt: skip
            axes.add_collection(lines)
            signs.append(Line2D([], [], color=colour, linewidth=3.5, label=label))
        self._names(axes, frame)
        axes.set_xlim(-x - 3, self.right)
        axes.set_ylim(-y - 3, y + 3)
        axes.set_aspect("equal")
        axes.set_axis_off()
        there = {4: bool((outside & ~frame.hidden).any()), 5: bool(still.thrombus.any())}
        order = [k for k in (3, 1, 0, 2, 6, 4, 5) if there.get(k, True)]
        figure.legend(
            handles=[signs[k] for k in order], loc="lower left", ncols=3, frameon=False, fontsize=FONT - 1,
            labelcolor=INK, handlelength=1.4, columnspacing=1.4, borderaxespad=0.2,
        )  # fmt: skip
        return _Stage(figure, []).png()

    def _names(self, axes: Any, frame: Frame) -> None:
        halo = [patheffects.withStroke(linewidth=3, foreground="white")]
        x, y = self.still.half_mm
        told = frame.told
        feeders = [n for n in self.still.names if leads_in(n[0]) and n[0] not in frame.unseen]
        # names stand on the two sides of the block, in the order of their vessels, so that none covers another
        middle = float(np.median([n[1] for n in feeders])) if feeders else 0.0
        for side in (-1, 1):
            here = sorted((n for n in feeders if (n[1] > middle) == (side > 0)), key=lambda n: n[2])
            rows = np.linspace(-0.82, 0.82, max(len(here), 2)) * y if len(here) > 1 else np.array([0.82 * y])
            for (name, fx, fy), row in zip(here, rows, strict=False):
                text = _with(name, told)
                axes.annotate(
                    text, (fx, fy), (side * 0.98 * x, row), fontsize=FONT, color=INK, zorder=9, path_effects=halo,
                    ha="left" if side < 0 else "right", va="center",
                    arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 0},
                )  # fmt: skip
                axes.plot([fx], [fy], "o", markersize=5, color=INK, markerfacecolor="white", zorder=8)
        across = self.right + x + 3  # mm of the picture
        for name, vx, vy in self.still.names:
            if not leads_in(name) and vx < self.right - 12:
                text = _with(name, told)
                half = 0.5 * across * len(text) * LETTER / WIDE
                at = min(max(vx, x + 1 + half), self.right - half)  # beside the block
                axes.text(at, vy, text, fontsize=FONT - 1, color=FAINT, zorder=9,
                          path_effects=halo, ha="center", va="bottom" if name != "portal_main" else "top")  # fmt: skip


def _with(name: str, told: Mapping[str, str]) -> str:
    return SHORT.get(name, name.replace("_", " ")) + (f": {told[name]}" if name in told else "")


class CurvePicture:
    """Living tumour cells in the target over time, on a log axis, with the treatments."""

    def __init__(self, still: Still) -> None:
        self.still = still
        self._ground: tuple[Any, ...] = ()

    def png(self, frame: Frame) -> str:
        """As of `SlicePicture`; axes are drawn anew only when their range or the treatments change."""
        alive = frame.viable > 0
        least = float(frame.viable[alive].min(initial=frame.viable.max()))
        top = float(np.ceil(np.log10(max(float(frame.viable.max()), 10.0)) + 0.1))
        foot = max(0.0, min(float(np.floor(np.log10(max(least, 1.0)))), top - 3)) if alive.all() else -0.5
        ground = (foot, top, frame.marks)
        with _drawing:
            if self._ground != ground:
                self._prepare(foot, top, frame)
                self._ground = ground
            shown = np.where(alive, frame.viable, 10.0**foot)
            self.curve.set_data(frame.days, shown)
            self.now.set_data(frame.days[-1:], shown[-1:])
            return self.stage.png()

    def _prepare(self, foot: float, top: float, frame: Frame) -> None:
        """Axes from 10 to the power of ``foot`` to 10 to the power of ``top``; below 0 the foot means none."""
        figure = _figure(6.2, 5.0)
        axes = figure.add_axes((0.12, 0.125, 0.85, 0.8))
        axes.set_yscale("log")
        axes.set_ylim(10.0**foot, 10.0**top)
        axes.set_xlim(-0.015 * self.still.until_d, self.still.until_d)
        axes.set_xticks(day_ticks(self.still.until_d))
        decades = range(max(0, round(foot)), round(top) + 1, 1 if top - foot < 6 else 2)
        none = [(10.0**foot, "none")] if foot < 0 else []
        places = [*none, *((10.0**k, f"$10^{{{k}}}$") for k in decades)]
        axes.set_yticks([at for at, _ in places], [text for _, text in places])
        axes.yaxis.set_minor_formatter(NullFormatter())
        for day, _ in frame.marks:
            axes.axvline(day, color="#000000", linewidth=1.2, linestyle=(0, (4, 2)))
            axes.annotate("treatment", (day, 1), xycoords=("data", "axes fraction"), xytext=(4, -4), fontsize=FONT - 1,
                          textcoords="offset points", va="top", color=INK)  # fmt: skip
        colour = COLOURS["resting"]
        (self.curve,) = axes.plot([], [], color=colour, linewidth=2.4, solid_joinstyle="round")
        (self.now,) = axes.plot([], [], "o", color=colour, markersize=8, clip_on=False)
        title = "Living tumour cells" + (" in the target" if self.still.kind_of_tissue is None else "")
        axes.set_title(title, loc="left", fontsize=FONT + 1, color=INK, fontweight="bold")
        axes.set_xlabel("day", fontsize=FONT, color=INK)
        axes.tick_params(labelsize=FONT, colors=INK)
        axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        self.stage = _Stage(figure, [self.curve, self.now])


class _Stage:
    """A figure whose still parts are drawn once; each picture draws only the moving ones over them."""

    def __init__(self, figure: Figure, moving: Sequence[Artist]) -> None:
        self.figure, self.moving = figure, moving
        for artist in moving:
            artist.set_animated(True)
        self.canvas = FigureCanvasAgg(figure)
        self.canvas.draw()
        self.ground = self.canvas.copy_from_bbox(figure.bbox)

    def png(self) -> str:
        """The picture as text that stands in a page; compressed lightly, as it is sent within this computer."""
        self.canvas.restore_region(self.ground)
        for artist in self.moving:
            self.figure.draw_artist(artist)
        out = io.BytesIO()
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())[..., :3]).save(out, format="png", compress_level=1)
        return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), dpi=DPI, facecolor="white")
