"""What vessels do by themselves after a treatment: gelatin dissolves, oil is washed out, new ways open.

Tissue that lives without enough oxygen makes VEGF; where VEGF stands above its baseline, arteries that were
there but carried nothing (collaterals of the liver, arteries of the diaphragm and omentum) are recruited at
their clock's rate. All laws are exact over any step:

    gelatin, oil   x -> x 2^(-dt / half-life)
    VEGF           v -> v* + (v - v*) exp(-dt / tau),   v* = (1 + gain h) / (1 + gain h0)
    recruitment    1 - p -> (1 - p) exp(-max(0, v - 1) dt / t_growth)

with h the hypoxic living cells of an exchange node's tissue as a share of what it can hold, and h0 that of
the untreated tumour. Hypoxia within minutes to days of embolisation: Virmani 2008, Schicho 2016 (what they
measured is compared with in `experiments/physics`, and set no number here). Recruitment at a rate set by
VEGF is an assumption: no rate was found.

The blood is led anew only when vessels have opened or closed by more than a set share since the last time, each
counted by the blood it carries when open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumorsim.state import COAGULATED, DORMANT, EMBOLISED, OPEN, THROMBOSED, State
from tumorsim.vessels.closure import open_share
from tumorsim.vessels.graph import Kind

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


NEARLY_CLOSED = 0.2  # open share below which the change that counts is a share of this, not of itself


@dataclass(frozen=True, eq=False)
class Grouped:
    """Members of groups 0, 1, 2..., flat: ``member`` (n,) and the ``group`` (n,) of each."""

    member: Rows
    group: Rows

    @classmethod
    def of(cls, parts: Sequence[Rows]) -> Grouped:
        """The parts one after the other."""
        member = np.concatenate([np.zeros(0, dtype=np.int64), *parts]).astype(np.int64)
        return cls(member, np.repeat(np.arange(len(parts)), [len(part) for part in parts]))


@dataclass(frozen=True, eq=False)
class Remodelling:
    """The clocks of one patient's vessels.

    Parameters
    ----------
    oil_capacity, oil_half_life : array, shape (edges,)
        Oil with which a vessel is full [m3], and the time in which half of it leaves [s].
    weight : array, shape (edges,)
        Blood that a vessel carries when it is open [m3/s].
    dormant : (Grouped, Grouped)
        Edges that can be recruited, and the exchange rows whose mean VEGF recruits each group of them.
    row_of_site : array of int, shape (sites,)
        Exchange row of every site, -1 without tissue.
    rows : int
        Exchange rows.
    gelatin_half_life, vegf_time, growth_time : float
        [s].
    vegf_gain, update_share : float
        [-].
    """

    oil_capacity: Floats
    oil_half_life: Floats
    weight: Floats
    dormant: tuple[Grouped, Grouped]
    row_of_site: NDArray[np.int32]
    rows: int
    gelatin_half_life: float
    vegf_time: float
    growth_time: float
    vegf_gain: float
    update_share: float

    @classmethod
    def prepare(
        cls,
        oil_capacity: Floats,
        oil_half_life: Floats,
        weight: Floats,
        dormant: tuple[Grouped, Grouped],
        row_of_site: NDArray[np.int32],
        rows: int,
        parameters: Mapping[str, float],
    ) -> Remodelling:
        """With the clocks of a parameter table."""
        return cls(
            oil_capacity,
            oil_half_life,
            weight,
            dormant,
            row_of_site,
            rows,
            gelatin_half_life=parameters["clocks.gelatin_half_life"],
            vegf_time=parameters["clocks.vegf"],
            growth_time=parameters["clocks.collateral_growth"],
            vegf_gain=parameters["remodelling.vegf_gain"],
            update_share=parameters["remodelling.update_share"],
        )

    def hypoxia(self, hypoxic: NDArray[np.integer], sites: NDArray[np.int64], capacity: int) -> Floats:
        """Hypoxic living cells of every exchange row as a share of what its sites hold, (rows,).

        Parameters
        ----------
        hypoxic : array of int, shape (n,)
            Living cells on the hypoxic side in ``sites``.
        sites : array of int, shape (n,)
            The sites that have tumour cells; all others have none.
        capacity : int
            Cells of a full site.
        """
        # the first count is for sites without tissue, whose row is -1
        found = np.bincount(self.row_of_site[sites] + 1, hypoxic, minlength=self.rows + 1)[1:]
        held = self._sites_of_row * float(capacity)
        return np.asarray(np.divide(found, held, out=np.zeros(self.rows), where=held > 0.0))

    @cached_property
    def _sites_of_row(self) -> NDArray[np.int64]:
        return np.bincount(self.row_of_site[self.row_of_site >= 0], minlength=self.rows)

    def advance(self, state: State, hypoxia: Floats, dt: float) -> None:
        """Move every clock by ``dt`` [s], given the hypoxia (rows,) of the step; the flow is left as it is."""
        if state.edge_gelatin.any():
            state.edge_gelatin *= 2.0 ** (-dt / self.gelatin_half_life)
        if state.edge_oil.any():
            state.edge_oil *= 2.0 ** (-dt / self.oil_half_life)
        due = (1.0 + self.vegf_gain * hypoxia) / (1.0 + self.vegf_gain * state.untreated_hypoxia)
        state.vegf[:] = due + (state.vegf - due) * np.exp(-dt / self.vegf_time)
        vessels, tissue = self.dormant
        if len(vessels.member):
            mean = np.bincount(tissue.group, state.vegf[tissue.member]) / np.bincount(tissue.group)
            left = np.exp(-np.maximum(0.0, mean - 1.0) * dt / self.growth_time)[vessels.group]
            state.edge_patent[vessels.member] = 1.0 - (1.0 - state.edge_patent[vessels.member]) * left

    def due(self, state: State) -> bool:
        """Whether vessels have opened or closed so far that the blood must be led anew.

        Counted over the vessels that hold gelatin or oil or can be recruited, by the blood they carry when open.
        """
        moved = np.abs(open_share(state, self.oil_capacity) - state.edge_open)
        if not moved.any():
            return False
        # a closed vessel that begins to open matters more than one that goes on: dying tissue waits for the first of
        # its blood; recruitment is slow, and counts as it is
        moved /= np.where(self._dormant, 1.0, np.maximum(state.edge_open, NEARLY_CLOSED))
        moving = (state.edge_gelatin > 0.0) | (state.edge_oil > 0.0) | self._dormant
        whole = float(self.weight[moving].sum())
        return bool(float((self.weight * moved)[moving].sum()) >= self.update_share * whole)

    @cached_property
    def _dormant(self) -> NDArray[np.bool_]:
        found = np.zeros(len(self.weight), dtype=bool)
        found[self.dormant[0].member] = True
        return found

    def apply(self, state: State) -> None:
        """Open and close vessels as far as their contents say."""
        state.edge_open[:] = open_share(state, self.oil_capacity)
        set_edge_state(state)


def set_edge_state(state: State) -> None:
    """Name what every vessel is, from its contents; coagulated vessels stay so."""
    free = state.edge_state != COAGULATED
    code = np.full(len(state.edge_state), OPEN, dtype=np.uint8)
    code[(state.edge_patent > 0.0) & (state.edge_open == 0.0)] = EMBOLISED
    code[(state.edge_patent < 1.0) & (state.edge_open > 0.0) & (state.edge_state == THROMBOSED)] = THROMBOSED
    code[state.edge_patent == 0.0] = DORMANT
    state.edge_state[free] = code[free]


def dormant_vessels(
    kind: NDArray[np.uint8],
    head: NDArray[np.int32],
    exchange: NDArray[np.int32],
    patent: Floats,
    parasites: Sequence[tuple[Rows, Rows]],
) -> tuple[Grouped, Grouped]:
    """What can be recruited: edges in groups, and the exchange rows that recruit each group.

    A parasite is recruited as a whole by the mean VEGF of the tissue it leads to; a collateral, a dormant
    artery that ends at an exchange node, by that node's.

    Parameters
    ----------
    kind, head, patent : array, shape (edges,)
    exchange : array of int, shape (rows,)
        Nodes of the exchange rows.
    parasites : sequence of (edges, exchange rows)
        Every parasite's edges.
    """
    groups = [(edges[patent[edges] == 0.0], rows) for edges, rows in parasites]
    groups = [(edges, rows) for edges, rows in groups if len(edges) and len(rows)]
    row = np.full(int(max(head.max(initial=-1), exchange.max(initial=-1))) + 1, -1, dtype=np.int64)
    row[exchange] = np.arange(len(exchange))
    collaterals = np.flatnonzero((kind == Kind.ARTERIAL) & (patent == 0.0))
    collaterals = collaterals[row[head[collaterals]] >= 0]
    groups += [(np.array([edge]), np.array([row[head[edge]]])) for edge in collaterals]
    return Grouped.of([edges for edges, _ in groups]), Grouped.of([rows for _, rows in groups])
