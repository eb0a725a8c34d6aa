"""Slices through the tumour of one patient: what lives, what killed the rest, and the vessels that pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.report import palette, png, words
from tumorsim.report.setting import LIVER, Setting

Snapshot = Mapping[str, NDArray[Any]]

PLANES = "zyx"
CLOSED_BELOW = 0.02  # share of its conductance under which an occluded vessel is drawn as closed
STILL_BELOW = 0.05  # share of its untreated flow under which a vessel is drawn as closed
PO2_TOP = 60.0  # mmHg at the upper end of the colours
FINEST = 420  # sites across; a finer picture is thinned, so that the page stays small
SEEN_DECADES = 4.0  # of cells along a line of sight, from the palest to the darkest
DAMAGE_DECADES = 2.0  # of Omega on either side of 1, in the colours of damage by heat
SINUSOID, OTHER = 4, 5
FULL_WIDTH = 40.0  # mm of tissue from which lines have their full width; narrower pictures have finer ones
# length of the scale bar, and the width of a picture above which it is taken [mm]
BARS = ((10.0, 25.0), (5.0, 12.0), (1.0, 2.5), (0.2, 0.6), (0.05, 0.0))
THROMBOSED = 4  # state of a vessel


def planes(snapshot: Snapshot) -> list[str]:
    """The axes whose slices this snapshot holds: the one across z first."""
    return [axis for axis in PLANES if f"density_{axis}" in snapshot]


def tissue(snapshot: Snapshot, axis: str, arm: str, setting: Setting = LIVER) -> str:
    """What is alive (violet), what killed the rest (pale colours), the border, and the vessels."""
    compartment = snapshot[f"compartment_{axis}"]
    names = [str(n) for n in snapshot["cause_names"]]
    dead = png.colours([palette.TUMOUR, *palette.of_causes(names).values()])
    tumour = (compartment > 0) & (compartment < 255)
    rgb = np.where(tumour[..., None], dead[snapshot[f"cause_{axis}"]], png.colours([setting.colour])[0])
    density = snapshot[f"density_{axis}"]
    # a few living cells must not vanish in the picture: colour starts well above nothing
    rgb = np.where((density > 0)[..., None], png.ramp(0.12 + 0.88 * density, png.VIOLETS), rgb)
    alive = float(density[tumour].mean()) if tumour.any() else 0.0
    name = f"slice {setting.planes[axis]}" if " " in setting.planes[axis] else f"{setting.planes[axis]} slice"
    told = f"{name}; on average {words.percent(alive)} of the room in the tumour holds living cells"
    return _panel(snapshot, axis, rgb, compartment != 255, f"{arm}, {name}", told, vessels=True)


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
    deep = min(42.0 / float(snapshot["spacing_mm"]), float(max(cells.shape)))  # sites of a long line of sight
    top = float(snapshot["capacity"]) * deep
    # one cell a site is at most a hundred or so along the line: fewer decades, or all would look alike
    decades = min(SEEN_DECADES, max(1.0, math.log10(top)))
    share = 1 + np.log10(np.maximum(cells, 1) / top) / decades
    rgb = np.where((cells > 0)[..., None], png.ramp(share, png.VIOLETS), png.colours(["#f6f2ee"])[0])
    told = f"{words.number(float(cells.sum()))} living cells in the target"
    bare = {key: part for key, part in snapshot.items() if not key.startswith("organ_")}
    drawn = _panel(bare, axis, rgb, np.ones(cells.shape, bool), f"{arm}, all residue seen through", told)
    if f"thrombus_{axis}" not in snapshot:
        return drawn
    x0, y0 = (float(v) for v in snapshot[f"origin_{axis}"])
    inside = snapshot[f"thrombus_{axis}"].astype(int)
    return drawn.replace("</svg>", _outline(inside, x0, y0, float(snapshot["spacing_mm"]), "clot") + "</svg>")


def zone(snapshot: Snapshot, axis: str, arm: str) -> str:
    """Damage by heat, from a hundredth of what coagulates to a hundred times, and the border of the zone."""
    omega = snapshot[f"omega_{axis}"].astype(np.float64)
    share = 0.5 + np.log10(np.maximum(omega, 1e-30)) / (2.0 * DAMAGE_DECADES)
    rgb = np.where((share > 0.0)[..., None], png.ramp(share, palette.DAMAGE), png.colours([palette.LIVER])[0])
    spacing = float(snapshot["spacing_mm"])
    area = float((omega >= 1.0).sum()) * spacing**2
    drawn = _panel(snapshot, axis, rgb, np.ones(omega.shape, bool), f"{arm}, zone across {axis}",
                   f"coagulated: {words.number(area)} mm² of this slice")  # fmt: skip
    x0, y0 = (float(v) for v in snapshot[f"origin_{axis}"])
    return drawn.replace("</svg>", _outline((omega >= 1.0).astype(int), x0, y0, spacing, "border") + "</svg>")


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
    rgb, visible = _with_organs(snapshot, axis, rgb, visible)
    rows, columns = visible.shape
    width, height = columns * spacing, rows * spacing
    thin = max(1, -(-max(rows, columns) // FINEST))
    picture = png.data_uri(png.with_alpha(rgb, visible)[::thin, ::thin])
    thinner = min(1.0, width / FULL_WIDTH)
    out = [
        f'<svg style="--thin:{thinner:.3g}" '
        f'viewBox="{x0:g} {y0:g} {width:g} {height:g}" role="img" class="slice" '
        f'aria-label="{escape(title)}. {escape(told)}."><title>{escape(title)}: {escape(told)}</title>',
        f'<image x="{x0:g}" y="{y0:g}" width="{width:g}" height="{height:g}" href="{picture}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated"/>',
    ]
    compartment = snapshot[f"compartment_{axis}"].astype(int)
    tissue_only = np.where(compartment == 255, 0, compartment)
    out.append(_outline(tissue_only, x0, y0, spacing, "septum"))
    out.append(_outline((tissue_only > 0).astype(int), x0, y0, spacing, "border"))
    if _target_in_view(snapshot, axis):
        out.append(_outline(snapshot[f"target_{axis}"].astype(int), x0, y0, spacing, "target"))
    if vessels:
        out.append(_vessels(snapshot[f"vessels_{axis}"], thinner))
    out.append(scale_bar(x0, y0, width, height))
    return "".join([*out, "</svg>"])


def _with_organs(
    snapshot: Snapshot, axis: str, rgb: NDArray[np.float64], visible: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The picture with the organs beside the tumour and the fluid between."""
    if f"organ_{axis}" not in snapshot:
        return rgb, visible
    code = snapshot[f"organ_{axis}"]
    table = png.colours(palette.of_beside(str(n) for n in snapshot["organ_names"]))
    return np.where((code > 0)[..., None], table[code], rgb), visible | (code > 0)


