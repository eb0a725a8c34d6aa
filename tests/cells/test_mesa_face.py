"""The face of the cell agents, in both storages."""

from __future__ import annotations

import copy
from typing import Any

import mesa
import numpy as np
import pytest

from tumorsim.cells.columns import COLUMNS
from tumorsim.cells.mesa_face import CellAgent, CellAgents
from tumorsim.model import TumorModel
from tumorsim.state import DYING

SMALL: dict[str, Any] = {
    "case": "untreated",
    "until": "5 d",
    "tissue__size": "18 mm",
    "tissue__tumour__diameter": "8 mm",
    "tissue__tumour__septa": 1,
    "tissue__tumour__satellites": 1,
    "vessels__feeders": 2,
    "vessels__terminals": 60,
}
DENSITY = {"many": {}, "one": {"tissue__density": "1e3 1/mL"}}


@pytest.fixture(scope="module", params=DENSITY)
def grown(request: pytest.FixtureRequest) -> TumorModel:
    """A model a few steps on, for reading."""
    model = TumorModel(**SMALL, **DENSITY[request.param])
    for _ in range(3):
        model.step()
    return model


@pytest.fixture
def model(grown: TumorModel) -> TumorModel:
    """A copy to write to."""
    return grown.fork()


def cells_by_id(model: TumorModel) -> dict[int, int]:
    """What the arrays hold, found without the face."""
    state = model.state
    if state.sizes.one_cell:
        return {4 * s + int(p) - 1: 1 for s, p in enumerate(state.phase) if 0 < p < DYING}
    return {4 * int(s) + int(k): int(state.viable[s, k]) for s, k in np.argwhere(state.viable > 0)}


# --- as a collection -------------------------------------------------------------------------------------


def test_len_iter_index_and_membership(grown: TumorModel) -> None:
    agents, held = grown.agents, cells_by_id(grown)
    assert len(agents) == len(held) > 200
    assert [a.unique_id for a in agents] == sorted(held)
    assert {a.unique_id: a.count for a in agents} == held
    first, last = agents[0], agents[-1]
    assert first in agents
    assert agents[len(agents) - 1] == last
    assert [a.unique_id for a in agents[2:5]] == sorted(held)[2:5]
    assert "a cell" not in agents
    assert first not in agents.select(lambda a: a.unique_id == last.unique_id)
    assert first not in grown.fork().agents
    assert agents.to_list()[:3] == agents[:3]
    assert next(reversed(agents)) == last
    assert agents.index(agents[7]) == 7
    with pytest.raises(IndexError):
        agents[len(agents)]


def test_agents_are_found_by_their_number(grown: TumorModel) -> None:
    agent = grown.agents[5]
    again = grown.agents.by_id(agent.unique_id)
    assert agent is not again
    assert agent == again
    assert hash(agent) == hash(again)
    assert len({agent, again}) == 1
    empty = next(i for i in range(4 * grown.virtual_patient.lattice.n_sites) if i not in cells_by_id(grown))
    for number in (empty, -1, 10**12):
        with pytest.raises(LookupError):
            grown.agents.by_id(number)


def test_the_face_follows_the_run_and_a_selection_loses_those_that_have_gone(model: TumorModel) -> None:
    agents = model.agents
    some = agents.select(at_most=10)
    assert len(some) == 10
    gone = some[0]
    gone.count = 0
    assert len(some) == 9
    assert len(agents) == len(cells_by_id(model))
    model.step()
    assert len(agents) == len(cells_by_id(model))
    assert set(some.ids) <= set(agents.ids)


def test_removing_while_iterating(model: TumorModel) -> None:
    pairs = []

    def kill_next(agent: CellAgent) -> None:
        pairs.append(agent.unique_id)
        later = model.agents.ids
        after = later[later > agent.unique_id]
        if after.size:
            model.agents.by_id(int(after[0])).count = 0

    before = len(model.agents)
    model.agents.do(kill_next)
    assert len(pairs) == len(model.agents) == (before + 1) // 2


# --- reading ---------------------------------------------------------------------------------------------


