"""Figures as SVG text: curves on a log axis, dots with whiskers, strips of patients, stacked bars."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from tumorsim.report import palette, words
from tumorsim.report.curves import Curves, LogScale

WIDTH = 960
LABEL = 22  # letters of a label beside a bar; a longer one takes two lines


def open_svg(width: float, height: float, title: str, describe: str) -> str:
    """The start of a figure, with what a screen reader says."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" class="chart" '
        f'aria-label="{escape(title)}. {escape(describe)}"><title>{escape(title)}</title>'
    )


def text(x: float, y: float, content: str, css: str = "", anchor: str = "start") -> str:
    """One line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(content)}</text>'


def line(x0: float, y0: float, x1: float, y1: float, css: str) -> str:
    """One straight line."""
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" class="{css}"/>'


def path(xs: Iterable[float], ys: Iterable[float], css: str, extra: str = "") -> str:
    """A line through points; a gap where a value does not exist."""
    parts, pen = [], "M"
    for x, y in zip(xs, ys, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        parts.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return f'<path d="{"".join(parts)}" class="{css}"{extra}/>'


def curves(arms: Mapping[str, Curves], treated_at: Mapping[str, Sequence[float]]) -> str:
    """Living cells over time on a log axis, zeros at the foot: median, band, every patient.

    ``treated_at`` has the days of treatment of each arm.
    """
    scale = LogScale.of(np.concatenate([c.singles.ravel() for c in arms.values()]))
    last = max(float(c.days[-1]) for c in arms.values())
    lanes = [arm for arm in arms if treated_at.get(arm)]
    left, right, top, bottom = 64.0, WIDTH - 190.0, 16.0 + 15 * len(lanes), 420.0 + 15 * len(lanes)

    def x(day: float) -> float:
        return left + (right - left) * day / last if last else left

    def y(value: float) -> float:
        return bottom - (bottom - top) * scale(value)

    out = [
        open_svg(
            WIDTH,
            bottom + 44,
            "Living tumour cells over time",
            "Logarithmic axis with zero at the foot. " + " ".join(_end_words(a, c) for a, c in arms.items()),
        )
    ]
    for value in scale.ticks():
        out += [line(left, y(value), right, y(value), "grid")]
        out += [text(left - 8, y(value) + 4, words.tick(value), "tick", "end")]
    if scale.has_zero:
        strip = y(10.0**scale.low) + 6
        out += [
            f'<rect x="{left}" y="{strip:.1f}" width="{right - left}" height="{bottom - strip + 8:.1f}" class="zero"/>'
        ]
        out += [text(left - 8, y(0) + 4, "0", "tick strong", "end")]
    for day in day_ticks(last):
        out += [line(x(day), bottom + 8, x(day), bottom + 13, "axis")]
        out += [text(x(day), bottom + 27, f"{day:g}", "tick", "middle")]
    out += [line(left, bottom + 8, right, bottom + 8, "axis"), text(right, bottom + 42, "days", "tick", "end")]
    ends = []
    for number, c in enumerate(arms.values()):
        css = f"c{number % len(palette.ARMS)}"
        xs = [x(d) for d in c.days]
        if c.patients > 1:
            band = [y(v) for v in c.high] + [y(v) for v in c.low[::-1]]
            out += [path(xs + xs[::-1], band, f"band {css}")]
            out += [path(xs, [y(v) for v in c.singles[:, k]], f"single {css}") for k in range(c.singles.shape[1])]
    for number, (arm, c) in enumerate(arms.items()):
        css = f"c{number % len(palette.ARMS)}"
        dash = palette.DASHES[number % len(palette.DASHES)]
        out += [path([x(d) for d in c.days], [y(v) for v in c.median], f"median {css}", f' stroke-dasharray="{dash}"')]
        ends.append((y(c.median[-1]), arm, css))
    for at, arm, css in _spread(ends, 16.0, top, bottom + 6):
        out += [text(right + 8, at + 4, _short(arm, 26), f"name fill {css}")]
    for lane, arm in enumerate(lanes):
        css = f"c{list(arms).index(arm) % len(palette.ARMS)}"
        at = 14.0 + 15 * lane
        for day in treated_at[arm]:
            out += [f'<path d="M{x(day) - 5:.1f} {at - 8} h10 l-5 8 z" class="fill {css}"/>']
        out += [text(x(max(treated_at[arm])) + 9, at, f"treatment, {_short(arm, 40)}", f"small fill {css}")]
    return "".join([*out, "</svg>"])


def strip(arms: Mapping[str, Sequence[float]]) -> str:
    """Residue of every patient at the horizon on a log axis, zeros as a column of their own."""
    values = np.array([v for of_arm in arms.values() for v in of_arm], dtype=float)
    scale = LogScale.of(np.append(values, 0.0))
    left, right, row = 190.0, WIDTH - 30.0, 46.0
    bottom = 14 + row * len(arms)

    def x(value: float) -> float:
        return left + (right - left) * scale(value)

    told = "; ".join(f"{a}: {sum(v == 0 for v in vs)} of {len(vs)} with none" for a, vs in arms.items())
    out = [open_svg(WIDTH, bottom + 42, "Living tumour cells of each patient at the horizon", told)]
    out += [f'<rect x="{left - 26}" y="6" width="52" height="{bottom - 2:.1f}" class="zero"/>']
    for value in scale.ticks():
        out += [line(x(value), 8, x(value), bottom + 4, "grid")]
        out += [text(x(value), bottom + 20, words.tick(value), "tick", "middle")]
    out += [text(left, bottom + 20, "none", "tick strong", "middle")]
    out += [text(right, bottom + 38, "living tumour cells in the target", "tick", "end")]
    for number, (arm, cells) in enumerate(arms.items()):
        css = f"c{number % len(palette.ARMS)}"
        middle = 14 + row * (number + 0.5)
        out += [text(left - 36, middle + 4, _short(arm, 22), f"name fill {css}", "end")]
        zeros = sum(v == 0 for v in cells)
        if zeros:
            out += [text(left, middle + 5, f"{zeros}", f"big fill {css}", "middle")]
        for k, value in enumerate(sorted(v for v in cells if v > 0)):
            shift = ((k * 7) % 5 - 2) * min(4.0, row / 12)
            tip = f"<title>{escape(arm)}: {words.number(value)} cells</title>"
            out += [f'<circle cx="{x(value):.1f}" cy="{middle + shift:.1f}" r="4.2" class="dot {css}">{tip}</circle>']
        some = [v for v in cells if v > 0]
        if len(some) > 2:
            at = x(float(np.quantile(some, 0.5, method="nearest")))
            out += [line(at, middle - 15, at, middle + 15, f"mark {css}")]
    return "".join([*out, "</svg>"])


def forest(pairs: Mapping[str, Any], key: str, title: str, unit: str, better_low: bool) -> str:
    """Paired differences as dots with whiskers: filled at the horizon, open after the last treatment."""
    readings = [(n, p[key], (p["after_last"] or {}).get(key)) for n, p in pairs.items()]
    ends = [s[k] for _, a, b in readings for s in (a, b) if s for k in ("mean", "low", "high") if s[k] is not None]
    span = max(max(ends, default=0.0), 0.0) - min(min(ends, default=0.0), 0.0) or 0.1
    least, most = min([*ends, 0.0]) - 0.2 * span, max([*ends, 0.0]) + 0.2 * span
    left, right, row = 14.0, WIDTH - 290.0, 60.0
    bottom = 8 + row * len(readings)

    def x(value: float) -> float:
        return left + (right - left) * (value - least) / (most - least)

    told = "; ".join(f"{n}: {words.number(a['mean'])} {words.interval(a)}" for n, a, _ in readings)
    out = [open_svg(WIDTH, bottom + 44, title, told)]
    for tick in nice_ticks(least, most):
        out += [line(x(tick), 4, x(tick), bottom, "axis" if tick == 0 else "grid")]
        out += [text(x(tick), bottom + 17, f"{tick:g}".replace("-", "−"), "tick", "middle")]
    first, second = ("A leaves less", "B leaves less") if better_low else ("B clears more", "A clears more")
    out += [text(x(0) - 10, bottom + 37, f"← {first}", "small", "end")]
    out += [text(x(0) + 10, bottom + 37, f"{second} →", "small"), text(right + 16, bottom + 17, unit, "small")]
    for number, (name, now, later) in enumerate(readings):
        middle = 8 + row * (number + 0.58)
        out += [text(left, middle - 14, name, "name halo")]
        for shift, stat, css in ((0.0, now, "now"), (14.0, later, "later")):
            if stat is None or stat["mean"] is None:
                continue
            at = middle + shift
            if stat["low"] is not None:
                out += [line(x(stat["low"]), at, x(stat["high"]), at, f"whisker {css}")]
            out += [f'<circle cx="{x(stat["mean"]):.1f}" cy="{at:.1f}" r="5" class="point {css}"/>']
            when = "horizon" if css == "now" else "after last"
            out += [text(right + 16, at + 4, when, "small")]
            out += [text(right + 84, at + 4, f"{words.number(stat['mean'])} {words.interval(stat)}", "small")]
    return "".join([*out, "</svg>"])


def bars(
    rows: Sequence[tuple[str, Mapping[str, float], str]], colour: Mapping[str, str], title: str, whole: float = 1.0
) -> str:
    """Stacked bars: (label, name -> length, what stands behind the bar); ``whole`` is the full width."""
    left, right, row = 150.0, WIDTH - 250.0, 27.0
    told = "; ".join(
        f"{label}: " + ", ".join(f"{n} {words.percent(v / whole)}" for n, v in part.items() if v)
        for label, part, _ in rows
    )
    out = [open_svg(WIDTH, row * len(rows) + 8, title, told)]
    for number, (label, part, behind) in enumerate(rows):
        at, start = 4 + row * number, left
        above = textwrap.wrap(label, LABEL, max_lines=2, placeholder="…") or [""]
        out += [text(left - 10, at + 16 + 12 * k - 6 * (len(above) - 1), s, "tick", "end") for k, s in enumerate(above)]
        out += [line(left, at, left, at + row - 5, "axis")]
        for name, value in part.items():
            width = (right - left) * value / whole
            if width <= 0:
                continue
            tip = f"<title>{escape(label)}, {escape(name)}: {words.number(value)}</title>"
            out += [
                f'<rect x="{start:.1f}" y="{at + 2:.1f}" width="{max(width, 0.6):.1f}" height="{row - 9:.1f}" '
                f'fill="{colour[name]}" class="bar">{tip}</rect>'
            ]
            start += width
        out += [text(max(start, left) + 8, at + 16, behind, "small")]
    return "".join([*out, "</svg>"])


def rates(rows: Sequence[tuple[str, Sequence[tuple[str, Mapping[str, Any] | None, str]]]], title: str) -> str:
    """Shares of patients with Wilson's interval: (group, [(label, statistic, css)])."""
    left, right, row = 220.0, WIDTH - 190.0, 25.0
    height = sum(row * len(part) + 32 for _, part in rows)
    told = "; ".join(f"{group}: {name} {words.count(stat)}" for group, part in rows for name, stat, _ in part)
    out = [open_svg(WIDTH, height + 34, title, told)]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = left + (right - left) * tick
        out += [line(at, 4, at, height, "grid"), text(at, height + 16, f"{100 * tick:.0f} %", "tick", "middle")]
    top = 4.0
    for number, (group, part) in enumerate(rows):
        out += [text(0, top + 15, group, f"name halo fill c{number % len(palette.ARMS)}")]
        top += 20
        for name, stat, css in part:
            middle = top + row / 2
            out += [text(left - 14, middle + 4, name, "small", "end")]
            if stat is None or stat["mean"] is None:
                out += [text(left + 8, middle + 4, "does not exist here", "small faint")]
            else:
                at = left + (right - left) * stat["mean"]
                if stat["low"] is not None:
                    ends = [left + (right - left) * stat[k] for k in ("low", "high")]
                    out += [line(ends[0], middle, ends[1], middle, f"whisker {css}")]
                out += [f'<circle cx="{at:.1f}" cy="{middle:.1f}" r="5" class="point {css}"/>']
                out += [
                    text(right + 14, middle + 4, f"{words.count(stat)}  {words.interval(stat, share=True)}", "small")
                ]
            top += row
        top += 12
    return "".join([*out, "</svg>"])


def day_ticks(last: float) -> list[float]:
    """Round days from 0 to the last, about seven."""
    step = next((s for s in (1, 2, 5, 7, 14, 30, 60, 90, 180, 365, 730, 1825) if last / s <= 8), 3650)
    return [float(d) for d in np.arange(0, last + 1e-9, step)]


def nice_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two ends, zero among them, about seven."""
    rough = (high - low) / 7
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 5, 10) if size * m >= rough)
    return [round(k * step, 10) + 0.0 for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _end_words(arm: str, c: Curves) -> str:
    return f"{arm}: median {words.number(float(c.median[0]))} at first, {words.number(float(c.median[-1]))} at the end."


def _spread(ends: list[tuple[float, str, str]], gap: float, top: float, bottom: float) -> list[tuple[float, str, str]]:
    """Labels moved apart so that none covers another."""
    placed: list[tuple[float, str, str]] = []
    for at, arm, css in sorted(ends):
        placed.append((max(at, placed[-1][0] + gap) if placed else max(at, top), arm, css))
    over = placed[-1][0] - bottom if placed else 0.0
    return [(at - max(over, 0.0), arm, css) for at, arm, css in placed]