def _beside(snapshots: list[Snapshot]) -> list[tuple[str, str, str]]:
    """Signs for what lies beside the tumour in the slices."""
    seen: dict[str, list[str]] = {}
    for s in snapshots:
        names = [str(n) for n in s["organ_names"]] if "organ_names" in s else []
        colours = palette.of_beside(names)
        codes = {int(c) for axis in planes(s) if names for c in np.unique(s[f"organ_{axis}"]) if c > 0}
        for c in sorted(codes):
            if names[c] not in seen.setdefault(colours[c], []):
                seen[colours[c]].append(names[c])
    return [("box", colour, ", ".join(names)) for colour, names in seen.items()]


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


def _target_in_view(snapshot: Snapshot, axis: str) -> bool:
    """Whether the target ends in a slice elsewhere than the tissue does."""
    target, compartment = snapshot[f"target_{axis}"].astype(bool), snapshot[f"compartment_{axis}"]
    tissue = (compartment > 0) & (compartment < 255)
    return bool(target.any() and not target.all() and not np.array_equal(target, tissue))


def _is_closed(state: float, is_open: float, flow_left: float) -> bool:
    return (state > 0 and is_open <= CLOSED_BELOW) or flow_left < STILL_BELOW


def _vessels(rows: NDArray[np.float32], thinner: float) -> str:
    """Vessels by kind and calibre; closed ones dark and dashed, on top; a vein with tumour in it brown.

    ``thinner`` is the share of their full width that lines have in a narrow picture.
    """
    places = ".1f" if thinner == 1.0 else ".4f"

    def piece(ax: float, ay: float, bx: float, by: float) -> str:
        return f"M{ax:{places}} {ay:{places}}L{bx:{places}} {by:{places}}"

    groups: dict[tuple[bool, int, float], list[str]] = {}
    tumour_in: dict[float, list[str]] = {}
    for ax, ay, bx, by, radius, kind, state, is_open, flow_left in rows.tolist():
        if int(kind) == SINUSOID:
            continue
        closed = _is_closed(state, is_open, flow_left)
        # true calibre, but never too thin to see; in steps, so that a path holds many vessels
        width = max(0.18 * thinner, min(4.0, round(2 * radius / (0.12 * thinner)) * 0.12 * thinner))
        if int(state) == THROMBOSED:
            tumour_in.setdefault(width, []).append(piece(ax, ay, bx, by))
            continue
        groups.setdefault((closed, int(kind), width), []).append(piece(ax, ay, bx, by))
    out = []
    # veins at the back, arteries in front, what is closed before everything
    depth = {2: 0, 5: 0, 1: 1, 3: 2, 0: 3}
    for (closed, kind, width), parts in sorted(groups.items(), key=lambda g: (g[0][0], depth.get(g[0][1], 0), g[0][2])):
        lines = "".join(parts)
        colour = palette.VESSELS.get(kind, palette.VESSELS[5])[1]
        if closed or (width > 0.4 * thinner and depth.get(kind, 0) > 0):
            out.append(f'<path d="{lines}" class="casing" stroke-width="{width + 0.35 * thinner:.3g}"/>')
        if closed:
            out.append(f'<path d="{lines}" class="closed" stroke-width="{max(width, 0.3 * thinner):.3g}"/>')
        else:
            out.append(f'<path d="{lines}" class="vessel k{kind}" stroke="{colour}" stroke-width="{width:.3g}"/>')
    for width, parts in sorted(tumour_in.items()):
        lines = "".join(parts)
        out.append(f'<path d="{lines}" class="casing" stroke-width="{width + 0.7 * thinner:.3g}"/>')
        out.append(
            f'<path d="{lines}" class="vessel thrombus" stroke="{palette.THROMBUS}" stroke-width="{width:.3g}"/>'
        )
    return "".join(out)


