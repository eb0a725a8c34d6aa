"""The picture of the README: residue after superselective embolisation with one overlooked feeder.

tumorsim run tace_superselective --out results/picture --overwrite
python experiments/images/demo.py results/picture
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

import tumorsim as ts

KINDS = {0: ("#c3272b", "artery"), 1: ("#1f66c1", "portal vein"), 2: ("#8a9199", "hepatic vein")}
REASONS = {
    "missed": "#35298a",
    "other supply": "#dccb70",
    "low dose": "#7fc4e8",
    "regrown": "#8b2252",
    "outside plan": "#44aa99",
    "hypoxic": "#999933",
}


def main(folder: str) -> None:
    results = ts.Results.open(folder)
    shot = results.snapshot(next(iter(results.arms)))
    assert shot is not None
    axis = "z"
    rows, columns = shot[f"density_{axis}"].shape
    h = float(shot["spacing_mm"])
    x0, y0 = shot[f"origin_{axis}"]
    extent = (x0, x0 + columns * h, y0 + rows * h, y0)
    figure = Figure(figsize=(10, 5.2), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    density = np.ma.masked_less_equal(shot[f"density_{axis}"], 0.0)
    left.set_facecolor("#f2e9e2")
    image = left.imshow(density, cmap="Purples", vmin=0.0, vmax=1.0, extent=extent)
    figure.colorbar(image, ax=left, location="bottom", shrink=0.6, label="living tumour cells, share of a full site")
    for kind, (colour, name) in KINDS.items():
        lines = shot[f"vessels_{axis}"]
        lines = lines[lines[:, 5] == kind]
        ends = lines[:, :4].reshape(-1, 2, 2)
        closed = lines[:, 8] < 0.15  # flow left of the untreated flow
        for which, style in ((~closed, "solid"), (closed, (0, (1, 1)))):
            left.add_collection(
                LineCollection(
                    list(ends[which]),
                    colors=colour if style == "solid" else "black",
                    linewidths=0.6 + 1.6 * np.sqrt(lines[which, 4]),
                    linestyles=style,
                    label=name if style == "solid" else "closed vessel" if kind == 0 else None,
                )
            )
    left.legend(loc="upper left", fontsize=7, framealpha=0.9)
    left.set_title("Living cells and vessels")

    names = [str(n) for n in shot["reason_names"]]
    codes = shot[f"reason_{axis}"]
    present = [n for n in names if (codes == names.index(n) + 1).any()]
    shown = np.zeros_like(codes)
    for number, name in enumerate(present, 1):
        shown[codes == names.index(name) + 1] = number
    colours = ["#f2e9e2", *(REASONS.get(n, "#777777") for n in present)]
    right.imshow(shown, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(present) + 0.5, extent=extent)
    right.legend(
        handles=[Patch(color=REASONS.get(n, "#777777"), label=n) for n in present], loc="upper left", fontsize=8
    )
    right.set_title("Why the residue is alive")
    for ax in (left, right):
        ax.set_xlim(-34, 34)
        ax.set_ylim(34, -34)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.contour(
            np.linspace(extent[0] + h / 2, extent[1] - h / 2, columns),
            np.linspace(extent[3] + h / 2, extent[2] - h / 2, rows),
            shot[f"compartment_{axis}"] > 0,
            levels=[0.5],
            colors="black",
            linewidths=0.8,
        )
        ax.plot([20, 30], [31, 31], color="black", lw=2)
        ax.text(25, 30, "10 mm", ha="center", va="bottom", fontsize=8)
    FigureCanvasAgg(figure).print_png(Path(__file__).with_name("demo.png"))


if __name__ == "__main__":
    main(sys.argv[1])
