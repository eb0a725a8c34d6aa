"""ODD.md is current: its tables are those of the code, and what it names exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tumorsim.parameters import load_parameters
from tumorsim.state import ARRAYS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ODD.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def odd() -> ModuleType:
    spec = importlib.util.spec_from_file_location("odd", ROOT / "experiments" / "odd.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_tables_are_those_of_the_code(odd: ModuleType) -> None:
    assert odd.refreshed(TEXT) == TEXT, "write it again: python experiments/odd.py"


def test_every_array_and_every_parameter_stands_in_it(odd: ModuleType) -> None:
    for spec in ARRAYS:
        assert f"| `{spec.name}` |" in TEXT
    for name in load_parameters():
        assert f"| `{name.split('.', 1)[1]}` |" in TEXT


def test_a_table_that_is_missing_or_old_is_seen(odd: ModuleType) -> None:
    assert odd.refreshed(TEXT.replace("| `viable` |", "| `alive` |")) == TEXT
    with pytest.raises(ValueError, match="tables"):
        odd.refreshed(TEXT.replace("<!-- begin step -->", ""))


def test_the_seven_elements_of_the_protocol_stand_in_order() -> None:
    heads = re.findall(r"^## (\d)\.", TEXT, re.MULTILINE)
    assert heads == list("1234567")
    principles = (
        "Basic principles", "Emergence", "Adaptation", "Objectives", "Learning", "Prediction", "Sensing",
        "Interaction", "Stochasticity", "Collectives", "Observation",
    )  # fmt: skip
    places = [TEXT.index(f"**{name}.**") for name in principles]
    assert places == sorted(places)


def test_what_it_points_to_is_there() -> None:
    for path in re.findall(r"`(tumorsim/[\w/.]+|experiments/[\w/.]+|scenarios/[\w/.]*)`", TEXT):
        assert (ROOT / path).exists(), path
