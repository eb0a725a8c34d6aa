"""Death for want of blood: from the shares of hypoxic tissue to cumulative hazards.

Tissue below 0.5 mmHg dies by its clock: it does nothing at first, then its cells live ``life_anoxic`` on
average. The *lag* of a site is the share of its tissue that is anoxic and past the latency; it comes up to
the anoxic share s with the time constant ``latency``,

    lag(t) = s - (s - lag0) exp(-t / latency),

and falls with s at once, since tissue that gets oxygen again stops dying. Tissue between 0.5 and 2.5 mmHg and
between 2.5 and 10 mmHg starves slowly. All of this is integrated exactly over any time, so that a step may be
cut anywhere.

Cells in hypoxic slots are the cells of the tissue below 10 mmHg, so their hazard is divided by its share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from tumorsim._jit import chunked, njit
from tumorsim.errors import InputError
from tumorsim.state import State

_SETTLED = 1e-12  # a lag this near its aim has reached it, so that idle sites stop changing


@dataclass(frozen=True)
class IschaemiaClocks:
    """Times of ischaemic death [s]: the latency, and mean lives by band of oxygen."""

    latency: float
    life_anoxic: float  # below 0.5 mmHg
    life_severe: float  # 0.5 to 2.5 mmHg
    life_hypoxic: float  # 2.5 to 10 mmHg
    liver_life_anoxic: float

    def __post_init__(self) -> None:
        wrong = [f.name for f in fields(self) if not 0.0 < getattr(self, f.name) < math.inf]
        if wrong:
            raise InputError([f"clocks: {name} must be a positive time" for name in wrong])

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> IschaemiaClocks:
        """The clocks of the parameter table; InputError where one is not positive."""
        return cls(
            latency=parameters["clocks.ischaemia_latency"],
            life_anoxic=parameters["clocks.mean_life_anoxic"],
            life_severe=parameters["clocks.mean_life_severe"],
            life_hypoxic=parameters["clocks.mean_life_hypoxic"],
            liver_life_anoxic=parameters["clocks.liver_mean_life_anoxic"],
        )


@njit
def lagged_anoxia(share0p5: float, lag: float, dt: float, latency: float) -> tuple[float, float]:
    """Share-time [s] of anoxia past its latency over ``dt`` [s], and the lag at its end."""
    lag = min(lag, share0p5)
    missing = share0p5 - lag
    if missing <= _SETTLED:
        return share0p5 * dt, share0p5
    passed = -math.expm1(-dt / latency)
    missing_after = missing * (1.0 - passed)
    after = share0p5 if missing_after <= _SETTLED else share0p5 - missing_after
    # rounding of a step far shorter than the latency must not make time negative
    return max(share0p5 * dt - missing * latency * passed, 0.0), after


@njit
def ischaemic_hazards(
    share10: float,
    share2p5: float,
    share0p5: float,
    lag: float,
    dt: float,
    latency: float,
    life_anoxic: float,
    life_severe: float,
    life_hypoxic: float,
) -> tuple[float, float, float]:
    """Cumulative hazards of a hypoxic tumour cell over ``dt`` [s] of constant oxygen.

    Parameters
    ----------
    share10, share2p5, share0p5 : float
        Shares of the site's tissue below 10, 2.5 and 0.5 mmHg, nested.
    lag : float
        Share that is anoxic and past the latency, at the start.
    dt, latency, life_anoxic, life_severe, life_hypoxic : float
        Times [s].

    Returns
    -------
    (float, float, float)
        Hazard booked as ischaemia, hazard booked as starvation, lag at the end.
    """
    if share10 <= 0.0:
        return 0.0, 0.0, 0.0
    anoxic_time, lag = lagged_anoxia(share0p5, lag, dt, latency)
    ischaemia = anoxic_time / life_anoxic / share10
    starvation = ((share2p5 - share0p5) / life_severe + (share10 - share2p5) / life_hypoxic) * dt / share10
    return ischaemia, starvation, lag


@njit
def _tumour(  # type: ignore[no-untyped-def]
    lo, hi, sites, share10, share2p5, share0p5, anoxic_lag, dt, latency, life_anoxic, life_severe,
    life_hypoxic, h_ischaemia, h_starvation,
):  # fmt: skip
    for n in range(lo, hi):
        site = sites[n]
        s10 = np.float64(share10[site])  # compiled, float() of a float32 would stay one
        if s10 <= 0.0:
            anoxic_lag[site] = 0.0
            continue
        ischaemia, starvation, lag = ischaemic_hazards(
            s10, np.float64(share2p5[site]), np.float64(share0p5[site]), np.float64(anoxic_lag[site]),
            dt, latency, life_anoxic, life_severe, life_hypoxic,
        )  # fmt: skip
        h_ischaemia[site] += ischaemia
        h_starvation[site] += starvation
        anoxic_lag[site] = lag


@njit
def _liver(lo, hi, sites, share0p5, anoxic_lag, dt, latency, life, liver_hazard):  # type: ignore[no-untyped-def]
    for n in range(lo, hi):
        site = sites[n]
        time, lag = lagged_anoxia(np.float64(share0p5[site]), np.float64(anoxic_lag[site]), dt, latency)
        liver_hazard[site] += time / life
        anoxic_lag[site] = lag


def accumulate_tumour(
    state: State,
    sites: np.ndarray,
    dt: float,
    clocks: IschaemiaClocks,
    h_ischaemia: np.ndarray,
    h_starvation: np.ndarray,
    threads: int = 1,
) -> None:
    """Add what ``dt`` [s] at the present oxygen does to hypoxic tumour cells.

    Reads the shares of ``state``, moves its ``anoxic_lag``, and adds to ``h_ischaemia`` and ``h_starvation``
    (float64, shape (n_sites,), dimensionless) at ``sites`` (int64, each once).
    """
    chunked(
        _tumour, len(sites), threads, sites, state.share10, state.share2p5, state.share0p5, state.anoxic_lag,
        float(dt), clocks.latency, clocks.life_anoxic, clocks.life_severe, clocks.life_hypoxic,
        h_ischaemia, h_starvation,
    )  # fmt: skip


def accumulate_liver(state: State, sites: np.ndarray, dt: float, clocks: IschaemiaClocks, threads: int = 1) -> None:
    """Add what ``dt`` [s] at the present oxygen does to liver.

    Adds to ``liver_hazard`` of ``sites`` (int64, each once) the hazard of the site's anoxic share past the
    latency, and moves ``anoxic_lag``. Liver that has died consumes nothing, which in the oxygen balance
    relieves the rest.
    """
    chunked(
        _liver, len(sites), threads, sites, state.share0p5, state.anoxic_lag, float(dt), clocks.latency,
        clocks.liver_life_anoxic, state.liver_hazard,
    )  # fmt: skip
