"""A plain Mesa model of the same tumour equals TumorModel, agent for agent."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.cells.rule import cell_rule
from tumorsim.model import TumorModel

FILE = Path(__file__).parents[2] / "experiments" / "performance" / "plain_mesa.py"
STEPS = 20
SMALL = {
    "case": "untreated",
    "until": "10 d",
    "tissue__size": "18 mm",
    "tissue__density": "1e3 1/mL",
    "tissue__tumour__diameter": "8 mm",
    "tissue__tumour__doubling_time": "14 d",
    "tissue__tumour__capsule": "partial",
    "tissue__tumour__septa": 1,
    "tissue__tumour__satellites": 1,
    "vessels__feeders": 2,
    "vessels__terminals": 60,
}
EMBOLISED = {"treatments": [{"at": "2 d", "tae": {"catheter": "right", "beads": "40 um"}}]}
CROWDED = {"tissue__tumour__capsule": "intact", "tissue__tumour__doubling_time": "6 d", "seed": 11}


def own_rule(
    quiescent: int,
    hypoxic: int,
    share_hypoxic: float,
    dt: float,
    p_birth: float,
    tau_mix: float,
    tau_phase: float,
    growth_fraction: float,
) -> Any:
    """Every cell in the cycle divides, hypoxic ones more slowly; the more hypoxia around, the more go to rest."""
    settling = 1.0 - math.exp(-dt / tau_phase)
    p_divide = 0.0 if quiescent == 1 else 0.08 * (1.0 - 0.7 * hypoxic)
    p_phase = 0.5 * settling if quiescent == 1 else settling * math.sqrt(share_hypoxic)
    mixing = 1.0 - math.exp(-dt / tau_mix)
    p_side = mixing * (1.0 - share_hypoxic) if hypoxic == 1 else mixing * share_hypoxic
    return p_divide, p_phase, p_side


@pytest.fixture(scope="module")
def plain() -> Any:
    spec = importlib.util.spec_from_file_location("plain_mesa", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_equal(twin: Any, model: TumorModel) -> None:
    """The same cells, in the same phases, at the same nodes, dead of the same causes, in the same tissue."""
    state, at = model.state, f"after step {model.clock.index}"
    phase = np.zeros_like(state.phase)
    for cell in twin.agents:
        phase[cell.site] = cell.phase
    assert np.array_equal(phase, state.phase), at
    living = {4 * cell.site + cell.phase - 1: cell for cell in twin.agents if cell.phase <= 4}
    assert set(living) == {view.unique_id for view in model.agents}, at
    for view in model.agents:
        assert living[view.unique_id].cell.coordinate == view.cell.coordinate
    deaths = np.zeros_like(state.deaths)
    for (site, cause), number in twin.deaths.items():
        deaths[site, cause] = number
    assert np.array_equal(deaths, state.deaths), at
    for name in ("compartment", "po2", "share10", "share0p5", "anoxic_lag", "liver_hazard", "edge_flow"):
        assert np.array_equal(getattr(twin.tissue, name), getattr(state, name)), (name, at)


@pytest.mark.parametrize(
    ("values", "rule"),
    [({}, None), (EMBOLISED, None), (CROWDED, None), (EMBOLISED, own_rule)],
    ids=["growing", "embolised", "in a capsule", "a user's own rule"],
)
def test_plain_mesa_model_equals_tumor_model(
    plain: Any, values: dict[str, Any], rule: Callable[..., Any] | None
) -> None:
    model = TumorModel(**{**SMALL, **values}, rule=rule)
    twin = plain.PlainTumor(model, cell_rule if rule is None else rule)
    start = len(model.agents)
    assert 250 <= start <= 450
    births = deaths = entered = 0
    for _ in range(STEPS):
        members = model.population.members.size
        model.step()
        twin.step()
        assert_equal(twin, model)
        totals = model.records.totals[-1]
        births, deaths = births + totals.births, deaths + sum(totals.deaths)
        entered += model.population.members.size - members
    # the equality says something only of what has happened
    assert births > 50
    assert entered > 10 or values is CROWDED
    assert deaths > 100 or "treatments" not in values


def test_the_twin_leaves_the_model_alone(plain: Any) -> None:
    model = TumorModel(**SMALL)
    before = model.state.hash()
    plain.PlainTumor(model).step()
    assert model.state.hash() == before


def test_a_wrong_rule_is_noticed(plain: Any) -> None:
    model = TumorModel(**SMALL)
    twin = plain.PlainTumor(model, own_rule)
    for _ in range(5):
        model.step()
        twin.step()
    with pytest.raises(AssertionError, match="after step 5"):
        assert_equal(twin, model)


def test_a_rule_computes_with_the_same_digits_compiled(plain: Any) -> None:
    """Oxygen is kept in 32 bits; a rule must not compute in 32 bits where plain Python computes in 64."""
    model = TumorModel(**SMALL)
    model.step()  # oxygen as the rule of the first step saw it
    seen = {float(x) for x in model.agents.get("share10")}
    share = next(x for x in sorted(seen) if x * x != float(np.float32(x) * np.float32(x)))
    in_64, in_32 = share * share, float(np.float32(share) * np.float32(share))
    between = 0.5 * (in_64 + in_32)

    def edge(q: int, h: int, share_hypoxic: float, dt: float, p: float, mix: float, phase: float, g: float) -> Any:
        return 0.0, 1.0 if share_hypoxic * share_hypoxic > between else 0.0, 0.0

    model = TumorModel(**SMALL, rule=edge)
    twin = plain.PlainTumor(model, edge)
    model.step()
    twin.step()
    assert_equal(twin, model)
