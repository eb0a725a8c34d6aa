"""Needles miss as the table says, each for itself, the same in every arm."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.treatments.planning.aim import carry_out
from tumorsim.treatments.planning.directions import fan
from tumorsim.treatments.planning.needles import Needle, Point
from tumorsim.treatments.planning.zones import Option, Zone

P = load_parameters()
OPTION = Option(60.0, 300.0, Zone(0.03, 0.04, 0.005))
NEEDLES = tuple(
    Needle((0.01 * n, 0.0, 0.002), (0.0, 1.0, 0.0), (Point(0.0, OPTION), Point(0.015, OPTION))) for n in range(4)
)
WHO = {"seed": 7, "treatment": "ablation"}


def moved(patient: int, **more: object) -> np.ndarray:
    aimed = carry_out(NEEDLES, P, patient=patient, **WHO, **more)  # type: ignore[arg-type]
    return np.array([n.tip for n in aimed.needles]) - np.array([n.tip for n in NEEDLES])


def test_the_error_is_the_patients_and_not_the_arms() -> None:
    first = carry_out(NEEDLES, P, patient=3, **WHO)
    assert first == carry_out(NEEDLES, P, patient=3, **WHO)
    # a needle keeps its luck whatever other needles there are
    assert carry_out(NEEDLES[:2], P, patient=3, **WHO).needles == first.needles[:2]
    assert first != carry_out(NEEDLES, P, patient=4, **WHO)
    assert first != carry_out(NEEDLES, P, patient=3, occurrence=2, **WHO)
    assert len({n.direction for n in first.needles}) == 4


def test_errors_have_the_size_of_the_table() -> None:
    plans = [carry_out(NEEDLES, P, patient=k, **WHO) for k in range(400)]
    assert np.mean([a.lateral for a in plans]) == pytest.approx(P["planning.aim_error"], rel=0.06)
    assert np.std([a.deeper for a in plans]) == pytest.approx(P["planning.depth_error"], rel=0.08)
    assert np.mean([a.tilt for a in plans]) == pytest.approx(P["planning.tilt_error"], rel=0.06)
    # most of the breath lies along the body: its mean length is about that of an even one of the same size
    breath = np.array([a.breathing for a in plans])
    assert np.linalg.norm(breath, axis=1).mean() == pytest.approx(P["planning.breathing"], rel=0.15)
    assert breath.std(axis=0)[2] > 1.5 * breath.std(axis=0)[:2].max()
    assert np.abs(breath.mean(axis=0)).max() < 0.3e-3


def test_what_is_told_is_what_was_done() -> None:
    aimed = carry_out(NEEDLES, P, patient=5, shift=(0.001, 0.0, -0.002), **WHO)
    off = np.array([n.tip for n in aimed.needles]) - np.array([n.tip for n in NEEDLES])
    own = off - aimed.breathing - np.array(aimed.shift)
    assert own[:, 1] == pytest.approx(aimed.deeper)
    assert np.hypot(own[:, 0], own[:, 2]) == pytest.approx(aimed.lateral)
    for needle, tilt in zip(aimed.needles, aimed.tilt, strict=True):
        assert np.linalg.norm(needle.direction) == pytest.approx(1.0)
        assert np.arccos(needle.direction[1]) == pytest.approx(tilt, rel=1e-6)
        assert needle.points == NEEDLES[0].points


def test_shift_factor_and_slab() -> None:
    plain, shifted = moved(1), moved(1, shift=(0.003, -0.001, 0.002))
    assert shifted - plain == pytest.approx(np.tile([0.003, -0.001, 0.002], (4, 1)))
    still = moved(1, factor=0.0)
    assert still == pytest.approx(np.tile(still[0], (4, 1)))  # only the breath is left
    assert moved(1, factor=2.0) - still == pytest.approx(2.0 * (plain - still))
    flat = carry_out(NEEDLES, P, patient=1, slab=True, **WHO)
    assert all(n.tip[2] == 0.002 and n.direction[2] == 0.0 for n in flat.needles)
    with pytest.raises(InputError, match="factor"):
        moved(1, factor=-1.0)


def test_a_fan_leans_as_far_as_allowed() -> None:
    ways = fan((0.0, -2.0, 0.0), P)
    assert ways.shape == (13, 3) and np.linalg.norm(ways, axis=1) == pytest.approx(np.ones(13))
    assert ways[0] == pytest.approx([0.0, 1.0, 0.0])
    lean = np.arccos(np.clip(ways[:, 1], -1, 1))
    assert lean.max() == pytest.approx(P["planning.fan"]) and len({tuple(np.round(w, 9)) for w in ways}) == 13
    flat = fan((-1.0, 0.0, 0.0), P, slab=True)
    assert flat.shape == (5, 3) and np.all(flat[:, 2] == 0.0)
