"""A view of one cell agent, for Mesa."""

from __future__ import annotations

from typing import Any, NoReturn

import mesa
import numpy as np

from tumorsim.cells.columns import COLUMNS, Ids, column_named, is_alive

SYNCHRONOUS = "the rules of the cells are synchronous: every cell acts on the state at the start of the step"
BY_RULE = "cell agents come and go by births and deaths only; to remove one between two steps set its count to 0"


class CellAgent(mesa.Agent):
    """The cells of one site and one slot: a view that reads and writes the arrays of its model.

    Made when asked for and registered nowhere. ``unique_id`` is ``4 * site + slot``. Every column of
    `tumorsim.cells.columns.COLUMNS` is an attribute, in the unit given there (``pos`` in m).

    Raises
    ------
    LookupError
        On every use of a view whose cells have gone (`unique_id` and `model` stay).
    AttributeError
        Where there is no such column, or it cannot be written; the message says why.
    """

    model: Any
    unique_id: int

    def __init__(self, model: Any, unique_id: int) -> None:
        # not Agent.__init__, which would register the view and keep its model alive for ever
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "unique_id", int(unique_id))

    def _here(self) -> Ids:
        if not self.alive:
            raise LookupError(f"cell agent {self.unique_id}: no cells are left in this slot of its site")
        return np.array([self.unique_id], dtype=np.int64)

    @property
    def alive(self) -> bool:
        """Whether it has cells."""
        return is_alive(self.model.state, self.unique_id)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copying and pickling ask for
            raise AttributeError(name)
        value = column_named(name).values(self.model, self._here())[0]
        if isinstance(value, np.ndarray):
            return tuple(value.tolist())
        return value.item() if isinstance(value, np.generic) else value

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "model":
            raise AttributeError("model of a cell agent cannot be written: it is a view of that model's arrays")
        after = column_named(name).assign(self.model, self._here(), value)
        object.__setattr__(self, "unique_id", int(after[0]))  # a view goes with its cells to another slot

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *COLUMNS})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellAgent) and self.model is other.model and self.unique_id == other.unique_id

    def __hash__(self) -> int:
        return hash((id(self.model), self.unique_id >> 2))  # the site, which does not change

    def __repr__(self) -> str:
        if not self.alive:
            return f"CellAgent({self.unique_id}, gone)"
        return f"CellAgent({self.unique_id}, {self.count} {self.phase} {self.side} cells in site {self.site})"

    def remove(self) -> NoReturn:
        """Not possible; see the reason."""
        raise TypeError(f"remove: {BY_RULE}")

    def step(self) -> NoReturn:
        """Not possible; see the reason."""
        raise TypeError(f"step: {SYNCHRONOUS}; call model.step()")

    advance = step
