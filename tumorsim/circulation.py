"""The blood of a run: led anew where vessels have changed, and what vessels do by themselves meanwhile.

What vessels hold (beads, gelatin, oil) and how far dormant ones have opened moves at every step; the flow is
solved again when that has changed a vessel by more than a set share (`vessels.remodelling`). All of it is a
function of the state, so a run that is saved and loaded, or forked, goes on bit for bit.
"""

from __future__ import annotations

from tumorsim.cells.population import Population
from tumorsim.patient import Patient
from tumorsim.state import State


class Circulation:
    """The vessels of one run.

    Parameters
    ----------
    patient : Patient
    """

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self.remodelling = patient.remodelling

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

    def age(self, state: State, population: Population, dt: int) -> None:
        """What vessels do in ``dt`` [s] by themselves."""
        self.remodelling.advance(state, self._hypoxia(population), dt)

    def _hypoxia(self, population: Population):  # type: ignore[no-untyped-def]
        sites = population.members
        return self.remodelling.hypoxia(population.hypoxic_of(sites), sites, population.capacity)
