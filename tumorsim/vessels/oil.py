"""Iodised oil (lipiodol): droplets that deform, ride the arterial flow into beds and cross to portal venules.

Droplets are far too many to follow one by one (1e8 in 10 mL) and split at junctions as the flow does. A bed
fills until its share of the tissue it serves is full. What comes after that is pressed through the vessels
that join arteries to portal venules: the drainage of a tumour into the portal vein around it, the peribiliary
plexus of liver (Kan 1993, Kitao 2009, Miyayama 2019). A droplet of diameter d enters a channel of diameter c
against the difference of Laplace's pressures,

    P = 4 sigma (1/c - 1/d),

so the arterial pressure at the catheter decides how large a droplet can cross; beads, which do not deform,
never do. Oil beyond what the portal bed holds backs up into the portal vessel it hangs on, as far as there is
room, and the rest leaves by the veins. Oil that can cross nowhere runs back past the tip.

No flag decides where portal venules fill: a catheter in a feeder has little tissue ahead of it and overfills
it, one in a lobar artery spreads the same oil over a lobe. On angiograms the portal branches seen during
injection are graded 0 (none), 1 (next to the tumour) and 2 (in the whole area treated) (Miyayama 2007).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tumorsim.state import State
from tumorsim.vessels.beads import BeadRide
from tumorsim.vessels.embolics import left_open
from tumorsim.vessels.graph import Kind, VesselGraph

if TYPE_CHECKING:
    from tumorsim.vessels.growth import GrownVessels

Floats = NDArray[np.float64]
Edges = NDArray[np.int64]

_SATELLITES_END = 255


@dataclass
class Oil:
    """What became of one injection of oil [m3].

    ``held`` (edges,) is the oil each vessel took up: arterial and extrahepatic beds, portal beds and the portal
    vessels they hang on. ``washed_out`` left by the veins, ``refluxed`` ran back out of the artery;
    ``ran_back`` is all that ran back past the tip, also what other branches then took.
    """

    injected: float
    held: Floats
    washed_out: float = 0.0
    refluxed: float = 0.0
    ran_back: float = 0.0


def bed_rows(graph: VesselGraph) -> tuple[Edges, NDArray[np.int64]]:
    """Arterial, extrahepatic and portal beds, and the exchange row each ends at; -1 for another end."""
    own = np.isfinite(graph.conductance)
    feeding = own & np.isin(graph.kind, (Kind.ARTERIAL, Kind.EXTRAHEPATIC))
    meets = np.zeros(graph.n_nodes, dtype=bool)
    meets[graph.head[feeding]] = True  # not the splanchnic circulation, which ends where no artery does
    beds = np.flatnonzero(feeding | (own & (graph.kind == Kind.PORTAL) & meets[graph.head]))
    row = np.full(graph.n_nodes, -1, dtype=np.int64)
    row[graph.exchange] = np.arange(len(graph.exchange))
    return beds, row[graph.head[beds]]


def is_tumour_row(grown: GrownVessels) -> NDArray[np.bool_]:
    """Exchange rows of tumour, thrombus or satellites, (rows,)."""
    compartment = grown.compartment_of_exchange
    return np.asarray((compartment > 0) & (compartment < _SATELLITES_END))


def capacity(grown: GrownVessels, parameters: Mapping[str, float]) -> Floats:
    """Oil with which every vessel is full [m3], (edges,); inf where oil passes without closing.

    A bed holds a share of the tissue of its exchange node: `embolisation.oil_tumour_capacity` or
    `embolisation.oil_liver_capacity` on the arterial side, `embolisation.oil_portal_capacity` on the portal
    one. Beds of one kind of blood at one node share its tissue by conductance; one that is dormant is reckoned
    beside those that are not. A bed of liver outside the box serves as much tissue per conductance as the
    liver beds of the box do (without any: as all beds of the box). Branches to other organs hold the share of
    liver of their volume.
    """
    graph = grown.graph
    rows = len(graph.exchange)
    volume = grown.tissue_volume
    tumour = is_tumour_row(grown)
    beds, row = bed_rows(graph)
    portal = graph.kind[beds] == Kind.PORTAL
    conductance = graph.conductance[beds]
    awake = grown.patent[beds] > 0.0
    full = np.full(graph.n_edges, np.inf)
    for side, share_of_row in (
        (
            ~portal,
            np.where(
                tumour, parameters["embolisation.oil_tumour_capacity"], parameters["embolisation.oil_liver_capacity"]
            ),
        ),
        (portal, np.full(rows, parameters["embolisation.oil_portal_capacity"])),
    ):
        inside = side & (row >= 0)
        at, g, open_ = row[inside], conductance[inside], awake[inside]
        base = np.bincount(at, g * open_, minlength=rows)[at]
        part = np.divide(g, np.where(open_, base, base + g), out=np.zeros(len(g)), where=g > 0.0)
        full[beds[inside]] = part * volume[at] * share_of_row[at]
        like = inside & awake & ~np.where(row >= 0, tumour[row], False)
        like = like if like.any() else inside & awake
        outside = side & (row < 0)
        if outside.any() and conductance[like].sum() > 0.0:
            per_conductance = volume[np.unique(row[like])].sum() / conductance[like].sum()
            liver_share = parameters[
                "embolisation.oil_portal_capacity" if side is portal else "embolisation.oil_liver_capacity"
            ]
            full[beds[outside]] = conductance[outside] * per_conductance * liver_share
    for branch in grown.non_target:
        g = graph.conductance[branch.beds]
        full[branch.beds] = branch.volume * parameters["embolisation.oil_liver_capacity"] * g / g.sum()
    full[full <= 0.0] = np.inf  # a bed that serves nothing closes by nothing
    return full


def oil_half_life(grown: GrownVessels, parameters: Mapping[str, float]) -> Floats:
    """Time in which half of its oil leaves every vessel [s], (edges,).

    `clocks.oil_tumour_half_life` in beds, arterial and portal, of tumour and satellites;
    `clocks.oil_liver_half_life` everywhere else.
    """
    times = np.full(grown.graph.n_edges, parameters["clocks.oil_liver_half_life"])
    beds, row = bed_rows(grown.graph)
    inside = row >= 0
    times[beds[inside][is_tumour_row(grown)[row[inside]]]] = parameters["clocks.oil_tumour_half_life"]
    return times


@dataclass
class OilRide:
    """A vessel graph prepared for oil.

    Parameters
    ----------
    ride : BeadRide
        The routes, the solver and the capacities.
    tension : float
        Interfacial tension of oil in blood [N/m].
    channel : float
        Diameter of the vessels between arterioles and portal venules [m].
    """

    ride: BeadRide
    tension: float
    channel: float
    _portal_at: NDArray[np.int64] = field(init=False)  # edges of portal beds, by the node they end at
    _stem: NDArray[np.int64] = field(init=False)  # portal vessel that a portal bed hangs on

    def __post_init__(self) -> None:
        graph = self.ride.graph
        beds = np.flatnonzero(np.isfinite(graph.conductance) & (graph.kind == Kind.PORTAL))
        self._portal_at = beds[np.argsort(graph.head[beds], kind="stable")]
        into = np.full(graph.n_nodes, -1, dtype=np.int64)
        stems = np.flatnonzero(np.isnan(graph.conductance) & (graph.kind == Kind.PORTAL))
        into[graph.head[stems]] = stems
        self._stem = into[graph.tail[self._portal_at]]

    def inject(self, edge: int, *, volume: float, droplet: float, state: State) -> Oil:
        """Inject ``volume`` [m3] of droplets of diameter ``droplet`` [m] at ``edge``; changes ``edge_oil``.

        Where no blood runs at the tip, nothing is injected. The flow is that at the start: a bed that is full
        of oil still lets oil through as long as it can cross.
        """
        graph, routes = self.ride.graph, self.ride.routes
        self.ride.apply(state)
        solved = self.ride.flow(state)
        flow, pressure = solved.edge_flow, solved.node_pressure
        done = Oil(0.0, np.zeros(graph.n_edges))
        if flow[edge] <= 0.0 or volume <= 0.0:
            return done
        done.injected = volume
        squeeze = 4.0 * self.tension * (1.0 / self.channel - 1.0 / droplet)
        left = volume
        seen = np.zeros(0, dtype=np.int64)
        for level, vessel in enumerate(routes.upstream(edge)):
            below = routes.below(int(vessel))
            ahead = np.setdiff1d(below, seen, assume_unique=True)
            seen = below
            if level == 1:
                done.ran_back = left
            tip = float(pressure[graph.tail[edge]])
            left = self._spread(ahead, left, flow, tip - pressure >= squeeze, state, done)
            if left <= 0.0:
                break
        done.refluxed = max(left, 0.0)
        state.edge_oil += done.held
        self.ride.apply(state)
        return done

    def _spread(
        self, ahead: Edges, volume: float, flow: Floats, crosses: NDArray[np.bool_], state: State, done: Oil
    ) -> float:
        """Lead oil to the ends of the vessels ``ahead`` by their flow; returns what finds no room."""
        graph, routes = self.ride.graph, self.ride.routes
        last = routes.out_start[graph.head[ahead]] == routes.out_start[graph.head[ahead] + 1]
        ends = ahead[last & (flow[ahead] > 0.0)]
        if not len(ends):
            return volume
        full = self.ride.oil_capacity[ends]
        room = np.where(np.isfinite(full), left_open(state, ends, self.ride.oil_capacity) * full, np.inf)
        drains = ~routes.is_bed[ends]  # a way out of the graph that is no bed
        passes = drains | (crosses[graph.head[ends]] & np.isfinite(full))
        given, left = _fill(volume, flow[ends], np.where(passes, np.inf, room))
        taken = np.where(drains, 0.0, np.minimum(given, room))
        done.held[ends] += taken
        done.washed_out += float(given[drains].sum())
        beyond = given - taken
        over = np.flatnonzero(~drains & (beyond > 0.0))
        crossed = np.bincount(graph.head[ends[over]], beyond[over], minlength=graph.n_nodes)
        self._into_portal(crossed.astype(np.float64), state, done)
        return left

    def _into_portal(self, arriving: Floats, state: State, done: Oil) -> None:
        """Oil that has crossed at every node: into the portal beds there, their stems, and the veins."""
        graph, beds = self.ride.graph, self._portal_at
        node = graph.head[beds]
        full = self.ride.oil_capacity[beds]
        held = state.edge_oil[beds] + done.held[beds]
        room = np.where(np.isfinite(full), np.maximum(0.0, full - held), 0.0)
        total = np.bincount(node, room, minlength=graph.n_nodes)
        share = np.minimum(1.0, np.divide(arriving, total, out=np.zeros(len(total)), where=total > 0.0))
        done.held[beds] += share[node] * room
        rest = np.maximum(0.0, arriving - share * total)
        count = np.bincount(node, minlength=graph.n_nodes)
        if not rest.any():
            return
        # what is left backs up into the vessels of the beds at this node, as far as their lumen reaches
        has = self._stem >= 0
        up, at = self._stem[has], node[has]
        coming = np.bincount(up, rest[at] / count[at], minlength=graph.n_edges)
        lumen = np.pi * graph.radius**2 * graph.length
        stays = np.minimum(coming, np.maximum(0.0, lumen - state.edge_oil - done.held))
        done.held += stays
        done.washed_out += float(rest.sum() - stays.sum())


def _fill(volume: float, weight: Floats, room: Floats) -> tuple[Floats, float]:
    """Share ``volume`` by ``weight`` among vessels with room left; what each gets, and what none can take."""
    given = np.zeros(len(weight))
    left = volume
    active = room > 0.0
    while left > 0.0 and active.any():
        part = left * np.where(active, weight, 0.0) / weight[active].sum()
        filled = active & (given + part >= room)
        if not filled.any():
            return given + part, 0.0
        # those that fill up take their room; the others wait for the next round
        left -= float((room - given)[filled].sum())
        given[filled] = room[filled]
        active &= ~filled
    return given, max(left, 0.0)


def held_by_tissue(grown: GrownVessels, oil: Floats) -> dict[str, float]:
    """Oil [m3] by what holds it, from ``oil`` (edges,): arterial beds of ``tumour`` (satellites too), of
    ``liver`` and of ``other`` organs, and ``portal`` vessels."""
    portal = grown.graph.kind == Kind.PORTAL
    beds, row = bed_rows(grown.graph)
    tumour = np.zeros(grown.graph.n_edges, dtype=bool)
    tumour[beds[row >= 0]] = is_tumour_row(grown)[row[row >= 0]]
    other = np.zeros(grown.graph.n_edges, dtype=bool)
    for branch in grown.non_target:
        other[branch.beds] = True
    return {
        "tumour": float(oil[tumour & ~portal].sum()),
        "liver": float(oil[~(tumour | portal | other)].sum()),
        "other": float(oil[other].sum()),
        "portal": float(oil[portal].sum()),
    }


def portal_filling(grown: GrownVessels, oil: Floats, oil_capacity: Floats, sites: NDArray[np.bool_]) -> float:
    """Share of the portal beds of ``sites`` (sites,) that oil fills [-]; 0 where they have none.

    Every site counts with the filling of the portal beds of its exchange node.
    """
    beds, row = bed_rows(grown.graph)
    own = (grown.graph.kind[beds] == Kind.PORTAL) & (row >= 0) & np.isfinite(oil_capacity[beds])
    beds, row = beds[own], row[own]
    rows = len(grown.graph.exchange)
    room = np.bincount(row, oil_capacity[beds], minlength=rows)
    held = np.bincount(row, np.minimum(oil[beds], oil_capacity[beds]), minlength=rows)
    at = grown.exchange_of_site[sites]
    weight = np.bincount(at[at >= 0], minlength=rows) * (room > 0.0)
    filled = np.divide(held, room, out=np.zeros(rows), where=room > 0.0)
    return float((filled * weight).sum() / weight.sum()) if weight.any() else 0.0
