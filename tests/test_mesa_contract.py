"""What a Mesa user may rely on, each line of the contract a test.

More on the agents in `cells/test_mesa_face.py`; the proof that it is the same thing in `twin/`.
"""

from __future__ import annotations

import gc
import inspect
import time
import weakref
from typing import Any

import mesa
import numpy as np
import pytest
from mesa.discrete_space import Network

from tumorsim.errors import InputError
from tumorsim.model import TumorModel

SMALL: dict[str, Any] = {
    "case": "untreated",
    "until": "3 d",
    "tissue__size": "18 mm",
    "tissue__tumour__diameter": "8 mm",
    "tissue__tumour__septa": 0,
    "tissue__tumour__satellites": 0,
    "vessels__feeders": 1,
    "vessels__terminals": 60,
}
LATER = ("scenario", "time", "schedule_event", "run_for", "run_until", "data_registry")


@pytest.fixture(scope="module")
def run() -> TumorModel:
    """A run that has reached its end."""
    model = TumorModel(**SMALL)
    model.run_model()
    return model


# --- the constructor -------------------------------------------------------------------------------------


def test_constructor_takes_keywords_only_and_all_have_defaults() -> None:
    parameters = inspect.signature(TumorModel).parameters
    assert {name: p.default for name, p in parameters.items() if name != "kwargs"} == {
        "case": "tace_lobar",
        "patient": 0,
        "seed": None,
        "rule": None,
    }
    assert all(p.kind is p.KEYWORD_ONLY for name, p in parameters.items() if name != "kwargs")
    # the page of Mesa 3.3 accepts further parameters under this name only
    assert parameters["kwargs"].kind is inspect.Parameter.VAR_KEYWORD
    with pytest.raises(TypeError):
        TumorModel("untreated")  # type: ignore[misc]


def test_kwargs_are_scenario_paths() -> None:
    model = TumorModel(**SMALL, tissue__tumour__doubling_time="60 d", seed=3, patient=2)
    assert model.case.tissue.tumour.doubling_time == 60 * 86_400
    assert model.case.tissue.tumour.diameter == pytest.approx(8e-3)
    assert (model.virtual_patient.seed, model.virtual_patient.number) == (3, 2)


def test_wrong_paths_are_refused_all_at_once() -> None:
    with pytest.raises(InputError) as refused:
        TumorModel(case="untreated", tissue__tumour__diametre="42 mm", until=3)
    assert len(refused.value.problems) == 2
    assert any("Did you mean 'diameter'" in line for line in refused.value.problems)


def test_it_is_a_mesa_model_with_no_other_meaning_for_later_names(run: TumorModel) -> None:
    assert isinstance(run, mesa.Model)
    plain = mesa.Model(rng=1)
    own = {name for c in TumorModel.__mro__ if c not in mesa.Model.__mro__ for name in vars(c)}
    for name in LATER:
        assert name not in own
        assert (name in vars(run)) == (name in vars(plain)), f"{name} is set by tumorsim, or Mesa's was taken away"
        assert hasattr(run, name) == hasattr(plain, name)


def test_a_mesa_scenario_is_taken_where_it_asks_for_nothing() -> None:
    scenarios = pytest.importorskip("mesa.experimental.scenarios")  # Mesa 3.5 and later
    model = TumorModel(**SMALL, scenario=scenarios.Scenario())
    assert isinstance(model.scenario, scenarios.Scenario)
    with pytest.raises(InputError, match="beads, rng"):
        TumorModel(**SMALL, scenario=scenarios.Scenario(rng=3, beads="100 um"))


def test_a_case_is_not_given_as_scenario() -> None:
    with pytest.raises(InputError, match="scenario: unknown key"):
        TumorModel(**SMALL, scenario="tace_lobar")


# --- running ---------------------------------------------------------------------------------------------


def test_running_turns_false_at_until_and_steps_count() -> None:
    model = TumorModel(**SMALL)
    seen = []
    while model.running:
        model.step()
        seen.append((model.steps, model.now))
    assert seen == [(i + 1, (i + 1) * 43_200) for i in range(6)]
    before = model.state.hash()
    model.step()  # as a page does that does not look at running
    assert model.state.hash() == before
    assert model.steps == 6
    assert len(model.datacollector.model_vars["time_d"]) == 6


def test_step_takes_no_arguments() -> None:
    assert not [n for n in inspect.signature(TumorModel.step).parameters if n != "self"]


def test_data_collector_collects_at_the_end_of_each_step_only() -> None:
    model = TumorModel(**SMALL)
    assert not model.datacollector.model_vars["time_d"]
    model.step()
    assert model.datacollector.model_vars["time_d"] == [0.5]
    assert model.datacollector.model_vars["viable_cells"] == [model.viable_in_target]
    model.step()
    table = model.datacollector.get_model_vars_dataframe()
    assert list(table["time_d"]) == [0.5, 1.0]
    assert table["viable_cells"].iloc[-1] == model.viable_in_target
    assert list(table.columns) == ["time_d", "viable_cells", "dying_cells"]


