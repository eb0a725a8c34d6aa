from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.hazards.imposed import Imposed
from tumorsim.hazards.traits import Traits
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.state import CAUSES, Sizes, State

SITES = np.arange(8)


def parts() -> tuple[Imposed, State, Traits]:
    state = State(Sizes(sites=8))
    state.viable[:, 0] = 100
    kinds = [
        SimpleNamespace(causes=("ray",), mitotic=(), traits={"ray": "radiosensitivity"}),
        SimpleNamespace(causes=("acid", "idle"), mitotic=(), traits={}),
    ]
    return Imposed(8, kinds), state, Traits.of_patient(load_parameters(), Lattice((2, 2, 2), 1e-3), 1, 0)


def test_hazards_of_a_step_add_up_by_cause_and_are_handed_over_once() -> None:
    imposed, state, traits = parts()
    for much in (0.5, 0.25):
        imposed.add("acid", np.full((8, 4), much))
    imposed.add("ray", np.ones((8, 4)))
    hazard, columns, _ = imposed.take(state, traits, SITES)
    assert hazard is not None and columns == [len(CAUSES), len(CAUSES) + 1] and state.causes[-2:] == ("acid", "ray")
    assert np.all(hazard[0] == 0.75) and not np.any(hazard[1] == 1.0)
    assert imposed.take(state, traits, SITES) == (None, None, None)


def test_a_hazard_of_zero_leaves_the_state_as_it_was() -> None:
    imposed, state, traits = parts()
    before = state.hash()
    imposed.add("ray", np.zeros((8, 4)))
    assert imposed.take(state, traits, SITES) == (None, None, None)
    assert state.hash() == before and state.causes == CAUSES and state.sizes.traits == 0


def test_a_hazard_that_cannot_be_is_refused() -> None:
    imposed, _, _ = parts()
    with pytest.raises(InputError, match="'sun' is not a cause"):
        imposed.add("sun", np.ones((8, 4)))
    for bad in (np.ones((8, 3)), np.full((8, 4), -1.0), np.full((8, 4), np.inf), np.full((8, 4), np.nan)):
        with pytest.raises(ValueError, match="hazard of 'ray'"):
            imposed.add("ray", bad)


def test_wrong_traits_of_a_treatment_are_refused_before_the_run() -> None:
    def kind(causes: tuple[str, ...], traits: dict[str, str]) -> Any:
        return SimpleNamespace(causes=causes, mitotic=(), traits=traits)

    for wrong, said in (
        ([kind(("ray",), {"ray": "luck"})], "no trait 'luck'"),
        ([kind(("ray",), {"rya": "radiosensitivity"})], "none of its causes"),
        ([kind(("ray",), {"ray": "radiosensitivity"}), kind(("ray",), {})], "bears None, elsewhere radiosensitivity"),
    ):
        with pytest.raises(InputError, match=said):
            Imposed(8, wrong)


def test_causes_say_whether_they_doom_and_treatments_must_agree() -> None:
    state, traits = parts()[1:]
    ray = SimpleNamespace(causes=("ray",), mitotic=("ray",), traits={})
    heat = SimpleNamespace(causes=("heat",), mitotic=(), traits={})
    imposed = Imposed(8, [heat, ray])
    for cause in ("ray", "heat"):
        imposed.add(cause, np.ones((8, 4)))
    _, columns, dooms = imposed.take(state, traits, SITES)
    assert columns == [len(CAUSES), len(CAUSES) + 1]  # heat, ray
    assert dooms == [False, True]
    with pytest.raises(InputError, match="'ray' leaves lethal lesions here, elsewhere not"):
        Imposed(8, [ray, SimpleNamespace(causes=("ray",), mitotic=(), traits={})])
    with pytest.raises(InputError, match="'ray' is mitotic but none of its causes"):
        Imposed(8, [SimpleNamespace(causes=("heat",), mitotic=("ray",), traits={})])
