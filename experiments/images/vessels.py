"""The picture of vessels for the README: a grown patient before and after TACE with one overlooked feeder.

python experiments/images/vessels.py
tumorsim vessels tumour_r3230ac_1998.dat --cell-volume "55 fL" --po2 experiments/images/tumour_po2.png
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from tumorsim.model import DAY, TumorModel
from tumorsim.state import LIVER
from tumorsim.vessels.graph import Kind

FEEDERS = ("#0072b2", "#009e73", "#d55e00", "#b07a00", "#b3578b", "#3d9bdc")
ARTERY, STILL, CLOSED = "#d9a5a5", "#c9c9c9", "#111111"
VIEW = 31.0  # mm, half width
DAYS = 3
STARVED = 0.1  # share of the untreated flow under which a vessel is drawn as bloodless


def vessels(axes: Axes, model: TumorModel, before: np.ndarray, overlooked: set[str]) -> None:
    patient, state = model.virtual_patient, model.state
    graph = patient.graph
    shown = (graph.kind == Kind.ARTERIAL) & (patient.grown.patent > 0.0)
    ends = 1e3 * graph.node_pos[np.stack([graph.tail, graph.head], axis=1)][:, :, :2]
    width = 0.5 + 2.2 * np.sqrt(1e3 * graph.radius)
    still = np.abs(state.edge_flow) < STARVED * np.abs(before)
    closed = shown & (state.edge_open < 0.02)
    fed = np.zeros(graph.n_edges, dtype=int)
    for number, feeder in enumerate(patient.grown.feeders, 1):
        fed[graph.downstream_edges(feeder.edge, before)] = number
        fed[feeder.edge] = number
    layers = [(shown & (fed == 0) & ~still, ARTERY, 0.7), (shown & still & ~closed, STILL, 0.9)]
    layers += [(shown & (fed == k) & ~still, FEEDERS[k - 1], 1.0) for k in range(1, len(patient.grown.feeders) + 1)]
    for order, (rows, colour, alpha) in enumerate(layers):
        axes.add_collection(
            LineCollection(list(ends[rows]), colors=colour, linewidths=width[rows], alpha=alpha, zorder=2 + order)
        )
    middle = ends[closed].mean(axis=1) if closed.any() else np.zeros((0, 2))
    axes.plot(middle[:, 0], middle[:, 1], "o", color=CLOSED, markersize=2.6, zorder=20)
    radius = 1e3 * max(model.case.tissue.tumour.semi_axes)
    axes.add_patch(Circle((0, 0), radius, facecolor="#ece6f2", edgecolor="#6d5a80", zorder=1))
    signs = [
        Line2D([], [], color=FEEDERS[k], lw=3, label=f"feeder {k + 1}" + (": overlooked" if name in overlooked else ""))
        for k, name in enumerate(f"feeder_{n + 1}" for n in range(len(patient.grown.feeders)))
    ]
    signs.append(Line2D([], [], color=ARTERY, lw=3, label="artery of the liver"))
    if closed.any():
        signs.append(Line2D([], [], color=STILL, lw=3, label="under a tenth of its blood"))
        signs.append(Line2D([], [], color=CLOSED, lw=0, marker="o", markersize=4, label="closed by beads"))
    axes.legend(handles=signs, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, fontsize=8, frameon=False)
    axes.set_xlim(-VIEW, VIEW)
    axes.set_ylim(-VIEW, VIEW)


def oxygen(figure: Figure, axes: Axes, model: TumorModel) -> None:
    lattice, state = model.virtual_patient.lattice, model.state
    half = 0.5e3 * lattice.size[0]
    middle = lattice.shape[2] // 2
    po2 = state.po2.reshape(lattice.shape)[:, :, middle].T
    tumour = (state.compartment.reshape(lattice.shape)[:, :, middle].T != LIVER).astype(float)
    extent = (-half, half, -half, half)
    image = axes.imshow(po2, origin="lower", extent=extent, cmap="cividis", vmin=0, vmax=60)
    axes.contour(tumour, levels=[0.5], extent=extent, colors="white", linewidths=1.0)
    axes.set_xlim(-VIEW, VIEW)
    axes.set_ylim(-VIEW, VIEW)
    bar = figure.colorbar(image, cax=figure.add_axes((0.72, 0.13, 0.2, 0.035)), orientation="horizontal")
    bar.set_label("mmHg (white line: border of the tumour)", fontsize=8)
    bar.ax.tick_params(labelsize=8)


def main() -> None:
    model = TumorModel(case="tace_superselective")
    before = model.virtual_patient.untreated_flow.copy()
    figure = Figure(figsize=(13.2, 5.3), dpi=110)
    left, middle, right = (figure.add_axes((x, 0.2, 0.315, 0.72)) for x in (0.01, 0.34, 0.67))
    vessels(left, model, before, set())
    left.set_title("Before: arteries of liver and tumour, seen along z", fontsize=10.5)
    while model.now < DAYS * DAY:
        model.step()
    overlooked = set(model.records.done[0].delivery.delivered.get("feeders_overlooked", ()))
    vessels(middle, model, before, overlooked)
    middle.set_title(f"Day {DAYS}, two days after superselective TACE", fontsize=10.5)
    oxygen(figure, right, model)
    right.set_title("Oxygen of the tissue then, in the middle slice", fontsize=10.5)
    for axes in (left, middle, right):
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.plot([19, 29], [-29, -29], color="black" if axes is not right else "white", lw=2, zorder=30)
        axes.text(24, -28.4, "10 mm", ha="center", va="bottom", fontsize=8, zorder=30,
                  color="black" if axes is not right else "white")  # fmt: skip
    FigureCanvasAgg(figure).print_png(Path(__file__).with_name("vessels_before_after.png"))


if __name__ == "__main__":
    main()
