"""Slices through the tumour of one patient: what lives, what killed the rest, and the vessels that pass."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.report import palette, png, words

Snapshot = Mapping[str, NDArray[Any]]

PLANE_NAMES = {"z": "axial", "y": "coronal", "x": "sagittal"}
CLOSED_BELOW = 0.02  # share of its conductance under which an occluded vessel is drawn as closed
STILL_BELOW = 0.05  # share of its untreated flow under which a vessel is drawn as closed
PO2_TOP = 60.0  # mmHg at the upper end of the colours
FINEST = 420  # sites across; a finer picture is thinned, so that the page stays small
SEEN_DECADES = 4.0  # of cells along a line of sight, from the palest to the darkest
SINUSOID = 4
FULL_WIDTH = 40.0  # mm of tissue from which lines have their full width; narrower pictures have finer ones
# length of the scale bar, and the width of a picture above which it is taken [mm]
BARS = ((10.0, 25.0), (5.0, 12.0), (1.0, 2.5), (0.2, 0.6), (0.05, 0.0))
THROMBOSED = 4  # state of a vessel


def planes(snapshot: Snapshot) -> list[str]:
    """The axes whose slices this snapshot holds: axial first."""
    return [axis for axis in PLANE_NAMES if f"density_{axis}" in snapshot]


def tissue(snapshot: Snapshot, axis: str, arm: str) -> str:
    """What is alive (violet), what killed the rest (pale colours), the border, and the vessels."""
    compartment = snapshot[f"compartment_{axis}"]
    names = [str(n) for n in snapshot["cause_names"]]
    dead = png.colours([palette.TUMOUR, *palette.of_causes(names).values()])
    tumour = (compartment > 0) & (compartment < 255)
    rgb = np.where(tumour[..., None], dead[snapshot[f"cause_{axis}"]], png.colours([palette.LIVER])[0])
    density = snapshot[f"density_{axis}"]
    # a few living cells must not vanish in the picture: colour starts well above nothing
    rgb = np.where((density > 0)[..., None], png.ramp(0.12 + 0.88 * density, png.VIOLETS), rgb)
    alive = float(density[tumour].mean()) if tumour.any() else 0.0
    told = f"{PLANE_NAMES[axis]} slice; on average {words.percent(alive)} of the room in the tumour holds living cells"
    return _panel(snapshot, axis, rgb, compartment != 255, f"{arm}, {PLANE_NAMES[axis]} slice", told, vessels=True)


def oxygen(snapshot: Snapshot, axis: str, arm: str) -> str:
    """Mean tissue pO2 of each site."""
    po2 = snapshot[f"po2_{axis}"]
    inside = snapshot[f"compartment_{axis}"] != 255
    tumour = (snapshot[f"compartment_{axis}"] > 0) & inside
    told = f"median in the tumour {words.number(float(np.median(po2[tumour])))} mmHg" if tumour.any() else ""
    rgb = png.ramp(np.sqrt(np.clip(po2, 0, None) / PO2_TOP), png.CIVIDIS)
    return _panel(snapshot, axis, rgb, inside, f"{arm}, oxygen", told)


def reasons(snapshot: Snapshot, axis: str, arm: str, colour: Mapping[str, str]) -> str:
    """Why what lives in the slice is alive."""
    code = snapshot[f"reason_{axis}"]
    inside = snapshot[f"compartment_{axis}"] != 255
    tumour = (snapshot[f"compartment_{axis}"] > 0) & inside
    names = [str(n) for n in snapshot["reason_names"]]
    table = png.colours(["#ffffff", *(colour.get(n, "#888888") for n in names)])
    base = np.where(tumour[..., None], png.colours(["#e9e6ea"])[0], png.colours(["#f6f2ee"])[0])
    alive = (snapshot[f"density_{axis}"] > 0) & (code > 0)
    rgb = np.where(alive[..., None], table[code], base)
    seen = [n for k, n in enumerate(names, 1) if (code[alive] == k).any()]
    return _panel(snapshot, axis, rgb, inside, f"{arm}, why alive", ", ".join(seen) or "nothing alive in this slice")


def seen_through(snapshot: Snapshot, axis: str, arm: str) -> str:
    """All living cells of the target, added along the line of sight, on a logarithmic scale."""
    cells = snapshot[f"residue_{axis}"]
    top = float(snapshot["capacity"]) * 42e-3 / (float(snapshot["spacing_mm"]) * 1e-3)
    share = 1 + np.log10(np.maximum(cells, 1) / top) / SEEN_DECADES
    rgb = np.where((cells > 0)[..., None], png.ramp(share, png.VIOLETS), png.colours(["#f6f2ee"])[0])
    told = f"{words.number(float(cells.sum()))} living cells in the target"
    drawn = _panel(snapshot, axis, rgb, np.ones(cells.shape, bool), f"{arm}, all residue seen through", told)
    if f"thrombus_{axis}" not in snapshot:
        return drawn
    x0, y0 = (float(v) for v in snapshot[f"origin_{axis}"])
    inside = snapshot[f"thrombus_{axis}"].astype(int)
    return drawn.replace("</svg>", _outline(inside, x0, y0, float(snapshot["spacing_mm"]), "clot") + "</svg>")


def _panel(
    snapshot: Snapshot,
    axis: str,
    rgb: NDArray[np.float64],
    visible: NDArray[np.bool_],
    title: str,
    told: str,
    vessels: bool = False,
) -> str:
    spacing = float(snapshot["spacing_mm"])
    x0, y0 = (float(v) for v in snapshot[f"origin_{axis}"])
    rows, columns = visible.shape
    width, height = columns * spacing, rows * spacing
    thin = max(1, -(-max(rows, columns) // FINEST))
    picture = png.data_uri(png.with_alpha(rgb, visible)[::thin, ::thin])
    out = [
        f'<svg style="--thin:{min(1.0, width / FULL_WIDTH):.3g}" '
        f'viewBox="{x0:g} {y0:g} {width:g} {height:g}" role="img" class="slice" '
        f'aria-label="{escape(title)}. {escape(told)}."><title>{escape(title)}: {escape(told)}</title>',
        f'<image x="{x0:g}" y="{y0:g}" width="{width:g}" height="{height:g}" href="{picture}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated"/>',
    ]
    compartment = snapshot[f"compartment_{axis}"].astype(int)
    tissue_only = np.where(compartment == 255, 0, compartment)
    out.append(_outline(tissue_only, x0, y0, spacing, "septum"))
    out.append(_outline((tissue_only > 0).astype(int), x0, y0, spacing, "border"))
    out.append(_outline(snapshot[f"target_{axis}"].astype(int), x0, y0, spacing, "target"))
    if vessels:
        out.append(_vessels(snapshot[f"vessels_{axis}"]))
    out.append(_scale_bar(x0, y0, width, height))
    return "".join([*out, "</svg>"])


def _outline(regions: NDArray[np.int_], x0: float, y0: float, spacing: float, css: str) -> str:
    """Lines between sites of different regions, joined along rows and columns."""
    parts = []
    for turned in (False, True):
        grid = regions.T if turned else regions
        # a line below row i wherever row i and row i + 1 differ
        for i, differs in enumerate(grid[:-1] != grid[1:]):
            steps = np.flatnonzero(np.diff(np.concatenate(([False], differs, [False])).astype(int)))
            for start, stop in zip(steps[::2], steps[1::2], strict=True):
                at, a, b = (i + 1) * spacing, start * spacing, stop * spacing
                if turned:
                    parts.append(f"M{x0 + at:.4g} {y0 + a:.4g}V{y0 + b:.4g}")
                else:
                    parts.append(f"M{x0 + a:.4g} {y0 + at:.4g}H{x0 + b:.4g}")
    return f'<path d="{"".join(parts)}" class="{css}"/>' if parts else ""


def _vessels(rows: NDArray[np.float32]) -> str:
    """Vessels by kind and calibre; closed ones dark and dashed, on top; a vein with tumour in it brown."""
    groups: dict[tuple[bool, int, float], list[str]] = {}
    tumour_in: dict[float, list[str]] = {}
    for ax, ay, bx, by, radius, kind, state, is_open, flow_left in rows.tolist():
        if int(kind) == SINUSOID:
            continue
        closed = (state > 0 and is_open <= CLOSED_BELOW) or flow_left < STILL_BELOW
        # true calibre, but never too thin to see; in steps, so that a path holds many vessels
        width = max(0.18, min(4.0, round(2 * radius / 0.12) * 0.12))
        if int(state) == THROMBOSED:
            tumour_in.setdefault(width, []).append(f"M{ax:.1f} {ay:.1f}L{bx:.1f} {by:.1f}")
            continue
        groups.setdefault((closed, int(kind), width), []).append(f"M{ax:.1f} {ay:.1f}L{bx:.1f} {by:.1f}")
    out = []
    # veins at the back, arteries in front, what is closed before everything
    depth = {2: 0, 5: 0, 1: 1, 3: 2, 0: 3}
    for (closed, kind, width), parts in sorted(groups.items(), key=lambda g: (g[0][0], depth.get(g[0][1], 0), g[0][2])):
        lines = "".join(parts)
        colour = palette.VESSELS.get(kind, palette.VESSELS[5])[1]
        if closed or (width > 0.4 and depth.get(kind, 0) > 0):
            out.append(f'<path d="{lines}" class="casing" stroke-width="{width + 0.35:.2f}"/>')
        if closed:
            out.append(f'<path d="{lines}" class="closed" stroke-width="{max(width, 0.3):.2f}"/>')
        else:
            out.append(f'<path d="{lines}" class="vessel k{kind}" stroke="{colour}" stroke-width="{width:.2f}"/>')
    for width, parts in sorted(tumour_in.items()):
        lines = "".join(parts)
        out.append(f'<path d="{lines}" class="casing" stroke-width="{width + 0.7:.2f}"/>')
        out.append(
            f'<path d="{lines}" class="vessel thrombus" stroke="{palette.THROMBUS}" stroke-width="{width:.2f}"/>'
        )
    return "".join(out)


def _in_view(snapshot: Snapshot, axis: str) -> bool:
    """Whether a vein with tumour in it runs in the part of a slice that is shown."""
    rows = snapshot[f"vessels_{axis}"]
    low = snapshot[f"origin_{axis}"]
    high = low + np.array(snapshot[f"density_{axis}"].shape)[::-1] * float(snapshot["spacing_mm"])
    ends = rows[rows[:, 6] == THROMBOSED, :4].reshape(-1, 2)
    return bool(((ends > low) & (ends < high)).all(axis=1).any())


def _scale_bar(x0: float, y0: float, width: float, height: float) -> str:
    length = next((mm for mm, least in BARS if width > least), BARS[-1][0])
    told = f"{length:g} mm" if length >= 1.0 else f"{1e3 * length:g} µm"
    x, y = x0 + width - length - 0.04 * width, y0 + height - 0.05 * height
    size = 0.042 * width
    return (
        f'<path d="M{x:.3g} {y:.3g}h{length:g}" class="bar10" stroke-width="{0.012 * width:.3g}"/>'
        f'<text x="{x + length / 2:.3g}" y="{y - 0.5 * size:.3g}" text-anchor="middle" '
        f'class="bar10text" style="font-size:{size:.3g}px">{told}</text>'
    )


def legend(snapshots: list[Snapshot]) -> list[tuple[str, str, str]]:
    """What the colours of `tissue` mean: (kind of sign, colour, words)."""
    causes = list(dict.fromkeys(str(n) for s in snapshots for n in s["cause_names"]))
    seen = {
        str(s["cause_names"][code - 1])
        for s in snapshots
        for axis in planes(s)
        for code in np.unique(s[f"cause_{axis}"])
        if code > 0
    }
    vessels = np.concatenate([s[f"vessels_{axis}"] for s in snapshots for axis in planes(s)] or [np.zeros((0, 9))])
    kinds = {int(k) for k in np.unique(vessels[:, 5])}
    signs = [("ramp", " ".join(png.VIOLETS), "living tumour cells, few to many")]
    signs += [("box", c, f"dead, mostly of {n}") for n, c in palette.of_causes(causes).items() if n in seen]
    signs += [("box", palette.TUMOUR, "tumour without deaths or cells"), ("box", palette.LIVER, "liver")]
    signs += [("line", palette.VESSELS[k][1], palette.VESSELS[k][0]) for k in sorted(kinds) if k in palette.VESSELS]
    if any(_in_view(s, axis) for s in snapshots for axis in planes(s)):
        signs.append(("line", palette.THROMBUS, "portal vein with tumour thrombus"))
    signs += [
        ("dashed", "#111111", "closed, or without flow"),
        ("outline", "#222222", "border of tumour and its compartments"),
    ]
    return [*signs, ("dotted", "#555555", "target: tumour plus 5 mm")]


__all__ = ["legend", "oxygen", "planes", "reasons", "seen_through", "tissue"]
