"""Columns of the cell agents: what can be read of one agent or of all, and what may be written.

A cell agent is the cells of one site and one slot. It is known by ``unique_id = 4 * site + slot``, and exists
while there are cells. Every column is read for an array of such numbers at once.

Writing is a user's intervention between two steps: it is not booked as a death or a birth, and oxygen follows
at the next step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import nearest
from tumorsim.state import ARRAYS, EMPTY, SLOTS, State

Ids = NDArray[np.int64]
PHASES = ("proliferating", "quiescent")
SIDES = ("oxic", "hypoxic")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name, unit, meaning : str
    read : callable
        ``read(model, ids)`` gives an array whose first axis is that of ``ids``; codes where there are labels.
    write : callable or None
        ``write(model, ids, values)`` with as many values as ids; returns the ids that the cells have after it.
    fixed : str
        Why it cannot be written, where it cannot.
    labels : tuple of str
        Words for the codes 0, 1, ...
    """

    name: str
    unit: str
    meaning: str
    read: Callable[[Any, Ids], NDArray[Any]]
    write: Callable[[Any, Ids, NDArray[Any]], Ids] | None = None
    fixed: str = ""
    labels: tuple[str, ...] = ()

    def values(self, model: Any, ids: Ids) -> NDArray[Any]:
        """Values as a user sees them."""
        read = self.read(model, ids)
        return np.array(self.labels)[read] if self.labels else read

    def assign(self, model: Any, ids: Ids, value: Any) -> Ids:
        """Write a value, or one for each id; returns the ids after it.

        Raises
        ------
        AttributeError
            Where the column cannot be written, with the reason.
        ValueError
            Where a value is impossible.
        """
        if self.write is None:
            raise AttributeError(f"{self.name} of a cell agent cannot be written: {self.fixed}")
        given = np.broadcast_to(np.asarray(value), ids.shape)
        if self.labels:
            unknown = sorted({str(v) for v in given.tolist()} - set(self.labels))
            if unknown:
                raise ValueError(f"{self.name}: {unknown[0]!r} is none of {', '.join(self.labels)}")
            given = np.isin(given, self.labels[1])
        return self.write(model, ids, given)


# --- which agents there are ------------------------------------------------------------------------------


def living_ids(state: State, sites: NDArray[np.int64]) -> Ids:
    """Agents that live in the given sites, in their order: ``unique_id`` of each, (n,) int64."""
    if state.sizes.one_cell:
        slot = state.phase[sites] - np.uint8(1)  # an empty site wraps round to 255
        here = np.flatnonzero(slot < SLOTS)
        return sites[here] * SLOTS + slot[here]
    held = np.flatnonzero(state.viable[sites].reshape(-1) > 0)
    return (sites[held >> 2] << 2) | (held & 3)


def counts(state: State, ids: Ids) -> NDArray[np.int32]:
    """Cells of each agent, 0 where it is gone, (n,) int32."""
    if state.sizes.one_cell:
        return (state.phase[ids >> 2] == (ids & 3) + 1).astype(np.int32)
    found: NDArray[np.int32] = state.viable.reshape(-1)[ids]
    return found


def is_alive(state: State, unique_id: int) -> bool:
    """Whether an agent has cells."""
    site, slot = unique_id >> 2, unique_id & 3
    if not 0 <= site < state.sizes.sites:
        return False
    return bool(state.phase[site] == slot + 1 if state.sizes.one_cell else state.viable[site, slot] > 0)


# --- reading ---------------------------------------------------------------------------------------------


def _of_site(name: str, model: Any, ids: Ids) -> NDArray[Any]:
    found: NDArray[Any] = getattr(model.state, name)[ids >> 2]
    return found


def _dead_of_site(name: str, model: Any, ids: Ids) -> NDArray[Any]:
    """Dying cells or debris of the site; where a living cell has a site to itself there are none."""
    if model.state.sizes.one_cell:
        return np.zeros(ids.size, dtype=np.int32 if name == "dying" else np.float32)
    return _of_site(name, model, ids)