def test_a_view_reads_every_column(grown: TumorModel) -> None:
    state, patient = grown.state, grown.virtual_patient
    for agent in grown.agents[::97]:
        site, slot = agent.unique_id // 4, agent.unique_id % 4
        assert (agent.site, agent.slot, agent.model) == (site, slot, grown)
        assert (agent.quiescent, agent.hypoxic) == (slot >= 2, slot % 2 == 1)
        assert agent.phase == ("quiescent" if slot >= 2 else "proliferating")
        assert agent.side == ("hypoxic" if slot % 2 else "oxic")
        assert agent.pos == tuple(patient.lattice.centres(site))
        assert patient.lattice.locate(agent.pos) == site  # metres
        for name in ("po2", "share10", "q_arterial", "q_portal", "compartment", "anoxic_lag"):
            assert getattr(agent, name) == getattr(state, name)[site]
        assert agent.deaths == tuple(state.deaths[site])
        assert agent.exchange == patient.grown.exchange_of_site[site] == agent.cell.coordinate
        assert type(agent.po2) is float
        assert type(agent.count) is int
        assert type(agent.hypoxic) is bool
        assert set(COLUMNS) <= set(dir(agent))
        assert str(agent.count) in repr(agent)


def test_get_equals_the_views(grown: TumorModel) -> None:
    agents = grown.agents
    for name in COLUMNS:
        column = agents.get(name)
        assert len(column) == len(agents)
        for i in (0, 11, -1):
            value = getattr(agents[i], name)
            assert np.array_equal(column[i], value) if name in ("pos", "deaths") else column[i] == value, name


def test_get_several_and_missing(grown: TumorModel) -> None:
    agents = grown.agents
    rows = agents.get(["po2", "phase", "pos"])
    po2, phase, pos = rows[3]
    assert (po2, phase, tuple(pos)) == (agents[3].po2, agents[3].phase, agents[3].pos)
    with pytest.raises(AttributeError, match="Did you mean 'po2'"):
        agents.get("pO2")
    assert set(agents.get("wealth", handle_missing="default", default_value=7)) == {7}
    with pytest.raises(ValueError, match="handle_missing"):
        agents.get("po2", handle_missing="ignore")


def test_agg(grown: TumorModel) -> None:
    agents, held = grown.agents, cells_by_id(grown)
    assert agents.agg("count", sum) == sum(held.values())
    assert agents.agg("count", [min, max, len]) == [min(held.values()), max(held.values()), len(held)]
    assert agents.agg("po2", np.mean) == pytest.approx(np.mean([a.po2 for a in agents]), rel=1e-5)
    assert agents.agg("po2", sum) == pytest.approx(sum(a.po2 for a in agents), rel=1e-12)  # not in 32 bits
    assert agents.agg("phase", lambda names: sorted(set(names))) == ["proliferating", "quiescent"]


def test_sums_of_many_cells_do_not_overflow() -> None:
    model = TumorModel(**SMALL)
    assert model.agents.agg("count", sum) == model.state.viable.sum(dtype=np.int64)
    assert np.array_equal(model.agents.agg("deaths", sum), np.zeros(4))


def test_select(grown: TumorModel) -> None:
    agents = grown.agents
    slow = agents.select(lambda a: a.hypoxic and a.quiescent)
    fast = agents.select(agents.get("hypoxic") & agents.get("quiescent"))
    assert np.array_equal(slow.ids, fast.ids)
    assert 0 < len(fast) < len(agents)
    assert len(agents.select(at_most=7)) == 7
    assert len(agents.select(at_most=0.5)) == len(agents) // 2
    assert len(agents.select(lambda a: a.slot == 2, at_most=3)) == 3
    assert len(agents.select(agent_type=mesa.Agent)) == len(agents)
    assert len(agents.select(agent_type=mesa.discrete_space.FixedAgent)) == 0
    mine = grown.agents
    assert mine.select(agents.get("hypoxic"), inplace=True) is mine
    assert len(mine) == agents.agg("hypoxic", sum)
    with pytest.raises(ValueError, match="mask"):
        agents.select(np.array([True]))
    with pytest.raises(ValueError, match="mask"):
        agents.select(np.arange(len(agents)))  # numbers are no mask


def test_groupby_and_count(grown: TumorModel) -> None:
    agents = grown.agents
    by_phase = agents.groupby("phase")
    assert set(by_phase.groups) == {"proliferating", "quiescent"}
    assert sum(by_phase.count().values()) == len(agents) == agents.count()
    assert by_phase.agg("count", sum) == {
        name: sum(a.count for a in agents if a.phase == name) for name in ("proliferating", "quiescent")
    }
    assert agents.count(agents[0]) == 1
    assert agents.count("no agent") == 0
    by_node = agents.groupby("cell")
    assert {node: len(group) for node, group in by_node} == {n: len(n.agents) for n in by_node.groups}
    half = agents.groupby(lambda a: a.site % 2, result_type="list")
    assert set(half.groups) == {0, 1}
    assert all(isinstance(a, CellAgent) for a in half.groups[0])
    assert half.agg("count", sum)[1] == sum(a.count for a in agents if a.site % 2)
    assert by_phase.map("agg", "po2", max) == by_phase.map(lambda g: g.agg("po2", max))
    assert len(by_phase.do(lambda g: None)) == 2
    assert agents.select(at_most=0).groupby("phase").count() == {}
    with pytest.raises(ValueError, match="several"):
        agents.groupby("pos")
    with pytest.raises(ValueError, match="result_type"):
        agents.groupby("phase", result_type="tuple")


