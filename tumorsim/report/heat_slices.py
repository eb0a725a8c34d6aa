"""Pictures of a session of heat: what was to be coagulated, what was, and what escaped, in planes of the needles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.report import palette, png, words
from tumorsim.report.contours import contours, path
from tumorsim.report.slices import scale_bar

Picture = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]

PLANES = {"along": "along the needle", "across": "across the needle", "turned": "along it, turned by 90°"}
CLOSED = "#111111"
FULL_WIDTH = 60.0  # mm of tissue at which lines have their full width


def sessions(snapshot: Picture) -> list[dict[str, NDArray[Any]]]:
    """The pictures of sessions that a snapshot holds, in the order of the sessions."""
    found: list[dict[str, NDArray[Any]]] = []
    while any(key.startswith(f"heat{len(found)}_") for key in snapshot):
        start = f"heat{len(found)}_"
        found.append({key.removeprefix(start): part for key, part in snapshot.items() if key.startswith(start)})
    return found


def named(picture: Picture) -> list[tuple[str, str]]:
    """The planes of a picture and what they are."""
    several = len(picture["needles"]) > 1
    return [
        (plane, said.replace("needle", "needles").replace("it", "them") if several else said)
        for plane, said in PLANES.items()
    ]


def escaped(picture: Picture, plane: str) -> NDArray[np.int16]:
    """Level of what was to be coagulated and was not: at least 0 there, (rows, columns)."""
    goal, zone = (picture[f"{key}_{plane}"].astype(np.int16) for key in ("goal", "zone"))
    return np.minimum(goal, -1 - zone)


def panel(picture: Picture, plane: str, title: str, organ_names: list[str]) -> str:
    """One plane as SVG; ``organ_names`` are those of the codes of what lies beside."""
    half = float(picture["half_mm"])
    tissue, organ = picture[f"tissue_{plane}"], picture[f"organ_{plane}"]
    thin = 2.0 * half / FULL_WIDTH
    levels = {key: picture[f"{key}_{plane}"] for key in ("outline", "goal", "planned", "zone", "before")}
    lines = {key: _path(level, half) for key, level in levels.items()}
    missed = escaped(picture, plane)
    told = f"{words.percent(_outside(levels['goal'], missed))} of outline and margin in this plane escaped"
    ground = png.colours(["#ffffff", palette.LIVER, palette.TUMOUR])[tissue]
    ground = np.where((organ > 0)[..., None], png.colours(palette.of_beside(organ_names or [""]))[organ], ground)
    uri = png.data_uri(png.with_alpha(ground, (tissue > 0) | (organ > 0)))
    out = [
        f'<svg style="--thin:{thin:.3g}" viewBox="{-half:g} {-half:g} {2 * half:g} {2 * half:g}" role="img" '
        f'class="slice" aria-label="{escape(title)}. {escape(told)}."><title>{escape(title)}: {escape(told)}</title>',
        f'<image x="{-half:g}" y="{-half:g}" width="{2 * half:g}" height="{2 * half:g}" href="{uri}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated"/>',
    ]
    out += [
        f'<path d="{d}" class="{css}" fill="{colour}"/>'
        for d, css, colour in (
            (lines["zone"], "zonefill", palette.COAGULATED),
            (lines["before"], "beforefill", palette.COAGULATED_BEFORE),
            (_path(missed, half), "escaped", palette.ESCAPED),
        )
        if d
    ]
    wide = [(_line(places), across, c) for places, across, c in wide_vessels(picture, plane)]
    if wide:  # as one: what escaped beside or under a vessel shows through
        casing = [f'<path d="{d}" class="casing" stroke-width="{across + 0.6 * thin:.3g}"/>' for d, across, _ in wide]
        lumen = [f'<path d="{d}" class="vessel" stroke="{c}" stroke-width="{across:.3g}"/>' for d, across, c in wide]
        out.append(f'<g opacity=".75">{"".join(casing + lumen)}</g>')
    for key in ("zone", "goal", "planned", "outline"):
        if lines[key]:
            out += [f'<path d="{lines[key]}" class="{key}line casing2"/><path d="{lines[key]}" class="{key}line"/>']
    out += _needles(picture, plane, thin)
    return "".join([*out, scale_bar(-half, -half, 2.0 * half, 2.0 * half), "</svg>"])


def _path(level: NDArray[Any], half: float) -> str:
    return path(contours(level), 2.0 * half / level.shape[1], -half, -half)


def _outside(goal: NDArray[Any], missed: NDArray[Any]) -> float:
    return float((missed >= 0).sum()) / max(float((goal >= 0).sum()), 1.0)


def _flat(picture: Picture, plane: str, places: NDArray[Any]) -> Floats:
    """Places (n, 3) [mm] in a picture: across, down, and out of it, (n, 3)."""
    right, up, normal, middle = picture[f"frame_{plane}"]
    return np.asarray((places - middle) @ np.stack([right, -up, normal]).T)


def wide_vessels(picture: Picture, plane: str) -> list[tuple[tuple[float, float, float, float], float, str]]:
    """Wide vessels where a plane cuts their lumen: (ends across and down the picture, calibre, both in mm, colour)."""
    rows, half = picture["vessels"], float(picture["half_mm"])
    out: list[tuple[tuple[float, float, float, float], float, str]] = []
    if not len(rows):
        return out
    for a, b, (radius, kind, closed) in zip(
        _flat(picture, plane, rows[:, :3]), _flat(picture, plane, rows[:, 3:6]), rows[:, 6:].tolist(), strict=True
    ):
        rise = b[2] - a[2]
        if abs(rise) < 1e-9:
            first, last = (0.0, 1.0) if abs(a[2]) < radius else (1.0, 0.0)
        else:
            ends = sorted(((-radius - a[2]) / rise, (radius - a[2]) / rise))
            first, last = max(ends[0], 0.0), min(ends[1], 1.0)
        if first >= last:
            continue
        start, end = a + first * (b - a), a + last * (b - a)
        low, high = np.minimum(start, end)[:2] - radius, np.maximum(start, end)[:2] + radius
        if (low < half).all() and (high > -half).all():
            places = (float(start[0]), float(start[1]), float(end[0]), float(end[1]))
            out.append((places, 2.0 * radius, _colour(kind, closed)))
    return out


def _line(places: tuple[float, float, float, float]) -> str:
    return "M{:.2f} {:.2f}L{:.2f} {:.2f}".format(*places)


def _colour(kind: float, closed: float) -> str:
    return CLOSED if closed else palette.VESSELS.get(int(kind), palette.VESSELS[5])[1]


def _needles(picture: Picture, plane: str, thin: float) -> list[str]:
    """Needles as lines with their active parts; where one passes through the plane, a dot."""
    out = []
    rows, active = picture["needles"], picture["active"]
    tips = _flat(picture, plane, rows[:, :3])
    back = _flat(picture, plane, rows[:, :3] - 200.0 * rows[:, 3:])  # beyond every picture
    ends = _flat(picture, plane, active[:, :3]), _flat(picture, plane, active[:, 3:])
    through = plane == "across"
    for tip, far in zip(tips, back, strict=True):
        line = f"M{far[0]:.2f} {far[1]:.2f}L{tip[0]:.2f} {tip[1]:.2f}"
        if not through:
            out.append(f'<path d="{line}" class="needle casing2"/><path d="{line}" class="needle"/>')
        elif tip[2] * far[2] < 0.0:
            at = tip + tip[2] / (tip[2] - far[2]) * (far - tip)
            out.append(f'<circle cx="{at[0]:.2f}" cy="{at[1]:.2f}" r="{1.1 * thin:.3g}" class="needlepoint"/>')
    if not through:
        lines = [f"M{b[0]:.2f} {b[1]:.2f}L{a[0]:.2f} {a[1]:.2f}" for a, b in zip(*ends, strict=True)]
        out += [f'<path d="{line}" class="{css}"/>' for css in ("active casing2", "active") for line in lines]
    return out


def legend(pictures: Sequence[Picture], organ_names: list[str]) -> list[tuple[str, str, str]]:
    """What the signs of `panel` mean, of what there is: (kind of sign, colour, words)."""
    each = [(p, plane) for p in pictures for plane in PLANES]
    signs = [
        ("outline", "#222222", "tumour as outlined on the image of the plan"),
        ("dotted", "#222222", "outline and margin: what was to be coagulated"),
        ("dashed", palette.PLANNED, "planned zone (expected of the needles as planned)"),
        ("box", palette.COAGULATED, "coagulated (Omega of 1 and more)"),
    ]
    if any((p[f"before_{plane}"] >= 0).any() for p, plane in each):
        signs.append(("box", palette.COAGULATED_BEFORE, "coagulated in an earlier session"))
    if any((escaped(p, plane) >= 0).any() for p, plane in each):
        signs.append(("box", palette.ESCAPED, "escaped: to be coagulated, and was not"))
    signs.append(("drawn", "#111111", "needle, where it really lay; its active part is thick"))
    drawn = {colour for p, plane in each for _, _, colour in wide_vessels(p, plane)}
    wide = words.number(min(float(p["wide_mm"]) for p in pictures))
    named = {colour: name for name, colour in reversed(palette.VESSELS.values())} | {CLOSED: "closed vessel"}
    signs += [("line", colour, f"{named[colour]}, {wide} mm and wider") for colour in named if colour in drawn]
    colours = palette.of_beside(organ_names)
    seen: dict[str, list[str]] = {}
    for code in sorted({int(c) for p, plane in each for c in np.unique(p[f"organ_{plane}"]) if c > 0}):
        seen.setdefault(colours[code], []).append(organ_names[code])
    signs += [("box", colour, ", ".join(names)) for colour, names in seen.items()]
    return [*signs, ("box", palette.TUMOUR, "tumour"), ("box", palette.LIVER, "liver")]
