"""The figure a notebook shows. Plotly is loaded only here, and only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tumorsim.report import palette, words
from tumorsim.report.curves import LogScale, summarise
from tumorsim.studies.records import VIABLE

if TYPE_CHECKING:
    import plotly.graph_objects

    from tumorsim.report.results import Results


def figure(results: Results, quantity: str = VIABLE) -> plotly.graph_objects.Figure:
    """One quantity over time: median, 10-90 % band and single patients of every arm.

    Living cells stand on a log axis; a zero stands at the foot, at its own tick, since a log axis has none.
    """
    import plotly.graph_objects as go

    tables = {arm: c for arm, t in results.curves(quantity).items() if (c := summarise(t)) is not None}
    log = quantity == VIABLE
    every = np.concatenate([c.singles.ravel() for c in tables.values()] or [np.zeros(1)])
    scale = LogScale.of(every)
    foot = 10.0 ** (scale.low - 0.6)

    def shown(values: np.ndarray) -> np.ndarray:
        return np.where(values > 0, values, foot) if log else values

    out = go.Figure()
    for number, (arm, c) in enumerate(tables.items()):
        colour = palette.ARMS[number % len(palette.ARMS)][0]
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        if c.patients > 1:
            out.add_scatter(
                x=np.concatenate([c.days, c.days[::-1]]),
                y=shown(np.concatenate([c.high, c.low[::-1]])),
                fill="toself",
                fillcolor=f"rgba({red},{green},{blue},0.15)",
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=arm,
            )
            for k in range(c.singles.shape[1]):
                out.add_scatter(
                    x=c.days,
                    y=shown(c.singles[:, k]),
                    line={"color": colour, "width": 0.7},
                    opacity=0.4,
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=arm,
                )
        out.add_scatter(
            x=c.days,
            y=shown(c.median),
            name=arm,
            legendgroup=arm,
            customdata=c.median,
            hovertemplate="day %{x:.1f}: %{customdata:.3g}<extra>" + arm + "</extra>",
            line={"color": colour, "width": 3, "dash": ("solid", "dash", "dot", "dashdot")[number % 4]},
        )
    unit = results.series.loc[results.series["quantity"] == quantity, "unit"].iloc[0]
    out.update_layout(
        title=results.summary["name"],
        xaxis_title="days",
        yaxis_title=f"{words.label(quantity)} [{unit}]",
        template="plotly_white",
    )
    if log:
        ticks = scale.ticks()
        names = [words.tick(value) for value in ticks]
        out.update_yaxes(
            type="log",
            tickvals=[foot, *ticks] if scale.has_zero else ticks,
            ticktext=["0", *names] if scale.has_zero else names,
            range=[scale.low - (0.8 if scale.has_zero else 0.1), scale.high + 0.1],
        )
    return out
