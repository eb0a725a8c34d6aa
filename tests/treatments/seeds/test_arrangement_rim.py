"""After an ablation seeds go where the image leaves a doubt, or all round the zone."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from tumorsim.errors import InputError
from tumorsim.treatments.planning.cover import with_margin
from tumorsim.treatments.seeds.arrangement_rim import arrange_parts, parts, rim_goal

_SPEC = importlib.util.spec_from_file_location("seed_rows", Path(__file__).with_name("seed_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
shared = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shared)
FAN = shared.FAN
MM = shared.MM
PARAMETERS = shared.PARAMETERS
RULES_OF_TABLE = shared.RULES_OF_TABLE
ball = shared.ball
box = shared.box

LATTICE = box(70.0, 2.0)
OUTLINE = ball(LATTICE, 30)
MARGIN = RULES_OF_TABLE.rim_margin
ACTIVITY = PARAMETERS["seeds.activity"]
NOTHING = np.zeros(LATTICE.n_sites, dtype=bool)
CENTRES = LATTICE.centres()


def test_an_ablation_with_margin_leaves_nothing_to_do() -> None:
    goal = rim_goal(LATTICE, "residue", OUTLINE, ball(LATTICE, 44), NOTHING, MARGIN)
    assert not goal.any()
    made = arrange_parts(LATTICE, goal, "quimby", ACTIVITY, FAN[:1], PARAMETERS)
    assert made.n_seeds == 0 and made.wanted == 0
    ring = rim_goal(LATTICE, "ring", OUTLINE, ball(LATTICE, 44), NOTHING, MARGIN)
    assert ring.any()


def test_residue_is_where_the_margin_is_too_small() -> None:
    zone = ball(LATTICE, 42, (4.0, 0.0, 0.0))  # 21 - 4 - 15 = 2 mm on the left, 10 mm on the right
    goal = rim_goal(LATTICE, "residue", OUTLINE, zone, NOTHING, MARGIN)
    assert goal.any() and not (goal & zone).any() and not (goal & OUTLINE).any()
    assert CENTRES[goal, 0].max() < 0.0
    assert np.array_equal(goal, with_margin(LATTICE, OUTLINE, MARGIN) & ~zone)
    made = arrange_parts(LATTICE, goal, "quimby", ACTIVITY, FAN[:1], PARAMETERS)
    assert made.n_seeds > 3 and made.seeds.points[:, 0].max() < 0.0


def test_enhancement_is_covered_even_in_the_zone_but_not_far_away() -> None:
    zone = ball(LATTICE, 44)
    nest = ball(LATTICE, 8, (9.0, 0.0, 0.0))
    elsewhere = ball(LATTICE, 8, (30.0, 0.0, 0.0))
    goal = rim_goal(LATTICE, "residue", OUTLINE, zone & ~nest, nest | elsewhere, MARGIN)
    assert np.array_equal(goal, nest)
    assert np.array_equal(rim_goal(LATTICE, "residue", OUTLINE, zone, nest, MARGIN), nest)


def test_the_ring_surrounds_the_zone_and_stays_in_the_liver() -> None:
    zone = ball(LATTICE, 36)
    liver = CENTRES[:, 0] < 10 * MM
    goal = rim_goal(LATTICE, "ring", OUTLINE, zone, NOTHING, MARGIN)
    assert np.array_equal(goal, with_margin(LATTICE, zone, MARGIN) & ~zone)
    out = np.linalg.norm(CENTRES[goal], axis=1)
    assert out.min() > 17 * MM and out.max() < 25 * MM
    inside = rim_goal(LATTICE, "ring", OUTLINE, zone, NOTHING, MARGIN, within=liver)
    assert np.array_equal(inside, goal & liver)
    made = arrange_parts(LATTICE, goal, "paterson-parker", ACTIVITY, FAN[:1], PARAMETERS)
    assert made.n_seeds > 20 and goal[LATTICE.locate(made.seeds.points)].all()
    # all round
    assert np.all(made.seeds.points.max(axis=0) > 10 * MM) and np.all(made.seeds.points.min(axis=0) < -10 * MM)


def test_parts_get_seeds_of_their_own_and_keep_their_distance() -> None:
    two = ball(LATTICE, 14, (-12.0, 0.0, 0.0)) | ball(LATTICE, 10, (12.0, 0.0, 0.0))
    speck = np.zeros(LATTICE.n_sites, dtype=bool)
    speck[LATTICE.locate((0.0, 20 * MM, 20 * MM))] = True
    found = parts(LATTICE, two | speck)
    assert [p.sum() for p in found] == sorted((p.sum() for p in found), reverse=True) and len(found) == 3
    assert len(parts(LATTICE, two | speck, RULES_OF_TABLE.least**3)) == 2
    made = arrange_parts(LATTICE, two | speck, "quimby", ACTIVITY, FAN[:1], PARAMETERS)
    x = made.seeds.points[:, 0]
    assert (x < 0).sum() >= (x > 0).sum() > 0
    near = ball(LATTICE, 14, (-8.0, 0.0, 0.0)) | ball(LATTICE, 14, (10.0, 0.0, 0.0))
    made = arrange_parts(LATTICE, near, "quimby", ACTIVITY, FAN[:1], PARAMETERS)
    assert pdist(made.seeds.points).min() >= RULES_OF_TABLE.least - 1e-9
    assert made.n_seeds + sum(made.left_out.values()) == made.wanted


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="Did you mean 'residue'"):
        rim_goal(LATTICE, "residu", OUTLINE, NOTHING, NOTHING, MARGIN)
    with pytest.raises(InputError, match="margin"):
        rim_goal(LATTICE, "ring", OUTLINE, NOTHING, NOTHING, -0.001)
    with pytest.raises(InputError, match="the zone has shape"):
        rim_goal(LATTICE, "ring", OUTLINE, NOTHING[:3], NOTHING, MARGIN)
    with pytest.raises(InputError, match="not known"):
        arrange_parts(LATTICE, NOTHING, "paries", ACTIVITY, FAN[:1], PARAMETERS)