def test_data_collector_reads_agents() -> None:
    model = TumorModel(**SMALL)
    collector = mesa.DataCollector(
        model_reporters={"hypoxic": lambda m: m.agents.select(m.agents.get("hypoxic")).agg("count", sum)},
        agent_reporters={"cells": "count", "po2": "po2", "depth": lambda a: float(np.linalg.norm(a.pos))},
    )
    model.step()
    collector.collect(model)
    table = collector.get_agent_vars_dataframe()
    assert list(table.columns) == ["cells", "po2", "depth"]
    assert len(table) == len(model.agents)
    assert table["cells"].sum() == model.agents.agg("count", sum)
    assert list(table.index.get_level_values("AgentID")) == model.agents.get("unique_id").tolist()
    held = collector.model_vars["hypoxic"][0]
    assert held == model.state.viable[:, [1, 3]].sum()


def test_batch_run() -> None:
    rows = mesa.batch_run(
        TumorModel,
        {**SMALL, "until": "2 d", "patient": [0, 1], "tissue__tumour__diameter": ["7 mm", "8 mm"]},
        number_processes=1,
        data_collection_period=1,
        max_steps=50,
        display_progress=False,
    )
    assert len(rows) == 4 * 4  # runs x steps: the runs end by themselves
    assert {row["RunId"] for row in rows} == {0, 1, 2, 3}
    assert {(row["patient"], row["tissue__tumour__diameter"]) for row in rows} == {
        (p, d) for p in (0, 1) for d in ("7 mm", "8 mm")
    }
    last = {row["RunId"]: row for row in rows}
    assert all(row["time_d"] == 2.0 for row in last.values())
    single = TumorModel(**{**SMALL, "until": "2 d", "patient": 1})
    single.run_model()
    same = next(r for r in last.values() if r["patient"] == 1 and r["tissue__tumour__diameter"] == "8 mm")
    assert same["viable_cells"] == single.viable_in_target


def test_random_and_rng_exist_and_a_run_does_not_touch_them() -> None:
    model = TumorModel(**SMALL)
    plain = mesa.Model(rng=model.virtual_patient.seed)
    for _ in range(4):
        model.step()
    model.agents.to_frame()
    assert model.network is model.network
    model.agents[0].cell.neighborhood  # noqa: B018
    model.fork().step()
    assert model.random.getstate() == plain.random.getstate()
    assert model.rng.bit_generator.state == plain.rng.bit_generator.state
    assert model.random.random() == plain.random.random()
    # and drawing from them does not touch the run
    twin = TumorModel(**SMALL)
    for _ in range(4):
        twin.step()
    assert twin.state.hash() == model.state.hash()


# --- agents and network ----------------------------------------------------------------------------------


def test_agents_are_a_face_over_the_arrays(run: TumorModel) -> None:
    agents = run.agents
    assert len(agents) == np.count_nonzero(run.state.viable)
    assert agents.agg("count", sum) == run.state.viable.sum()
    agent = agents[0]
    assert isinstance(agent, mesa.Agent)
    assert agent in agents
    assert agent.model is run
    assert agent.cell is run.network[agent.exchange]
    for name in ("shuffle_do", "sort", "add", "remove"):
        with pytest.raises(TypeError, match=r"synchronous|births and deaths"):
            getattr(agents, name)(agent)
    with pytest.raises(AttributeError):
        run.agents = []  # type: ignore[misc]


def test_network_is_mesas(run: TumorModel) -> None:
    assert isinstance(run.network, Network)
    assert run.network is run.network
    assert len(run.network.all_cells) == len(run.virtual_patient.graph.exchange)
    node = run.agents[0].cell
    assert run.agents[0] in node.agents
    assert len(node.upstream) >= 1
    assert len(node.downstream) >= 1
    assert sum(len(n.agents) for n in run.network.all_cells) == len(run.agents)


def test_nothing_is_registered_and_nothing_leaks() -> None:
    model = TumorModel(**SMALL)
    model.agents.do(lambda agent: agent.po2)
    assert model.agent_types == []
    before = model.state.hash()
    model.remove_all_agents()  # removes what is registered: nothing
    assert model.state.hash() == before
    model.step()
    assert model.network
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


# --- the page --------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*use_state:UserWarning")
def test_solara_viz_plays_three_steps_and_resets() -> None:
    solara = pytest.importorskip("solara")
    ipyvuetify = pytest.importorskip("ipyvuetify")
    from mesa.visualization import Slider, SolaraViz, make_plot_component

    held: list[TumorModel] = []

    class Watched(TumorModel):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            held.append(self)

    @solara.component
    def Page() -> None:
        model = solara.use_memo(lambda: Watched(**SMALL), dependencies=[])
        params = {**SMALL, "patient": Slider("patient", 0, 0, 3, 1)}
        SolaraViz(model, components=[make_plot_component("viable_cells")], model_params=params, play_interval=1)

    def button(label: str) -> Any:
        return found.find(ipyvuetify.Btn, children=[label]).widget

    _, found = solara.render(solara.AppLayout(children=[Page()]), handle_error=False)  # controls live in its sidebar
    try:
        for _ in range(3):
            button("Step").click()
        assert held[0].steps == 3
        button("▶").click()
        wait_for(lambda: not held[0].running)
        assert held[0].steps == 6
        button("Reset").click()
        assert len(held) == 2
        assert held[1].steps == 0
        button("Step").click()
        assert (held[0].steps, held[1].steps) == (6, 1)
        assert held[1].viable_in_target == int(held[0].datacollector.model_vars["viable_cells"][0])
    finally:
        found.close()


def wait_for(what: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "the page did not play to the end"
        time.sleep(0.02)
