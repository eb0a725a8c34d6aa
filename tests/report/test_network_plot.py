"""The picture of a network."""

import io

import numpy as np
import pytest

pytest.importorskip("matplotlib")
image = pytest.importorskip("PIL.Image")

from tumorsim.report.network_plot import CLOSED, draw_network, planes, quantities  # noqa: E402
from tumorsim.vessels.graph import VesselGraph  # noqa: E402
from tumorsim.vessels.occlusion import Injection, occlude  # noqa: E402
from tumorsim.vessels.solved import solve_network  # noqa: E402


def fork(**change) -> VesselGraph:
    columns = {
        "node_pos": np.array([[0, 0, 0], [2, 0, 0], [4, 1, 0], [4, -1, 0]]) * 1e-3,
        "tail": [0, 1, 1],
        "head": [1, 2, 3],
        "radius": np.array([4, 3, 2]) * 1e-5,
        "boundary_node": [0, 2, 3],
        "boundary_type": [0, 0, 0],
        "boundary_value": np.array([30, 10, 10]) * 133.322387415,
    }
    return VesselGraph(**(columns | change))


def pixels(raw: bytes) -> np.ndarray:
    return np.asarray(image.open(io.BytesIO(raw)).convert("RGB")).astype(int)


def count(picture: np.ndarray, colour: str) -> int:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(picture - rgb).max(axis=2) <= 3).sum())


def test_views():
    flat = np.array([[0, 0, 0], [1, 3, 0.01], [1, 2, 0]])
    assert planes(flat) == [(1, 0, 2)]
    assert [view[:2] for view in planes(flat * [1, 1, 200])] == [(1, 2), (1, 0), (2, 0)]


def test_limits_are_shared_and_sound():
    solved = solve_network(fork())
    found = occlude(solved, close=[1])
    for quantity in quantities((solved, found.after)):
        low, high = quantity.limits()
        assert np.isfinite([low, high]).all() and low < high and (low > 0 or not quantity.log)
    flow = quantities((solved, found.after))[0]
    assert np.isnan(flow.values[1][1]) and np.isfinite(flow.values[0]).all()  # without flow is no colour
    assert quantities((solved,))[2].limits()[0] == pytest.approx(0.45 - 0.05 * 0.45)


def test_what_is_closed_is_marked_and_only_after():
    solved = solve_network(fork())
    assert count(pixels(draw_network(solved, None, "fork", ["words"])), CLOSED) == 0
    picture = pixels(draw_network(solved, occlude(solved, close=[1]), "fork", []))
    assert count(picture, CLOSED) > 200
    first = picture[: picture.shape[0] // 3, : picture.shape[1] // 4]  # flow before
    assert count(first, CLOSED) == 0


def test_beads_and_their_place():
    solved = solve_network(fork())
    found = occlude(solved, injection=Injection(45e-6, "inlet", node=0))
    assert found.plugged.tolist() == [2]
    given = count(pixels(draw_network(solved, found, "fork", [])), "#009e73")
    assert given > 100


def test_vessels_that_stand_for_more_and_networks_at_rest_are_drawn():
    solved = solve_network(fork(conductance=[np.nan, 1e-13, 1e-13], boundary_value=np.full(3, 1e3)))
    assert not solved.moving.any()
    assert draw_network(solved, None, "rest", []).startswith(b"\x89PNG")


def test_the_same_picture_twice():
    solved = solve_network(fork())
    assert draw_network(solved, None, "fork", ["a"]) == draw_network(solved, None, "fork", ["a"])