def test_map_and_do(grown: TumorModel) -> None:
    agents = grown.agents
    assert agents.map(lambda a, f: f * a.slot, 2) == [2 * s for s in agents.get("slot").tolist()]
    assert agents.map("__repr__")[0] == repr(agents[0])
    seen: list[int] = []
    assert agents.do(lambda a: seen.append(a.unique_id)) is agents
    assert seen == agents.ids.tolist()


def test_to_frame(grown: TumorModel) -> None:
    agents = grown.agents
    table = agents.to_frame()
    assert table.index.name == "unique_id"
    assert list(table.index) == agents.ids.tolist()
    assert np.array_equal(table[["x", "y", "z"]].to_numpy(), agents.get("pos"))
    assert list(table["phase"].astype(str)) == agents.get("phase").tolist()
    assert {"count", "po2", "share10", "deaths_ischaemia", "compartment"} <= set(table.columns)
    assert list(agents.to_frame(["po2", "slot"]).columns) == ["po2", "slot"]
    assert len(agents.select(at_most=0).to_frame()) == 0


# --- writing ---------------------------------------------------------------------------------------------


def test_writing_the_count(model: TumorModel) -> None:
    agent = model.agents[20]
    site, slot, before = agent.site, agent.slot, agent.count
    agent.count = before // 2
    assert cells_by_id(model).get(agent.unique_id, 0) == before // 2
    if not model.state.sizes.one_cell:
        assert model.state.viable[site, slot] == before // 2
    model.step()
    assert model.records.viable[-1] == sum(cells_by_id(model).values())


def test_a_site_is_filled_to_its_capacity_and_no_more() -> None:
    model = TumorModel(**SMALL)
    agent, state = model.agents[0], model.state
    others = state.viable[agent.site].sum() - agent.count + state.dying[agent.site]
    most = model.population.capacity - int(others) - int(np.ceil(state.debris[agent.site]))
    agent.count = most
    assert agent.count == most
    with pytest.raises(ValueError, match="do not fit"):
        agent.count = most + 1
    model.step()


def test_a_stale_view_raises_and_stays_printable(model: TumorModel) -> None:
    agent = model.agents[20]
    number = agent.unique_id
    agent.count = 0
    for use in (lambda: agent.po2, lambda: agent.pos, lambda: agent.cell, lambda: setattr(agent, "count", 1)):
        with pytest.raises(LookupError, match=str(number)):
            use()
    assert agent not in model.agents
    assert not agent.alive
    assert (agent.unique_id, agent.model) == (number, model)
    assert "gone" in repr(agent)


@pytest.mark.parametrize(
    ("name", "value", "after"),
    [
        ("phase", "quiescent", lambda slot: slot | 2),
        ("phase", "proliferating", lambda slot: slot & 1),
        ("side", "hypoxic", lambda slot: slot | 1),
        ("quiescent", True, lambda slot: slot | 2),
        ("hypoxic", False, lambda slot: slot & 2),
        ("slot", 3, lambda slot: 3),
    ],
)
def test_writing_the_slot_moves_the_cells(model: TumorModel, name: str, value: Any, after: Any) -> None:
    total = sum(cells_by_id(model).values())
    for agent in (model.agents[0], model.agents[1], model.agents[-1]):
        site, slot = agent.site, agent.slot
        there = cells_by_id(model).get(4 * site + after(slot), 0) if after(slot) != slot else 0
        due = agent.count + there
        setattr(agent, name, value)
        assert getattr(agent, name) == value
        assert (agent.site, agent.slot, agent.count) == (site, after(slot), due)
    assert sum(cells_by_id(model).values()) == total