def _in_view(snapshot: Snapshot, axis: str) -> bool:
    """Whether a vein with tumour in it runs in the part of a slice that is shown."""
    rows = snapshot[f"vessels_{axis}"]
    low = snapshot[f"origin_{axis}"]
    high = low + np.array(snapshot[f"density_{axis}"].shape)[::-1] * float(snapshot["spacing_mm"])
    ends = rows[rows[:, 6] == THROMBOSED, :4].reshape(-1, 2)
    return bool(((ends > low) & (ends < high)).all(axis=1).any())


def scale_bar(x0: float, y0: float, width: float, height: float) -> str:
    """A bar of a round length in the lower right corner of a picture, with its length in words."""
    length = next((mm for mm, least in BARS if width > least), BARS[-1][0])
    told = f"{length:g} mm" if length >= 1.0 else f"{1e3 * length:g} µm"
    x, y = x0 + width - length - 0.04 * width, y0 + height - 0.05 * height
    size = 0.042 * width
    return (
        f'<path d="M{x:.3g} {y:.3g}h{length:g}" class="bar10" stroke-width="{0.012 * width:.3g}"/>'
        f'<text x="{x + length / 2:.3g}" y="{y - 0.5 * size:.3g}" text-anchor="middle" '
        f'class="bar10text" style="font-size:{size:.3g}px">{told}</text>'
    )


def legend(snapshots: list[Snapshot], setting: Setting = LIVER) -> list[tuple[str, str, str]]:
    """What the colours of `tissue` mean, of what there is: (kind of sign, colour, words)."""
    shown = [(s, axis) for s in snapshots for axis in planes(s)]
    causes = list(dict.fromkeys(str(n) for s in snapshots for n in s["cause_names"]))
    seen = {str(s["cause_names"][code - 1]) for s, axis in shown for code in np.unique(s[f"cause_{axis}"]) if code > 0}
    vessels = np.concatenate([s[f"vessels_{axis}"] for s, axis in shown] or [np.zeros((0, 9))])
    kinds = {int(k) for k in np.unique(vessels[:, 5])}
    signs = [("ramp", " ".join(png.VIOLETS), "living tumour cells, few to many")]
    if any(int(s["capacity"]) == 1 for s in snapshots):
        signs = [("box", png.VIOLETS[-1], "living tumour cell")]
    signs += [("box", c, f"dead, mostly of {n}") for n, c in palette.of_causes(causes).items() if n in seen]
    signs += [("box", palette.TUMOUR, "tumour without deaths or cells")]
    if any((s[f"compartment_{axis}"] == 0).any() for s, axis in shown):
        signs.append(("box", setting.colour, setting.around))
    signs += _beside(snapshots)
    named = {kind: name for kind, (name, _) in palette.VESSELS.items()} | {OTHER: setting.vessel}
    signs += [("line", palette.VESSELS[k][1], named[k]) for k in sorted(kinds) if k in named]
    if any(_in_view(s, axis) for s, axis in shown):
        signs.append(("line", palette.THROMBUS, "portal vein with tumour thrombus"))
    if setting.in_liver or any(_is_closed(*row) for row in vessels[:, 6:9].tolist()):
        signs.append(("dashed", "#111111", "closed, or without flow"))
    signs.append(("outline", "#222222", "border of tumour and its compartments"))
    if any(_target_in_view(s, axis) for s, axis in shown):
        signs.append(("dotted", "#555555", "target: tumour plus 5 mm"))
    return signs


__all__ = ["legend", "oxygen", "planes", "reasons", "scale_bar", "seen_through", "tissue", "zone"]
