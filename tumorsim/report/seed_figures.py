"""Pictures of an implant's dose as SVG text: the dose-volume histogram, and slices with isodoses and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.report import palette, png, words
from tumorsim.report.figures import WIDTH, line, nice_ticks, open_svg, path, text

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: share of the prescribed dose, colour, dash of its line: told apart by the dash too
ISODOSES = (
    (0.5, "#9cc3de", "0.4 0.5"),
    (1.0, "#ffffff", "none"),
    (1.5, "#e69f00", "1.4 0.6"),
    (2.0, "#ff5a36", "0.5 0.3"),
)
TOP = 2.5  # of the prescribed dose, at the upper end of the colours
HALO = "#101820"
SMALLEST = 0.8  # mm, of the sign of a seed


def histogram_figure(curves: Mapping[str, tuple[Floats, Floats]], prescribed: float, told: str = "") -> str:
    """Cumulative dose-volume histograms; the prescribed dose is an upright line, 90 % a level one.

    Parameters
    ----------
    curves : mapping of str to (float64 (n,), float64 (n,))
        Of each structure, the target first: doses [Gy] and the share that gets each or more.
    prescribed : float
        [Gy]
    told : str
        What a screen reader says besides the title.
    """
    top = max([1.05 * prescribed, *(float(dose[-1]) for dose, _ in curves.values())])
    left, right, upper, bottom = 64.0, WIDTH - 190.0, 16.0, 380.0

    def x(dose: float) -> float:
        return left + (right - left) * dose / top

    def y(share: float) -> float:
        return bottom - (bottom - upper) * share

    out = [open_svg(WIDTH, bottom + 46, "Dose-volume histogram", told)]
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        out += [line(left, y(level), right, y(level), "axis" if level == 0.0 else "grid")]
        out += [text(left - 8, y(level) + 4, f"{100 * level:.0f} %", "tick", "end")]
    for tick in nice_ticks(0.0, top):
        out += [line(x(tick), bottom, x(tick), bottom + 5, "axis")]
        out += [text(x(tick), bottom + 20, f"{tick:g}", "tick", "middle")]
    out += [text(right, bottom + 40, "dose in all [Gy]", "tick", "end")]
    out += [line(x(prescribed), upper, x(prescribed), bottom, "axis"), line(left, y(0.9), right, y(0.9), "axis")]
    out += [text(x(prescribed) + 6, upper + 10, f"prescribed {words.number(prescribed)} Gy", "small halo")]
    out += [text(right + 8, y(0.9) + 4, "90 %", "small")]
    key = y(0.9) + 34.0
    for number, (name, (dose, share)) in enumerate(curves.items()):
        css, dash = f"c{number % len(palette.ARMS)}", palette.DASHES[number % len(palette.DASHES)]
        extra = f' stroke-dasharray="{dash}"'
        out += [path([x(float(d)) for d in dose], [y(float(s)) for s in share], f"median {css}", extra)]
        at = key + 24.0 * number
        out += [path([right + 10, right + 38], [at, at], f"median {css}", extra)]
        out += [text(right + 46, at + 4, name if len(name) <= 20 else name[:19] + "…", f"name fill {css}")]
    return "".join([*out, "</svg>"])


def dose_slice(
    dose: Floats,
    spacing: float,
    origin: tuple[float, float],
    prescribed: float,
    outlines: Mapping[str, Mask],
    seeds: Sequence[tuple[tuple[float, float], tuple[float, float]]] = (),
    title: str = "dose",
) -> str:
    """One slice: dose in colours, isodoses at 50, 100, 150 and 200 % of what was prescribed, outlines and seeds.

    Parameters
    ----------
    dose : float64, shape (rows, columns)
        [Gy]; rows go down the picture.
    spacing : float
        Edge of a site [mm].
    origin : (2,) floats
        Left and upper edge of the picture [mm].
    prescribed : float
        [Gy]
    outlines : mapping of str to bool (rows, columns)
        What is drawn by its border, such as ``tumour`` and organs; the first with a full line, the rest dashed.
    seeds : sequence of ((x, y), (x, y))
        Ends of each seed in the picture [mm]; one seen end-on has both in one place.
    title : str

    Returns
    -------
    str
        SVG
    """
    rows, columns = dose.shape
    x0, y0 = origin
    width, height = columns * spacing, rows * spacing
    share = dose / prescribed
    picture = png.data_uri(png.with_alpha(png.ramp(np.sqrt(share / TOP), png.CIVIDIS), np.ones(dose.shape, bool)))
    told = f"{title}; highest {words.number(float(dose.max()))} Gy, lowest {words.number(float(dose.min()))} Gy"
    out = [
        f'<svg viewBox="{x0:g} {y0:g} {width:g} {height:g}" role="img" class="slice" aria-label="{escape(told)}.">'
        f"<title>{escape(told)}</title>",
        f'<image x="{x0:g}" y="{y0:g}" width="{width:g}" height="{height:g}" href="{picture}" '
        'preserveAspectRatio="none"/>',
    ]
    thin = min(1.0, width / 40.0)
    for level, colour, dash in ISODOSES:
        shape = _contour(share, level, x0 + 0.5 * spacing, y0 + 0.5 * spacing, spacing)
        if shape:
            out += [_stroke(shape, HALO, 0.42 * thin), _stroke(shape, colour, 0.24 * thin, _scaled(dash, thin))]
    for number, (name, inside) in enumerate(outlines.items()):
        shape = _contour(np.pad(inside, 1).astype(np.float64), 0.5, x0 - 0.5 * spacing, y0 - 0.5 * spacing, spacing)
        colour = palette.of_beside([name])[0] if number else "#e29ac2"
        dash = "none" if number == 0 else _scaled("2 0.8", thin)
        out += [_stroke(shape, HALO, 0.55 * thin), _stroke(shape, colour, 0.36 * thin, dash)]
    for (ax, ay), (bx, by) in seeds:
        if math.hypot(bx - ax, by - ay) < 1.5 * SMALLEST:  # nearly end-on
            x, y = (ax + bx) / 2.0, (ay + by) / 2.0
            spot = f'<circle cx="{x:.4g}" cy="{y:.4g}" r="{0.6 * SMALLEST:g}" fill="#fff" stroke="{HALO}" '
            out += [f'{spot}stroke-width="{0.25 * thin:.3g}"/>']
        else:
            shape = f"M{ax:.4g} {ay:.4g}L{bx:.4g} {by:.4g}"
            out += [_stroke(shape, HALO, SMALLEST + 0.4 * thin), _stroke(shape, "#fff", SMALLEST)]
    length = 10.0 if width > 25.0 else 5.0
    bx, by = x0 + 0.96 * width - length, y0 + 0.96 * height
    bar = f"M{bx:.4g} {by:.4g}h{length:g}"
    out += [_stroke(bar, HALO, 0.9 * thin), _stroke(bar, "#fff", 0.5 * thin)]
    size = 2.2 * thin
    out += [
        f'<text x="{bx + length / 2:.4g}" y="{by - 0.5 * size:.4g}" text-anchor="middle" '
        f'style="font-size:{size:.3g}px;fill:#fff;stroke:{HALO};stroke-width:{0.3 * thin:.3g};paint-order:stroke">'
        f"{length:g} mm</text>"
    ]
    return "".join([*out, "</svg>"])


def slice_of(
    field: NDArray[Any], points: Floats, directions: Floats, half_length: float, spacing: float, axis: int, layer: int
) -> tuple[NDArray[Any], tuple[float, float], list[tuple[tuple[float, float], tuple[float, float]]]]:
    """What `dose_slice` takes of one layer: the sites, the origin [mm], and the seeds that reach into the layer.

    Parameters
    ----------
    field : shape (nx, ny, nz)
        Dose, or a mask, of a box centred on the origin.
    points, directions : float64, shape (n, 3)
        Middles of seeds [m] and where their tips point (unit vectors).
    half_length : float
        Of a seed [m].
    spacing : float
        Edge of a site [m].
    axis, layer : int
        Across which axis the slice lies, and which layer of sites; the picture has the other two, in their order,
        from left to right and upwards.
    """
    across, up = (a for a in range(3) if a != axis)
    flat = np.take(field, layer, axis=axis).T[::-1]
    size = np.array(field.shape) * spacing * 1e3
    at = (layer + 0.5) * spacing - field.shape[axis] * spacing / 2.0
    reach = np.abs(directions[:, axis]) * half_length
    shown = np.abs(points[:, axis] - at) <= reach + max(0.51 * spacing, 1e-3)
    ends = []
    for point, way in zip(points[shown], directions[shown], strict=True):
        a, b = (1e3 * (point + sign * half_length * way) for sign in (-1.0, 1.0))
        ends.append(((float(a[across]), float(-a[up])), (float(b[across]), float(-b[up]))))
    return flat, (float(-size[across] / 2), float(-size[up] / 2)), ends


def isodose_signs() -> list[tuple[str, str, str]]:
    """Name, colour and dash of each isodose, for a key."""
    return [(f"{100 * level:.0f} % of the prescribed dose", colour, dash) for level, colour, dash in ISODOSES]


def _scaled(dash: str, thin: float) -> str:
    return dash if dash == "none" else " ".join(f"{2.0 * thin * float(part):.3g}" for part in dash.split())


def _stroke(shape: str, colour: str, width: float, dash: str = "none") -> str:
    return (
        f'<path d="{shape}" fill="none" stroke="{colour}" stroke-width="{width:.3g}" stroke-dasharray="{dash}" '
        'stroke-linecap="butt" stroke-linejoin="round"/>'
    )


def _contour(field: Floats, level: float, x0: float, y0: float, spacing: float) -> str:
    """Where a field crosses a level, by marching squares, joined to long lines so that dashes run on.

    ``x0``, ``y0`` [mm] is the middle of the upper left site.
    """
    above = field >= level
    code = above[:-1, :-1] * 1 + above[:-1, 1:] * 2 + above[1:, 1:] * 4 + above[1:, :-1] * 8
    joined: dict[tuple[int, int, int], list[tuple[int, int, int]]] = {}
    for i, j in zip(*np.nonzero((code > 0) & (code < 15)), strict=True):
        row, column = int(i), int(j)
        # an edge is (row, column, 0 to the right or 1 downwards), from its upper or left site
        up, down, left, right = (row, column, 0), (row + 1, column, 0), (row, column, 1), (row, column + 1, 1)
        for a, b in _PIECES[int(code[i, j])]:
            one, two = ((up, right, down, left)[k] for k in (a, b))
            joined.setdefault(one, []).append(two)
            joined.setdefault(two, []).append(one)

    def place(edge: tuple[int, int, int]) -> str:
        i, j, way = edge
        a, b = float(field[i, j]), float(field[i + way, j + 1 - way])
        share = (level - a) / (b - a)
        return f"{x0 + spacing * (j + share * (1 - way)):.2f} {y0 + spacing * (i + share * way):.2f}"

    parts = []
    starts = sorted(e for e, others in joined.items() if len(others) == 1) + sorted(joined)  # open lines first
    for start in starts:
        here, chain = start, [start]
        while joined.get(here):
            following = joined[here].pop()
            joined[following].remove(here)
            here = following
            chain.append(here)
        if len(chain) > 1:
            parts.append("M" + "L".join(place(edge) for edge in chain))
    return "".join(parts)


#: by which corners are above (upper left 1, upper right 2, lower right 4, lower left 8): from edge to edge
#: (0 upper, 1 right, 2 lower, 3 left)
_PIECES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 0), (1, 2)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((2, 0),), 10: ((0, 1), (2, 3)), 11: ((2, 1),), 12: ((1, 3),), 13: ((1, 0),), 14: ((0, 3),),
}  # fmt: skip
