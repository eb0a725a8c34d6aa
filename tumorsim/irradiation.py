"""Radiation of a run: what permanent implants do to tumour cells and to liver between two moments.

Everything it needs of the past is in the state (the implants, and heat near in time), so that a run goes on from a
saved state bit for bit, and the cuts of time change a hazard by rounding alone. Without implants it does nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tumorsim.fields.oxygen import NARROWEST
from tumorsim.hazards.combine import Enhancement
from tumorsim.hazards.implants import forget_heat, heat_dose
from tumorsim.hazards.imposed import Imposed
from tumorsim.hazards.radiation import dose_factors, pair_factors
from tumorsim.hazards.radiation_cells import Response, Spread, accumulate_liver, accumulate_tumour
from tumorsim.patient import Patient
from tumorsim.state import LIVER, State

CAUSE = "radiation"


class Irradiation:
    """The implants of one run at work.

    Parameters
    ----------
    patient : Patient
    imposed : Imposed
        Where hazards of tumour cells go, under the cause `CAUSE`; a treatment of the run must have registered it.
    threads : int
        Changes no bit.
    enhanced : bool
        False: heat near in time adds nothing.
    """

    def __init__(self, patient: Patient, imposed: Imposed, threads: int = 1, enhanced: bool = True) -> None:
        table = patient.parameters
        self.imposed, self.threads, self.enhanced = imposed, threads, enhanced
        self.tumour, self.liver = Response.of("tumour", table), Response.of("liver", table)
        self.enhancement = Enhancement.from_parameters(table)
        self.resolved = patient.lattice.spacing <= NARROWEST * (1 + 1e-9)  # a site has one oxygen pressure
        self._hazard = np.zeros((0, 4))

    def integrate(self, state: State, members: NDArray[np.int64], begin: int, end: int) -> None:
        """Impose what is given from ``begin`` to ``end`` [s], with the oxygen of now.

        Parameters
        ----------
        state : State
            ``liver_hazard`` is written where there is liver; heat that has become old is dropped.
        members : int64, shape (n,)
            Sites of the tumour.

        Raises
        ------
        InputError
            Where there are implants and no treatment of the run has registered their cause.
        """
        if len(state.implant_at):
            dose = dose_factors(state.implant_at, state.implant_decay, begin, end)
            added = heat_dose(state, self.enhancement, begin, end) if self.enhanced else None
            if dose.any() or added is not None:
                self._impose(state, members, dose, added, begin, end)
        forget_heat(state, self.enhancement, end)

    def _impose(
        self,
        state: State,
        members: NDArray[np.int64],
        dose: NDArray[np.float64],
        added: NDArray[np.float64] | None,
        begin: int,
        end: int,
    ) -> None:
        of = state.implant_at, state.implant_decay
        spread = None
        if state.implant_width.any():
            since = [dose_factors(*of, -math.inf, t) for t in (begin, end)]
            spread = Spread(state.implant_width, *since)
        if not len(self._hazard):
            self._hazard = np.zeros((state.sizes.sites, 4))
        accumulate_tumour(
            state, members, state.implant_rate, dose, pair_factors(*of, self.tumour.repair, begin, end), self.tumour,
            self._hazard, spread=spread, added=None if added is None else added[members], resolved=self.resolved,
            threads=self.threads,
        )  # fmt: skip
        if self._hazard[members].any():
            self.imposed.add(CAUSE, self._hazard)
            self._hazard[members] = 0.0
        liver = np.flatnonzero(state.compartment == LIVER)
        accumulate_liver(
            state, liver, state.implant_rate, dose, pair_factors(*of, self.liver.repair, begin, end), self.liver,
            state.liver_hazard, spread=spread, added=None if added is None else added[liver], resolved=self.resolved,
            threads=self.threads,
        )  # fmt: skip