def _doomed(model: Any, ids: Ids) -> NDArray[Any]:
    """Doomed cells of the site; where a living cell has a site to itself there are none."""
    if model.state.sizes.one_cell:
        return np.zeros(ids.size, dtype=np.int32)
    found: NDArray[Any] = model.state.doomed[ids >> 2].sum(axis=1, dtype=np.int32)
    return found


def _nodes(model: Any, ids: Ids) -> NDArray[Any]:
    network = model.network
    found = np.empty(ids.size, dtype=object)
    for i, row in enumerate(_exchange(model, ids).tolist()):
        found[i] = network[row]
    return found


def _exchange(model: Any, ids: Ids) -> NDArray[np.int32]:
    rows: NDArray[np.int32] = model.virtual_patient.grown.exchange_of_site[ids >> 2]
    return rows


# --- writing ---------------------------------------------------------------------------------------------


def _whole(name: str, values: NDArray[Any]) -> NDArray[np.int64]:
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "iufb" or not np.all(np.isfinite(numbers) & (numbers == np.floor(numbers))):
        raise ValueError(f"{name} must be a whole number")
    if np.any(numbers < 0):
        raise ValueError(f"{name} cannot be negative")
    return numbers.astype(np.int64)


def _room_for(model: Any, sites: NDArray[np.int64], cells: NDArray[np.int64]) -> None:
    capacity = model.population.capacity
    most = cells.max(initial=0)
    if most > capacity:
        raise ValueError(f"{most} cells do not fit site {sites[cells.argmax()]}, which holds {capacity}")


def _write_count(model: Any, ids: Ids, values: NDArray[Any]) -> Ids:
    state, new, sites = model.state, _whole("count", values), ids >> 2
    if state.sizes.one_cell:
        _room_for(model, sites, new)
        state.phase[sites[new == 0]] = EMPTY
    else:
        flat = state.viable.reshape(-1)
        held, place = np.unique(sites, return_inverse=True)
        after = state.viable[held].sum(axis=1, dtype=np.int64) + state.dying[held]
        after += state.doomed[held].sum(axis=1, dtype=np.int64)
        after += np.ceil(state.debris[held]).astype(np.int64)
        np.add.at(after, place, new - flat[ids])
        _room_for(model, held, after)
        flat[ids] = new
    model.population.recount(sites)
    return ids


def _move(model: Any, ids: Ids, slot: NDArray[np.int64]) -> Ids:
    """Move the cells of each agent to another slot of its site, where they join those that are there."""
    state, new = model.state, (ids & ~3) | slot
    if state.sizes.one_cell:
        state.phase[ids >> 2] = slot + 1
    else:
        flat = state.viable.reshape(-1)
        moved = flat[ids]
        flat[ids] = 0
        np.add.at(flat, new, moved)
    return new


def _write_slot(model: Any, ids: Ids, values: NDArray[Any]) -> Ids:
    slot = _whole("slot", values)
    if np.any(slot >= SLOTS):
        raise ValueError("slot must be 0 to 3: 2 x quiescent + hypoxic")
    return _move(model, ids, slot)


def _write_bit(bit: int, model: Any, ids: Ids, values: NDArray[Any]) -> Ids:
    on = _whole(("hypoxic", "quiescent")[bit], values)
    if np.any(on > 1):
        raise ValueError(f"{('hypoxic', 'quiescent')[bit]} must be True or False")
    return _move(model, ids, (ids & 3 & ~(1 << bit)) | (on << bit))


def _write_dead(name: str, model: Any, ids: Ids, values: NDArray[Any]) -> Ids:
    state, sites = model.state, ids >> 2
    if state.sizes.one_cell:
        raise AttributeError(f"{name} cannot be written: in this run a site holds one cell, living or dead")
    new = _whole(name, values) if name == "dying" else _from_zero(name, values)
    other = state.debris if name == "dying" else state.dying
    used = state.viable[sites].sum(axis=1, dtype=np.int64) + state.doomed[sites].sum(axis=1, dtype=np.int64)
    used = used + np.ceil(other[sites]) + np.ceil(new)
    _room_for(model, sites, used.astype(np.int64))
    getattr(state, name)[sites] = new
    model.population.recount(sites)
    return ids