def test_set_writes_a_column_of_many(model: TumorModel) -> None:
    total = sum(cells_by_id(model).values())
    hypoxic = model.agents.select(model.agents.get("hypoxic"))
    sites = set((hypoxic.ids // 4).tolist())
    assert hypoxic.set("side", "oxic") is hypoxic
    assert not model.agents.get("hypoxic").any()
    assert set((hypoxic.ids // 4).tolist()) == sites  # the selection went with its cells
    assert sum(cells_by_id(model).values()) == total
    half = (model.agents.get("count") // 2).astype(int)
    model.agents.set("count", half)
    assert sum(cells_by_id(model).values()) == half.sum()
    with pytest.raises(ValueError):
        model.agents.set("count", np.zeros(3, dtype=int))


def test_many_agents_of_a_site_are_written_together() -> None:
    model = TumorModel(**SMALL)
    total, one_site = model.agents.agg("count", sum), model.agents.select(lambda a: a.site == model.agents[0].site)
    assert len(one_site) > 1
    held = one_site.agg("count", sum)
    one_site.set("slot", 2)
    assert len(one_site) == 1
    assert one_site[0].count == held
    assert model.agents.agg("count", sum) == total


def test_what_is_written_is_what_the_run_goes_on_from(model: TumorModel) -> None:
    """Room for births is found again: the edited run equals one that was loaded from the edited state."""
    agents = model.agents.select(model.agents.get("site") % 3 == 0)
    agents.set("count", 0)
    loaded = model.fork()
    for _ in range(4):
        model.step()
        loaded.step()
    assert model.state.hash() == loaded.state.hash()
    assert len(model.agents) > 0


def test_impossible_values_are_refused_and_change_nothing(model: TumorModel) -> None:
    agent, before = model.agents[3], model.state.hash()
    for name, value in (
        ("count", -1),
        ("count", 0.5),
        ("count", model.population.capacity + 1),
        ("count", float("nan")),
        ("count", "many"),
        ("slot", 4),
        ("slot", -1),
        ("phase", "resting"),
        ("hypoxic", 2),
        ("anoxic_lag", 1.5),
        ("liver_hazard", -0.1),
    ):
        with pytest.raises(ValueError):
            setattr(agent, name, value)
        assert model.state.hash() == before, name


def test_what_cannot_be_written_says_why(model: TumorModel) -> None:
    agent, before = model.agents[3], model.state.hash()
    for name, reason in (
        ("po2", "blood and living cells"),
        ("q_arterial", "flow in the vessels"),
        ("pos", "do not leave their site"),
        ("site", "do not leave their site"),
        ("unique_id", "do not leave their site"),
        ("cell", "vessels feed the site"),
        ("compartment", "anatomy"),
        ("deaths", "booked"),
        ("model", "view"),
        ("wealth", "Columns:"),
    ):
        with pytest.raises(AttributeError, match=reason):
            setattr(agent, name, 1)
        if name != "model":
            with pytest.raises(AttributeError, match=reason):
                model.agents.set(name, 1)
    assert model.state.hash() == before
    fixed = [name for name, column in COLUMNS.items() if column.write is None]
    assert all(COLUMNS[name].fixed for name in fixed)


def test_dead_cells_of_the_site(model: TumorModel) -> None:
    agent = model.agents[9]
    if model.state.sizes.one_cell:
        assert (agent.dying, agent.debris) == (0, 0.0)
        with pytest.raises(AttributeError, match="one cell"):
            agent.dying = 1
        return
    agent.debris = 0.0
    agent.dying = 5
    assert (model.state.dying[agent.site], model.state.debris[agent.site]) == (5, 0.0)
    with pytest.raises(ValueError, match="do not fit"):
        agent.dying = model.population.capacity
    agent.anoxic_lag = 0.25
    assert model.state.anoxic_lag[agent.site] == 0.25


# --- what synchronous rules do not have ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shuffle_do", "shuffle", "sort", "add", "remove", "discard"])
def test_refused_with_the_reason(grown: TumorModel, name: str) -> None:
    with pytest.raises(TypeError, match=r"synchronous|births and deaths"):
        getattr(grown.agents, name)("count")


def test_a_view_has_no_steps_of_its_own(grown: TumorModel) -> None:
    for name in ("step", "advance", "remove"):
        with pytest.raises(TypeError, match=r"synchronous|births and deaths"):
            getattr(grown.agents[0], name)()
    with pytest.raises(TypeError, match="synchronous"):
        grown.agents.do("step")


def test_views_are_not_registered_and_can_be_copied(grown: TumorModel) -> None:
    agent = grown.agents[0]
    again = copy.copy(agent)
    assert again == agent
    assert again.po2 == agent.po2
    assert grown.agent_types == []
    assert isinstance(agent, mesa.Agent)
    assert agent.random is grown.random
    assert grown.agents.random is grown.random


def test_empty_selection(grown: TumorModel) -> None:
    none = grown.agents.select(lambda a: False)
    assert isinstance(none, CellAgents)
    assert (len(none), list(none), none.agg("count", sum)) == (0, [], 0)
    assert none.get("pos").shape == (0, 3)
    assert "0 cell agents" in repr(none)
