"""The picture of a session of heat: what was to be coagulated, what was, and what escaped beside a vein.

tumorsim run microwave_beside_vein --set until="2 d" --out results/heat --overwrite
python experiments/images/heat.py results/heat
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import tumorsim as ts
from tumorsim.report import palette
from tumorsim.report.heat_slices import escaped, named, sessions, wide_vessels

NEEDLE, BORDER = "#111111", "#8f3a26"
SHOWN = ("along", "across")


def main(folder: str) -> None:
    results = ts.Results.open(folder)
    shot = results.snapshot(next(iter(results.arms)))
    assert shot is not None
    picture = sessions(shot)[0]
    figure = Figure(figsize=(10, 6.1), dpi=110, layout="constrained")
    titles = dict(named(picture))
    for axes, plane in zip(figure.subplots(1, 2), SHOWN, strict=True):
        draw(axes, picture, plane)
        axes.set_title(titles[plane].capitalize())
    handles: list[Any] = [
        Line2D([], [], color="#222222", lw=1.8, label="tumour on the image"),
        Line2D([], [], color="#222222", lw=1.6, ls=":", label="with margin: to be coagulated"),
        Line2D([], [], color=palette.PLANNED, lw=1.5, ls="--", label="planned zone"),
        Line2D([], [], color=NEEDLE, lw=4, label="needle, active part"),
        Patch(facecolor=palette.COAGULATED, edgecolor=BORDER, label="coagulated"),
    ]
    if any((escaped(picture, plane) >= 0).any() for plane in SHOWN):
        handles.append(Patch(color=palette.ESCAPED, label="escaped"))
    seen = {colour for plane in SHOWN for _, _, colour in wide_vessels(picture, plane)}
    names = {colour: name for name, colour in reversed(palette.VESSELS.values())}
    handles += [Line2D([], [], color=colour, lw=6, label=names[colour]) for colour in names if colour in seen]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    FigureCanvasAgg(figure).print_png(Path(__file__).with_name("heat.png"))


def draw(axes: Axes, picture: Any, plane: str) -> None:
    """One plane, in mm."""
    half = float(picture["half_mm"])
    extent = (-half, half, half, -half)
    tissue = picture[f"tissue_{plane}"]
    ground = ListedColormap(["#ffffff", palette.LIVER, palette.TUMOUR])
    axes.imshow(tissue, cmap=ground, vmin=-0.5, vmax=2.5, extent=extent)
    rows, columns = tissue.shape
    x = (np.arange(columns) + 0.5) * 2 * half / columns - half
    y = (np.arange(rows) + 0.5) * 2 * half / rows - half
    axes.contourf(x, y, picture[f"zone_{plane}"], levels=[0, 101], colors=[palette.COAGULATED], alpha=0.85)
    axes.contourf(x, y, escaped(picture, plane), levels=[0, 101], colors=[palette.ESCAPED])
    scale = 360.0 / (2 * half)  # points a millimetre, about: two panels on ten inches
    for (x0, y0, x1, y1), across, colour in wide_vessels(picture, plane):
        axes.plot([x0, x1], [y0, y1], color=colour, lw=0.87 * scale * across, solid_capstyle="round")
    lines = (("zone", BORDER, "solid", 1.2), ("goal", "#222222", "dotted", 1.7),
             ("planned", palette.PLANNED, "dashed", 1.4), ("outline", "#222222", "solid", 1.9))  # fmt: skip
    for key, colour, style, width in lines:
        axes.contour(x, y, picture[f"{key}_{plane}"], levels=[0], colors=[colour], linestyles=style, linewidths=width)
    right, up, normal, middle = picture[f"frame_{plane}"]

    def flat(places: Any) -> Any:
        return (places - middle) @ np.stack([right, -up, normal]).T

    tips, ways = picture["needles"][:, :3], picture["needles"][:, 3:]
    for tip, back in zip(flat(tips), flat(tips - 200.0 * ways), strict=True):
        if plane == "across":
            at = tip + tip[2] / (tip[2] - back[2]) * (back - tip)
            if tip[2] * back[2] < 0:
                axes.plot(*at[:2], "o", color=NEEDLE, markeredgecolor="white", markersize=8)
        else:
            axes.plot([back[0], tip[0]], [back[1], tip[1]], color=NEEDLE, lw=1.5)
    if plane != "across":
        for a, b in zip(flat(picture["active"][:, :3]), flat(picture["active"][:, 3:]), strict=True):
            axes.plot([a[0], b[0]], [a[1], b[1]], color=NEEDLE, lw=4, solid_capstyle="butt")
    axes.set_xlim(-half, half)
    axes.set_ylim(half, -half)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.plot([half - 13, half - 3], [half - 3] * 2, color="black", lw=2)
    axes.text(half - 8, half - 4, "10 mm", ha="center", va="bottom", fontsize=8)


if __name__ == "__main__":
    main(sys.argv[1])
