"""The tumour as a plain Mesa model: real agents on a real Network, one Python object a cell.

It stands for what the kernels of tumorsim replace: the same rule of a cell, the same keyed draws, the same
hazards, placed by the same words, agent for agent (`tests/twin/test_plain_mesa.py`). Sites hold one cell, and are
wider than a nest, so that none repopulates (`tumorsim.cells.nests`); no treatment here leaves doomed cells.
What is not the cells' own is asked of the package: flow of blood, oxygen of the tissue, liver, and treatments
that begin with a step and go into a vessel by its name (there is no image here).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import mesa
import numpy as np
from mesa.discrete_space import CellAgent, Network

from tumorsim.anatomy.capsule import face_permeability
from tumorsim.cells.lifecycle import LINEAGE
from tumorsim.cells.rule import cell_rule
from tumorsim.chance import Purpose, uniform, uniform4
from tumorsim.hazards.ischaemia import accumulate_liver, ischaemic_hazards
from tumorsim.log import treatment_of
from tumorsim.outcomes.imaging import Image
from tumorsim.state import DEBRIS, DYING, LIVER, OUTSIDE


def nothing_seen(sites: int) -> Image:
    """An image that shows nothing: whoever plans from it must know the vessel by its name."""
    return Image(np.zeros(sites, dtype=bool), 0.0, 0.0)


class TumourCell(CellAgent):
    """One cell: ``phase`` is 1 to 4 (slot + 1: proliferating or quiescent, oxic or hypoxic), dying, or debris."""

    def __init__(self, model: PlainTumor, site: int, phase: int) -> None:
        super().__init__(model)
        self.site, self.phase = site, phase
        self.cell = model.network[int(model.patient.grown.exchange_of_site[site])]
        model.at[site] = self

    def live(self) -> None:
        """One step: survive or die; divide, change side or phase; or decay."""
        m = self.model
        if self.phase in (DYING, DEBRIS):
            return self.decay()
        slot = self.phase - 1
        quiescent, hypoxic = slot >> 1, slot & 1
        survival, side, change, birth = uniform4(m.key[0], m.key[1], Purpose.SURVIVAL, self.site, slot, m.index)
        survival = (survival - 2.0**-33) + (1.0 - birth) * 2.0**-32  # finer than its own 32 bits

        share = float(m.tissue.share10[self.site])
        p_divide, p_phase, p_side = m.rule(quiescent, hypoxic, share, *m.rule_arguments)
        hazards = list(m.hazards[self.site]) if hypoxic else [0.0, 0.0]
        hazards += [m.turnover if quiescent else 0.0, -math.log1p(-m.abortive * p_divide)]
        supply, total = hazards[0] + hazards[1], hazards[0] + hazards[1] + hazards[2] + hazards[3]
        lasting = math.exp(-hazards[2]) * math.exp(-supply) * (1.0 - m.abortive * p_divide)
        if total > 0.0 and survival >= lasting:
            upto = np.cumsum(hazards) / total
            cause = next(c for c in range(4) if upto[c] + birth >= 1.0)
            m.deaths[self.site, cause] += 1
            self.phase = DYING
            if cause == LINEAGE:  # single cells are cleared within hours
                del m.at[self.site]
                self.remove()
            return None

        if birth < p_divide:
            m.births.append(self.site)
        if side < p_side:
            self.phase = 1 + (slot ^ 1)
        elif change < p_phase:
            self.phase = 1 + (slot ^ 2)
        return None

    def decay(self) -> None:
        """A dying cell becomes debris; debris is resorbed and leaves its site."""
        m = self.model
        u = uniform4(m.key[0], m.key[1], Purpose.DYING, self.site, 0, m.index)[0]
        if self.phase == DYING:
            self.phase = DEBRIS if u < m.p_debris else DYING
        elif u < m.p_resorbed:
            del m.at[self.site]
            self.remove()


class PlainTumor(mesa.Model):
    """A plain Mesa model that starts where a `TumorModel` of one cell a site stands now.

    Parameters
    ----------
    start : TumorModel
        Its cells, its patient and its treatments to come are taken; it is not changed.
    """

    def __init__(self, start: Any, rule: Callable[..., Any] = cell_rule) -> None:
        super().__init__(rng=start.virtual_patient.seed)
        self.patient, self.rule, self.index = start.virtual_patient, rule, start.clock.index
        self.key = (self.patient.seed, self.patient.number)
        p, dt = self.patient.parameters, start.case.step
        self.dt, self.turnover = dt, p["cells.turnover"] * dt
        self.abortive = p["cells.abortive_share"] / (1.0 - p["cells.abortive_share"])
        tau_mix, tau_phase = p["clocks.tau_mix"], p["clocks.tau_phase"]
        self.rule_arguments = (float(dt), start.population.p_birth, tau_mix, tau_phase, p["cells.growth_fraction"])
        self.p_debris = 1.0 - math.exp(-dt / p["clocks.dying"])
        self.p_resorbed = 1.0 - 2.0 ** (-dt / p["clocks.debris_half_life"])
        self.coming = [(e, treatment_of(e)) for e in start.case.treatments if e.at >= start.now]
        self.around = self.patient.lattice.neighbour_table()
        self.network = Network(start.network.G, random=self.random)
        self.tissue = start.state.fork()  # blood, oxygen and compartments; its cells are put out
        self.at: dict[int, TumourCell] = {}
        self.births: list[int] = []
        self.deaths: dict[tuple[int, int], int] = defaultdict(int)
        self.hazards: dict[int, tuple[float, float]] = {}
        for site in np.flatnonzero(self.tissue.phase).tolist():
            TumourCell(self, site, int(self.tissue.phase[site]))
        self.tissue.phase[:] = 0

    def step(self) -> None:
        """Treatments, oxygen, hazards; all cells, each by itself; births find their places; vessels change."""
        vessels = self.patient.remodelling
        if vessels.due(self.tissue):
            self.lead_blood()
        while self.coming and self.coming[0][0].at == self.index * self.dt:
            _, treatment = self.coming.pop(0)
            plan = treatment.plan(nothing_seen(self.tissue.sizes.sites), patient=self.patient)
            treatment.deliver(plan, self.patient, state=self.tissue)
            self.lead_blood()
        self.breathe()
        self.births.clear()
        self.agents.do("live")
        self.place()
        cells = sorted(self.at)
        hypoxic = np.array([self.at[site].phase in (2, 4) for site in cells], dtype=np.int64)
        vessels.advance(self.tissue, vessels.hypoxia(hypoxic, np.array(cells, dtype=np.int64), 1), self.dt)
        self.index += 1

    def lead_blood(self) -> None:
        """Vessels as open as what they hold leaves them, flow, and what it brings to every site."""
        self.patient.remodelling.apply(self.tissue)
        self.patient.solve_flow(self.tissue)
        self.patient.bring_blood(self.tissue)

    def breathe(self) -> None:
        """Oxygen from blood and living cells, and the hazards of hypoxic cells for want of it."""
        t, clocks = self.tissue, self.patient.clocks
        # liver is no agent; its living part is counted in steps of 1/256
        living = (np.ceil(np.exp(-t.liver_hazard) * 256) / 256).astype(np.float32)
        tumour = np.flatnonzero((t.compartment != LIVER) & (t.compartment != OUTSIDE))
        living[tumour] = [s in self.at and self.at[s].phase < DYING for s in tumour.tolist()]
        self.patient.oxygen.update(t, np.flatnonzero(t.compartment != OUTSIDE), living)
        lives = (clocks.latency, clocks.life_anoxic, clocks.life_severe, clocks.life_hypoxic)
        for site in tumour.tolist():
            shares = (float(t.share10[site]), float(t.share2p5[site]), float(t.share0p5[site]))
            *here, t.anoxic_lag[site] = ischaemic_hazards(*shares, float(t.anoxic_lag[site]), float(self.dt), *lives)
            self.hazards[site] = (here[0], here[1])
        accumulate_liver(t, np.flatnonzero(t.compartment == LIVER), self.dt, clocks)

    # --- where the newborn go ----------------------------------------------------------------------------

    def passes(self, a: int, b: int) -> float:
        """Permeability of the face between two sites."""
        label, anatomy = self.tissue.compartment, self.patient.anatomy
        capsule, barrier = anatomy.capsule_site, anatomy.permeability
        return face_permeability(
            label[a], label[b], capsule[a], capsule[b], barrier.capsule, barrier.septum, barrier.wall
        )

    def is_free(self, site: int) -> bool:
        """Whether a cell can move in."""
        return site >= 0 and site not in self.at and self.tissue.compartment[site] != OUTSIDE

    def place(self) -> None:
        """A newborn is offered to one free neighbour; who finds none, or is not admitted, goes to the free front."""
        label, front = self.tissue.compartment, self.front()
        offers: dict[int, dict[int, int]] = defaultdict(dict)
        for source in self.births:
            faces = [d for d in range(6) if self.is_free(self.around[source, d])]
            upto = np.cumsum([self.passes(source, self.around[source, d]) for d in faces])
            if len(faces) and upto[-1] > 0.0:
                u = uniform(*self.key, Purpose.ADMIT, source, 0, self.index)
                d = faces[next(i for i in range(len(faces)) if upto[i] / upto[-1] + u >= 1.0)]
                offers[int(self.around[source, d])][d ^ 1] = source
        homeless = list(self.births)
        for target, by_face in offers.items():
            source = by_face[self.first_served(target, by_face)]
            homeless.remove(source)
            self.settle(target, int(label[source]))
        for compartment in sorted({int(label[s]) for s in homeless}):
            wanting = sum(int(label[s]) == compartment for s in homeless)
            places = [(site, weight) for site, c, weight in front if c == compartment and site not in self.at]
            self.onto_front(compartment, wanting, places)

    def front(self) -> list[tuple[int, int, float]]:
        """Free sites of the tumour, then liver beside occupied ones: site, compartment that may enter, weight.

        The weight is the permeability on the way, times the root of the number of faces to occupied sites of the
        compartment, so that a front advances at the same speed in every direction.
        """
        label = self.tissue.compartment
        tumour = np.flatnonzero((label != LIVER) & (label != OUTSIDE)).tolist()
        found = [(s, int(label[s]), 1.0) for s in tumour if s not in self.at]
        beside = sorted({t for s in self.at for t in self.around[s].tolist() if t >= 0 and label[t] == LIVER})
        for site in beside:
            pushing = [s for s in self.around[site].tolist() if s in self.at]
            through, minus = max((self.passes(s, site), -int(label[s])) for s in pushing)
            found.append((site, -minus, through))
        faces = {(s, c): sum(t in self.at and label[t] == c for t in self.around[s].tolist()) for s, c, _ in found}
        return [(s, c, through * math.sqrt(max(faces[s, c], 1))) for s, c, through in found if through > 0.0]

    def first_served(self, target: int, by_face: dict[int, int]) -> int:
        """The face that comes first in one of the 720 orders of the faces, which a draw picks."""
        order, waiting = int(uniform(*self.key, Purpose.ADMIT, target, 1, self.index) * 720.0), list(range(6))
        for n in range(6, 0, -1):
            order, pick = divmod(order, n)
            face, waiting[pick] = waiting[pick], waiting[n - 1]
            if face in by_face:
                return face
        raise AssertionError("a target with no offer")

    def onto_front(self, compartment: int, wanting: int, places: list[tuple[int, float]]) -> None:
        """Whole shares by weight, then one each to the places with the smallest exponential waiting times."""
        turn = 0
        while wanting > 0 and places:
            total = sum(weight for _, weight in places)
            given: list[tuple[int, float]] = []
            for place in places:
                if min(int(wanting * (place[1] / total)), wanting - len(given)) >= 1:
                    given.append(place)
            if not given:
                draws = [uniform(*self.key, Purpose.FRONT, s, compartment, self.index, turn) for s, _ in places]
                waiting = [-math.log(u) / weight for u, (_, weight) in zip(draws, places, strict=True)]
                given = [places[i] for i in np.argsort(waiting, kind="stable")[:wanting]]
                turn += 1
            for place in given:
                self.settle(place[0], compartment)
                places.remove(place)
            wanting -= len(given)

    def settle(self, site: int, compartment: int) -> None:
        """A newborn, proliferating and oxic; liver that it enters becomes part of its compartment."""
        if self.tissue.compartment[site] == LIVER:
            self.tissue.compartment[site] = compartment
        TumourCell(self, site, 1)
