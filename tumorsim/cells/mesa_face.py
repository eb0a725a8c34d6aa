"""The cells as Mesa sees them: an AgentSet-like face over the arrays, and views of single agents.

>>> from tumorsim.model import TumorModel
>>> model = TumorModel(case="small", vessels__terminals=200)
>>> hypoxic = model.agents.select(model.agents.get("hypoxic"))
>>> share = hypoxic.agg("count", sum) / model.agents.agg("count", sum)
>>> hypoxic[0].cell.upstream.size > 0  # vessels that feed it
True

The rules of the cells are synchronous: `TumorModel.step` reads the old state of all cells and writes the new
one. There is no order in which agents act, none can be changed, and agents are made and removed only by births
and deaths; what asks for something else raises TypeError.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import mesa
import numpy as np
from numpy.typing import NDArray

from tumorsim.cells.agent import BY_RULE, SYNCHRONOUS, CellAgent
from tumorsim.cells.columns import COLUMNS, Ids, column_named, counts, is_alive, living_ids
from tumorsim.cells.exchange_network import exchange_network
from tumorsim.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CellAgent", "CellAgents", "CellGroups", "exchange_network"]


class CellAgents(Sequence[CellAgent]):
    """The cell agents of a model, or some of them, in the order of their ``unique_id``.

    The face of all agents, and that of a node, is always up to date. A selection keeps to the agents that
    were selected; those whose cells have gone drop out.

    Parameters
    ----------
    model : TumorModel
        Read: ``state``, ``population``, ``virtual_patient``, ``network``, ``random``.
    ids : array of int64, optional
        A selection.
    sites : array of int64, optional
        All agents of these sites, ascending.
    """

    def __init__(self, model: Any, ids: Ids | None = None, sites: NDArray[np.int64] | None = None) -> None:
        self.model = model
        self._selected = ids
        self._sites = sites

    @property
    def ids(self) -> Ids:
        """``unique_id`` of every agent, (n,) int64."""
        state = self.model.state
        if self._selected is not None:
            alive = counts(state, self._selected) > 0
            return self._selected if alive.all() else self._selected[alive]
        return living_ids(state, self.model.population.members if self._sites is None else self._sites)

    @property
    def random(self) -> Any:
        """The model's `random.Random`, which nothing here uses."""
        return self.model.random

    # --- as a collection ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.ids.size

    def __iter__(self) -> Iterator[CellAgent]:
        for unique_id in self.ids.tolist():
            if is_alive(self.model.state, unique_id):
                yield CellAgent(self.model, unique_id)

    def __contains__(self, agent: object) -> bool:
        if not isinstance(agent, CellAgent) or agent.model is not self.model or not agent.alive:
            return False
        return bool(np.any(self.ids == agent.unique_id))

    def __getitem__(self, item: Any) -> Any:
        found = self.ids[item]
        if isinstance(item, slice):
            return [CellAgent(self.model, unique_id) for unique_id in found.tolist()]
        return CellAgent(self.model, found)

    def __repr__(self) -> str:
        return f"<{len(self)} cell agents>"

    def by_id(self, unique_id: int) -> CellAgent:
        """The agent with this ``unique_id``; LookupError where it has no cells, or is not among these."""
        agent = CellAgent(self.model, unique_id)
        if agent not in self:
            raise LookupError(f"cell agent {unique_id} is not here")
        return agent

    def to_list(self) -> list[CellAgent]:
        """Views of all."""
        return list(self)

    def count(self, value: Any = None) -> int:
        """How many agents there are; with an agent, how often it is among them. Cells: ``agg("count", sum)``."""
        return len(self) if value is None else int(value in self)

    # --- columns -----------------------------------------------------------------------------------------

    def get(
        self, attr_names: str | Iterable[str], handle_missing: str = "error", default_value: Any = None
    ) -> NDArray[Any]:
        """One column as an array, (n,) or (n, ...); several as a structured array, (n,).

        Raises
        ------
        AttributeError
            Where there is no such column, unless ``handle_missing`` is ``default``.
        """
        if handle_missing not in ("error", "default"):
            raise ValueError(f"handle_missing must be 'error' or 'default', got {handle_missing!r}")
        ids = self.ids

        def read(name: str) -> NDArray[Any]:
            if name not in COLUMNS and handle_missing == "default":
                return np.full(ids.size, default_value)
            return column_named(name).values(self.model, ids)

        if isinstance(attr_names, str):
            return read(attr_names)
        columns = {name: read(name) for name in attr_names}
        rows = np.empty(ids.size, dtype=[(name, c.dtype, c.shape[1:]) for name, c in columns.items()])
        for name, column in columns.items():
            rows[name] = column
        return rows

    def set(self, attr_name: str, value: Any) -> CellAgents:
        """Write a column: one value for all, or an array with one for each. Returns these agents.

        Raises
        ------
        AttributeError
            Where there is no such column or it cannot be written, with the reason.
        ValueError
            Where a value is impossible, or the array has another length.
        """
        after = column_named(attr_name).assign(self.model, self.ids, value)
        if self._selected is not None:
            self._selected = np.unique(after)
        return self

    def agg(self, attribute: str, func: Callable[..., Any] | Iterable[Callable[..., Any]]) -> Any:
        """``func`` of a column, or a list for several functions; ``sum``, ``min`` and ``max`` run at array speed."""
        values = self.get(attribute)
        if callable(func):
            return _aggregate(values, func)
        return [_aggregate(values, one) for one in func]

    def to_frame(self, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """A pandas table with a row for each agent, indexed by ``unique_id``; ``pos`` becomes x, y, z [m].

        Default all columns but ``cell``; ``deaths`` becomes ``deaths_<cause>``.
        """
        import pandas as pd

        ids = self.ids
        parts: dict[str, Any] = {}
        for name in [c for c in COLUMNS if c not in ("unique_id", "cell")] if columns is None else columns:
            column = column_named(name)
            values = column.read(self.model, ids)
            if column.labels:
                parts[name] = pd.Categorical.from_codes(values.astype(np.int8), pd.Index(column.labels))
            elif values.ndim > 1:
                ends = "xyz" if name == "pos" else [f"{name}_{cause}" for cause in self.model.state.causes]
                parts |= dict(zip(ends, values.T, strict=True))
            else:
                parts[name] = values
        return pd.DataFrame(parts, index=pd.Index(ids, name="unique_id"))

    # --- some of them ------------------------------------------------------------------------------------

    def select(
        self,
        filter_func: Callable[[CellAgent], Any] | NDArray[np.bool_] | None = None,
        at_most: float = float("inf"),
        inplace: bool = False,
        agent_type: type | None = None,
    ) -> CellAgents:
        """Those for which ``filter_func`` is true: a function of an agent, or (fast) an array of bool.

        ``agents.select(agents.get("po2") < 10)``. ``at_most`` is a number of agents, or as a float up to 1 a
        share of all, from the first.
        """
        ids = self.ids
        limit = int(ids.size * at_most) if isinstance(at_most, float) and at_most <= 1.0 else at_most
        if agent_type is not None and not issubclass(CellAgent, agent_type):
            ids = ids[:0]
        elif callable(filter_func):
            ids = np.array([i for i in ids.tolist() if filter_func(CellAgent(self.model, i))], dtype=np.int64)
        elif filter_func is not None:
            mask = np.asarray(filter_func)
            if mask.dtype != np.bool_ or mask.shape != ids.shape:
                raise ValueError(f"select: a mask of {ids.size} bool is due, got {mask.dtype} {mask.shape}")
            ids = ids[mask]
        if limit < ids.size:
            ids = ids[: int(limit)]
        if inplace:
            self._selected = ids
            return self
        return CellAgents(self.model, ids)

    def groupby(self, by: str | Callable[[CellAgent], Hashable], result_type: str = "agentset") -> CellGroups:
        """Groups by a column or by a function of an agent; ``result_type`` is ``agentset`` or ``list`` (of views)."""
        if result_type not in ("agentset", "list"):
            raise ValueError(f"result_type must be 'agentset' or 'list', got {result_type!r}")
        import pandas as pd

        ids = self.ids
        labels: tuple[str, ...] = ()
        if callable(by):
            keys = np.empty(ids.size, dtype=object)
            keys[:] = [by(CellAgent(self.model, i)) for i in ids.tolist()]
        else:
            keys, labels = column_named(by).read(self.model, ids), column_named(by).labels
            if keys.ndim > 1:
                raise ValueError(f"groupby: {by} has several numbers an agent")
        codes, found = pd.factorize(keys, sort=keys.dtype != object)
        order = np.argsort(codes, kind="stable")
        parts = np.split(ids[order], np.cumsum(np.bincount(codes, minlength=len(found)))[:-1])
        groups: dict[Any, Any] = {}
        for key, part in zip(found.tolist() if len(found) else (), parts, strict=False):
            agents = CellAgents(self.model, part)
            groups[labels[key] if labels else key] = agents if result_type == "agentset" else list(agents)
        return CellGroups(groups)

    # --- one after the other -----------------------------------------------------------------------------

    def map(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Results of a function of an agent, or of a method by its name, for each agent."""
        if isinstance(method, str):
            return [getattr(agent, method)(*args, **kwargs) for agent in self]
        return [method(agent, *args, **kwargs) for agent in self]

    def do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> CellAgents:
        """As `map`, without results."""
        self.map(method, *args, **kwargs)
        return self

    # --- what synchronous rules do not have --------------------------------------------------------------

    def shuffle_do(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not possible; see the reason."""
        raise TypeError(f"shuffle_do: {SYNCHRONOUS}, so there is no order to shuffle; use model.step() or do()")

    def shuffle(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not possible; see the reason."""
        raise TypeError(f"shuffle: {SYNCHRONOUS}, so there is no order to shuffle")

    def sort(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not possible; see the reason."""
        raise TypeError(f"sort: {SYNCHRONOUS}, so agents have no order but that of their sites; sort to_frame()")

    def add(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not possible; see the reason."""
        raise TypeError(f"add: {BY_RULE}")

    def remove(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not possible; see the reason."""
        raise TypeError(f"remove: {BY_RULE}")

    discard = remove


class CellGroups:
    """Groups of cell agents, as Mesa's GroupBy.

    Attributes
    ----------
    groups : dict
        Key to `CellAgents`, or to a list of views.
    """

    def __init__(self, groups: dict[Any, Any]) -> None:
        self.groups = groups

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self.groups.items())

    def count(self) -> dict[Any, int]:
        """Agents in each group."""
        return {key: len(group) for key, group in self.groups.items()}

    def agg(self, attr_name: str, func: Callable[..., Any]) -> dict[Any, Any]:
        """``func`` of a column in each group."""
        return {
            key: group.agg(attr_name, func)
            if isinstance(group, CellAgents)
            else func([getattr(agent, attr_name) for agent in group])
            for key, group in self.groups.items()
        }

    def map(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> dict[Any, Any]:
        """Result of a function of a group, or of a method by its name, for each group."""
        if isinstance(method, str):
            return {key: getattr(group, method)(*args, **kwargs) for key, group in self.groups.items()}
        return {key: method(group, *args, **kwargs) for key, group in self.groups.items()}

    def do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> CellGroups:
        """As `map`, without results."""
        self.map(method, *args, **kwargs)
        return self


def _aggregate(values: NDArray[Any], func: Callable[..., Any]) -> Any:
    if func is sum and values.dtype.kind in "biuf":
        # the built-in would add single numbers in their own narrow type
        total = values.sum(axis=0, dtype=np.float64 if values.dtype.kind == "f" else np.int64)
        return total.item() if total.ndim == 0 else total
    if func in (min, max) and values.ndim == 1 and values.size and values.dtype.kind in "biuf":
        return (values.min() if func is min else values.max()).item()
    return func(values)


def drop_empty_mesa_scenario(kwargs: dict[str, Any]) -> None:
    """Take out what the page of Mesa 3.5 resets a model with: a Mesa scenario that asks for nothing.

    Raises
    ------
    InputError
        Where it asks for something.
    """
    known = getattr(mesa.experimental, "scenarios", None)
    if known is not None and isinstance(kwargs.get("scenario"), known.Scenario):
        asked = sorted(name for name, value in kwargs.pop("scenario") if value is not None)
        if asked:
            raise InputError(f"scenario: give {', '.join(asked)} as arguments of TumorModel (rng is its seed)")