def _write_float(name: str, most: float, model: Any, ids: Ids, values: NDArray[Any]) -> Ids:
    new = _from_zero(name, values)
    if np.any(new > most):
        raise ValueError(f"{name} cannot be above {most:g}")
    getattr(model.state, name)[ids >> 2] = new
    return ids


def _from_zero(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    new = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(new) & (new >= 0.0)):
        raise ValueError(f"{name} must be a number, 0 or more")
    return new


# --- the table -------------------------------------------------------------------------------------------

_BLOOD = "it follows from the flow in the vessels; close or open vessels instead"
_OXYGEN = "it follows from blood and living cells, and is computed anew in every step"
_VESSELS = "vessels feed the site, not the cell"
_PLACE = "cells do not leave their site; newborn cells find the site that has room"


def _site_columns() -> dict[str, Column]:
    """A column for every array of the state that has a value a site."""
    fixed = dict.fromkeys(("q_arterial", "q_portal", "q_extrahepatic"), _BLOOD)
    fixed |= dict.fromkeys(("po2", "share10", "share2p5", "share0p5"), _OXYGEN)
    fixed["compartment"] = "it is anatomy, and cells take it along when they enter liver"
    fixed["nadir"] = "it is a record of the least that was alive"
    fixed["peak"] = "it is a record of the most that a treatment found"
    fixed["volume"] = "it follows from what has been resorbed"
    fixed["coagulated"] = "heat closes capillaries for good; their blood follows from it"
    fixed["heat_damage"] = "it is a record of what heat has done"
    writers = {
        "dying": partial(_write_dead, "dying"),
        "debris": partial(_write_dead, "debris"),
        "liver_hazard": partial(_write_float, "liver_hazard", np.inf),
        "anoxic_lag": partial(_write_float, "anoxic_lag", 1.0),
    }
    columns = {}
    for spec in ARRAYS:
        if spec.axis == "site" and spec.name != "phase":
            read = _dead_of_site if spec.form == "many" else _of_site
            columns[spec.name] = Column(
                spec.name,
                spec.unit,
                f"{spec.meaning} (of the site)",
                partial(read, spec.name),
                writers.get(spec.name),
                fixed.get(spec.name, ""),
            )
    return columns


def _table() -> dict[str, Column]:
    first = (
        Column("unique_id", "-", "4 x site + slot", lambda m, i: i, None, _PLACE),
        Column("count", "cells", "living cells of this agent", lambda m, i: counts(m.state, i), _write_count),
        Column("site", "-", "its site of the lattice", lambda m, i: i >> 2, None, _PLACE),
        Column("slot", "-", "2 x quiescent + hypoxic", lambda m, i: i & 3, _write_slot),
        Column("phase", "-", "in the cycle or not", lambda m, i: (i >> 1) & 1, partial(_write_bit, 1), "", PHASES),
        Column("side", "-", "on which side of 10 mmHg", lambda m, i: i & 1, partial(_write_bit, 0), "", SIDES),
        Column("quiescent", "-", "out of the cycle", lambda m, i: (i & 2) > 0, partial(_write_bit, 1)),
        Column("hypoxic", "-", "below 10 mmHg", lambda m, i: (i & 1) > 0, partial(_write_bit, 0)),
        Column(
            "pos", "m", "centre of the site", lambda m, i: m.virtual_patient.lattice.centres(i >> 2), None, _PLACE
        ),
        Column("cell", "-", "the exchange node that feeds the site", _nodes, None, _VESSELS),
        Column("exchange", "-", "row of that node", _exchange, None, _VESSELS),
        Column("doomed", "cells", "lethally hit cells of the site that have not died yet", _doomed, None,
               "a lethal hit is booked by the step in which it happened"),
        Column("deaths", "cells", "deaths booked in the site so far, by cause", partial(_of_site, "deaths"), None,
               "every death is booked by the step in which it happened"),
    )  # fmt: skip
    return {column.name: column for column in first} | _site_columns()


COLUMNS = _table()


def column_named(name: str) -> Column:
    """A column by its name; AttributeError with all names where there is none."""
    if name not in COLUMNS:
        raise AttributeError(f"cell agents have no '{name}'.{nearest(name, COLUMNS)} Columns: {', '.join(COLUMNS)}")
    return COLUMNS[name]
