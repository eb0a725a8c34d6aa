"""The blood of a run: led anew where vessels have changed, and what vessels do by themselves meanwhile.

What vessels hold (beads, gelatin, oil) and how far dormant ones have opened moves at every step; the flow is
solved again when that has changed a vessel by more than a set share (`vessels.remodelling`). All of it is a
function of the state, so a run that is saved and loaded, or forked, goes on bit for bit.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from numpy.typing import NDArray

from tumorsim.cells.population import Population
from tumorsim.patient import Patient
from tumorsim.state import COAGULATED, State

# what vessels hold, a book each that a delivery adds to; all else of a vessel follows from these
BOOKS = ("edge_beads", "edge_solid", "edge_gelatin", "edge_oil", "edge_payload")


GROWING = ("implant", "implant_site", "heating", "heating_site")  # axes


class Circulation:
    """The vessels of one run.

    Parameters
    ----------
    patient : Patient
    """

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self.remodelling = patient.remodelling
        self._untreated: dict[str, NDArray[Any]] | None = None

    def begin(self, state: State, population: Population) -> None:
        """Take the tumour as it is as the untreated one: its hypoxia is the baseline of VEGF."""
        state.untreated_hypoxia[:] = self._hypoxia(population)
        state.vegf[:] = 1.0

    def due(self, state: State) -> bool:
        """Whether vessels have changed so far that blood must be led anew."""
        return self.remodelling.due(state)

    def lead(self, state: State) -> None:
        """Open and close vessels by what they hold, and solve the flow."""
        self.remodelling.apply(state)
        self.patient.solve_flow(state)

    def as_untreated(self, state: State) -> State:
        """The state with its vessels as they were before the first treatment; all other arrays are shared."""
        if self._untreated is None:
            fresh = self.patient.new_state()
            ours = [spec.name for spec in fresh.specs() if spec.axis in ("edge", "edge_drug", "node")]
            self._untreated = {name: getattr(fresh, name) for name in ours}
        seen = copy(state)
        for name, array in self._untreated.items():
            setattr(seen, name, array.copy())
        return seen

    def add_books(self, state: State, seen: State) -> None:
        """Add what a delivery into vessels `as_untreated` has left in them to what vessels hold."""
        assert self._untreated is not None
        for name in BOOKS:
            getattr(state, name)[:] += getattr(seen, name) - self._untreated[name]
        state.edge_state[seen.edge_state == COAGULATED] = COAGULATED
        for name in ("sizes", *(spec.name for spec in state.specs() if spec.axis in GROWING)):
            setattr(state, name, getattr(seen, name))  # what a delivery makes longer is an array of its own

    def age(self, state: State, population: Population, dt: int) -> None:
        """What vessels do in ``dt`` [s] by themselves."""
        self.remodelling.advance(state, self._hypoxia(population), dt)

    def _hypoxia(self, population: Population):  # type: ignore[no-untyped-def]
        sites = population.members
        return self.remodelling.hypoxia(population.hypoxic_of(sites), sites, population.capacity)
