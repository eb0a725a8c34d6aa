"""Scripts of experiments that no other test imports still run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "experiments" / "performance"


@pytest.fixture
def cell_rule(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("cell_rule", FOLDER / "cell_rule.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("stencil", None)


@pytest.mark.parametrize("spacing", [1e-3, 17e-6])
def test_the_rule_is_timed_on_a_small_tumour(cell_rule: Any, spacing: float) -> None:
    population, none, hazard = cell_rule.tumour(8 * spacing, 12 * spacing, spacing, 0.3, 0.02)
    assert cell_rule.rule_alone(population, none, hazard, 1) > 0
    assert population.one_cell == (spacing < 1e-4)


def test_seeds_are_timed_on_a_small_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("seeds_timed", FOLDER / "seeds.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.measure(16, 3, 1)
    sys.modules.pop("stencil", None)
    assert found.pop("largest difference of the middles") < 1e-3
    assert all(seconds > 0 for seconds in found.values())
