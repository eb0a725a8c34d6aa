"""Hazards that treatments impose within one step: gathered by cause, then handed to the cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.hazards.frailty import impose
from tumorsim.hazards.traits import TRAITS, Traits
from tumorsim.state import State


class Hazardous(Protocol):
    """What is read of a treatment."""

    @property
    def causes(self) -> tuple[str, ...]:
        """Causes of death that it may impose."""

    @property
    def mitotic(self) -> tuple[str, ...]:
        """Those of them that leave lethal lesions."""

    @property
    def traits(self) -> Mapping[str, str]:
        """Trait that each bears, where it bears one."""


class Imposed:
    """The hazards of the current step.

    Parameters
    ----------
    n_sites : int
    treatments : iterable of Hazardous
        All treatments of the run.

    Raises
    ------
    InputError
        Where a treatment names a trait there is none of, says something of a cause that it does not register, or
        two treatments disagree about a cause.
    """

    def __init__(self, n_sites: int, treatments: Iterable[Hazardous]) -> None:
        self.n_sites = n_sites
        self._registered: set[str] = set()
        self._trait: dict[str, str | None] = {}
        self._dooms: dict[str, bool] = {}
        self._pulses: dict[str, NDArray[np.float64]] = {}
        problems = []
        for treatment in treatments:
            who = type(treatment).__name__
            self._registered.update(treatment.causes)
            problems += [f"treatment {who}: '{c}' bears a trait but is none of its causes"
                         for c in treatment.traits if c not in treatment.causes]  # fmt: skip
            problems += [f"treatment {who}: '{c}' is mitotic but none of its causes"
                         for c in treatment.mitotic if c not in treatment.causes]  # fmt: skip
            for cause in treatment.causes:
                if self._dooms.setdefault(cause, cause in treatment.mitotic) != (cause in treatment.mitotic):
                    problems.append(f"treatment {who}: '{cause}' leaves lethal lesions here, elsewhere not")
                trait = treatment.traits.get(cause)
                if trait is not None and trait not in TRAITS:
                    problems.append(f"treatment {who}: no trait '{trait}'; there are {', '.join(TRAITS)}")
                elif self._trait.setdefault(cause, trait) != trait:
                    problems.append(f"treatment {who}: '{cause}' bears {trait}, elsewhere {self._trait[cause]}")
        if problems:
            raise InputError(sorted(set(problems)))

    def add(self, cause: str, hazard: NDArray[np.float64]) -> None:
        """Impose a hazard [-] of a registered cause in the current step: (sites, 4), on cells of mean sensitivity.

        Raises
        ------
        InputError
            Where no treatment of this run has registered the cause.
        ValueError
            Where the hazard has another shape, or is negative or not finite.
        """
        if cause not in self._registered:
            raise InputError(f"hazard: '{cause}' is not a cause that a treatment of this run registered")
        shape = (self.n_sites, 4)
        if np.shape(hazard) != shape or not np.all((hazard >= 0.0) & (hazard < np.inf)):
            raise ValueError(f"hazard of '{cause}': must be finite, 0 or more, and of shape {shape}")
        self._pulses[cause] = self._pulses.get(cause, 0.0) + hazard

    def take(
        self, state: State, traits: Traits, sites: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64] | None, list[int] | None, list[bool] | None]:
        """What cells at ``sites`` get in this step, [cause, site, slot], columns of the causes, which doom; empties it.

        A cause enters the state with its first hazard, and so does the memory of selection: one that does
        nothing leaves the state as it was.
        """
        state.register(cause for cause, hazard in self._pulses.items() if hazard.any())
        causes = [c for c in state.causes if c in self._pulses]
        if not causes:
            self._pulses.clear()
            return None, None, None
        hazard = np.stack([self._pulses[c] for c in causes])
        self._pulses.clear()
        borne = [self._trait.get(c) for c in causes]
        impose(state, traits, sites, hazard, [-1 if t is None else TRAITS.index(t) for t in borne])
        return hazard, [state.cause(c) for c in causes], [self._dooms[c] for c in causes]
