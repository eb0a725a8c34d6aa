"""The ledger of all hazards that cells met in a run without growth.

With the coupling of growth off, cells stay in their slot and only die of hazards, so that the hazard of a slot can be
summed up over the run: H. The cells expected to be left are then the sum of n0 exp(-H) (`outcomes.expected`), whatever
the draws. The ledger is a record: it enters neither the state nor its hash.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.state import CAUSES, DYING, EMPTY, SLOTS, State

Floats = NDArray[np.float64]
OF_SUPPLY = CAUSES[:2]  # ischaemia, starvation: of cells on the hypoxic side
HYPOXIC = (1, 3)


@dataclass
class Ledger:
    """Cells of a run's start and the hazards they have met since.

    Attributes
    ----------
    sites : array of int, shape (members,)
        Sites of the tumour, ascending.
    n0 : array of int, shape (members, 4)
        Viable cells of each slot at the start.
    of_cause : dict of str to array, shape (members, 4)
        Cumulative hazard [-] of each cause.
    """

    sites: NDArray[np.int64]
    n0: NDArray[np.int64]
    of_cause: dict[str, Floats] = field(default_factory=dict)

    @classmethod
    def begin(cls, state: State, sites: NDArray[np.int64]) -> Ledger:
        """An empty ledger over the cells that are there."""
        if not state.sizes.one_cell:
            return cls(sites.copy(), state.viable[sites].astype(np.int64))
        phase = state.phase[sites]
        n0 = np.zeros((len(sites), SLOTS), dtype=np.int64)
        living = np.flatnonzero((phase > EMPTY) & (phase < DYING))
        n0[living, phase[living] - 1] = 1
        return cls(sites.copy(), n0)

    def add(
        self,
        supply: Sequence[Floats],
        external: Floats | None = None,
        causes: Sequence[str] = (),
    ) -> None:
        """Book what the cells met in a step.

        Parameters
        ----------
        supply : (array, array), shape (sites,)
            Hazards of ischaemia and starvation of hypoxic cells.
        external : array, shape (causes, sites, 4), optional
            Hazards of treatments.
        causes : sequence of str
            Their names.
        """
        for name, hazard in zip(OF_SUPPLY, supply, strict=True):
            if (here := hazard[self.sites]).any():
                for slot in HYPOXIC:
                    self._row(name)[:, slot] += here
        for name, hazards in zip(causes, () if external is None else external, strict=True):
            self._row(name)[:] += hazards[self.sites]

    def _row(self, cause: str) -> Floats:
        return self.of_cause.setdefault(cause, np.zeros(self.n0.shape))

    def total(self) -> Floats:
        """Cumulative hazard H of every slot, (members, 4): causes summed in fixed order, whichever came first."""
        total = np.zeros(self.n0.shape)
        first = [name for name in CAUSES if name in self.of_cause]
        for name in (*first, *sorted(set(self.of_cause) - set(first))):
            total += self.of_cause[name]
        return total

    def fork(self) -> Ledger:
        """A copy that can grow apart."""
        return Ledger(self.sites, self.n0, {name: hazard.copy() for name, hazard in self.of_cause.items()})

    def to_plain(self) -> dict[str, Any]:
        """Plain data for a file, bit for bit."""
        return {
            "sites": _packed(self.sites, "<i8"),
            "n0": _packed(self.n0, "<i8"),
            "of_cause": {name: _packed(hazard, "<f8") for name, hazard in self.of_cause.items()},
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Ledger:
        """The ledger that `to_plain` wrote."""
        sites, n0 = _unpacked(plain["sites"], "<i8"), _unpacked(plain["n0"], "<i8")
        of = {name: _unpacked(text, "<f8").reshape(-1, SLOTS) for name, text in plain["of_cause"].items()}
        return cls(sites, n0.reshape(-1, SLOTS), of)


def _packed(array: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array, dtype=dtype).tobytes())).decode()


def _unpacked(text: str, dtype: str) -> NDArray[Any]:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=dtype).astype(dtype[1:])
