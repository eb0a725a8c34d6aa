"""A list of seeds is taken as it stands, or refused with every line that is wrong."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.treatments.seeds.arrangement_hand import by_hand

_SPEC = importlib.util.spec_from_file_location("seed_rows", Path(__file__).with_name("seed_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
shared = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shared)
MM = shared.MM
RULES_OF_TABLE = shared.RULES_OF_TABLE
ball = shared.ball
box = shared.box

LATTICE = box(40.0, 2.0)


def row(x: float, y: float, z: float, **more: Any) -> dict[str, Any]:
    return {"position": (x * MM, y * MM, z * MM), "direction": (0.0, 2.0, 0.0), "strength": 0.7, **more}


def test_a_list_is_taken_as_it_stands() -> None:
    made = by_hand(
        LATTICE, [row(1, -5, 0, needle="a"), row(3, 0, 0, strength=1), row(1, 5, 0, needle="a")], RULES_OF_TABLE
    )
    assert made.n_seeds == made.wanted == 3 and len(made.tracks) == 2
    first, second = made.tracks
    assert first.tip == pytest.approx((1 * MM, 5 * MM, 0.0)) and first.pull_backs == pytest.approx([0.0, 10 * MM])
    assert second.strengths == (1.0,) and second.direction == (0.0, 1.0, 0.0)
    assert np.linalg.norm(made.seeds.directions, axis=1) == pytest.approx(np.ones(3))
    assert by_hand(LATTICE, [], RULES_OF_TABLE).n_seeds == 0


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([row(0, 25, 0)], r"list\[1\].position: \(0, 25, 0\) mm is outside the body: the box reaches"),
        ([row(0, 0, 0), row(0, 19, 0)], r"list\[2\].position: .* no tissue of the body"),
        ([row(0, 0, 0, strength=0)], "strength: a positive number"),
        ([row(0, 0, 0, strength="0.7 U")], "strength: a positive number"),
        ([row(0, 0, 0, direction=(0, 0, 0))], "not all 0"),
        ([row(0, 0, 0, position=(0, 0))], "position: three numbers"),
        ([row(0, 0, 0, strengt=1)], "Did you mean 'strength'"),
        ([row(0, 0, 0), row(0, 0.5, 0)], "less than 0.8 mm apart"),
        ([row(0, 0, 0, needle="a"), row(2, 5, 0, needle="a")], "one line"),
        ([row(0, 0, 0, needle="a"), row(0, 5, 0, needle="a", direction=(1, 0, 0))], "different directions"),
    ],
)
def test_what_is_refused(rows: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        by_hand(LATTICE, rows, RULES_OF_TABLE, within=ball(LATTICE, 36))


def test_all_problems_come_at_once() -> None:
    with pytest.raises(InputError) as error:
        by_hand(LATTICE, [row(0, 99, 0), row(0, 0, 0, strength=-1), {"position": (0, 0, 0)}], RULES_OF_TABLE)
    assert len(error.value.problems) == 4
