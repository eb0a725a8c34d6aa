"""The response does not depend on the lattice or the step: quick cases of `experiments/physics/lattice`."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.model import TumorModel
from tumorsim.scenario import schema
from tumorsim.treatments import base

SCRIPT = Path(__file__).parents[1] / "experiments" / "physics" / "lattice" / "lattice.py"
SPACINGS, STEPS = (0.5, 1.0, 2.0), (6, 12, 24)


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    """The script as a module, its treatment among those there are."""
    spec = importlib.util.spec_from_file_location("lattice_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["lattice_script"] = module
    spec.loader.exec_module(module)
    module.register()
    yield module
    for cache in (base.registry, schema.item_model, schema.file_model):
        cache.cache_clear()
    del sys.modules["lattice_script"]


def test_the_expected_residue_of_a_log_kill_does_not_depend_on_spacing_or_step(script: Any) -> None:
    shares: dict[str, list[float]] = {name: [] for name in script.LOG_KILLS}
    for spacing in SPACINGS:
        for step in STEPS if spacing > 0.5 else (12,):
            past = TumorModel(case=script.scenario("log-kill 3", spacing, step, growth=False))
            script.to_day(past, script.TREATED)
            for name in script.LOG_KILLS:
                model = past.fork(script.scenario(name, spacing, step, growth=False))
                shares[name].append(script.expected_now(script.to_day(model, 6)))
    for name, kill in script.LOG_KILLS.items():
        assert max(shares[name]) / min(shares[name]) < 1.01
        # want of oxygen takes a little of the hypoxic cells besides
        assert 10.0**-kill * 0.98 < min(shares[name]) and max(shares[name]) <= 10.0**-kill


@pytest.mark.parametrize("treatment", ["log-kill 3", "TACE"])
def test_the_drawn_residue_does_not_depend_on_spacing_or_step(script: Any, treatment: str) -> None:
    of = {}
    for spacing, step in ((1.0, 12), (2.0, 12), (1.0, 6), (1.0, 24)):
        found = []
        for patient in range(2):
            case = script.scenario(treatment, spacing, step)
            model = script.to_day(TumorModel(case=case, patient=patient), script.TREATED)
            n0 = model.viable_in_target
            found.append(math.log10(script.to_day(model, script.AFTER).viable_in_target / n0))
        of[spacing, step] = float(np.mean(found))
    assert of[1.0, 12] < (-2.5 if treatment == "log-kill 3" else -0.3)
    assert abs(of[2.0, 12] - of[1.0, 12]) < 0.2
    for step in (6, 24):
        assert abs(of[1.0, step] - of[1.0, 12]) < math.log10(1.05)


def test_p0_and_mean_of_few_cells_do_not_depend_on_the_spacing(script: Any) -> None:
    """A log-kill of 9 leaves none in most patients: many draws of one patient, by seed."""
    means, none = {}, {}
    for spacing in (1.0, 2.0):
        cells = []
        past = TumorModel(case=script.scenario("log-kill 9", spacing, 12, growth=False))
        script.to_day(past, script.TREATED)
        for seed in range(60):
            model = past.fork()
            model.population.seed = 1_000 + seed
            model.step()
            cells.append(model.viable_in_target)
        n0 = past.viable_in_target
        means[spacing], none[spacing] = float(np.mean(cells)), cells.count(0)
        expected = n0 * 1e-9
        assert abs(means[spacing] - expected) < 4.0 * math.sqrt(expected / len(cells))
        low, high = script.wilson(none[spacing], len(cells))
        assert low < math.exp(-expected) < high
    assert script._least_overlap([script.wilson(k, 60) for k in none.values()]) > 0.0


def test_the_script_resumes_and_judges(script: Any, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    jobs = [("log-kill 3", 2.0, 24, patient) for patient in (0, 1)]
    script.run_all(jobs[:1], 1, path)
    first = script.read_runs(path)
    script.run_all(jobs, 1, path)
    rows = script.read_runs(path)
    assert rows[0] == first[0] and [script.key_of(row) for row in rows] == jobs
    # bands judge: the same at another spacing holds, twice as much over the step does not
    alike = [{**row, "spacing_mm": s, "step_h": 12} for row in rows for s in (1.0, 2.0)]
    other = [{**row, "spacing_mm": 1.0, "step_h": 24, "after": 2 * row["after"]} for row in rows]
    judged = {what: ok for what, _, _, ok in script.bands([*alike, *other])}
    assert judged == {
        "log-kill 3: expected residue over spacing and step": True,
        "log-kill 3: log10 of drawn residue over spacing": True,
        "log-kill 3: log10 of drawn residue over step": False,
    }
    assert "DOES NOT HOLD" in script.tables([*alike, *other])
