"""Slices lie where they should, vessels are cut to the slab, and residue adds up."""

import numpy as np
import pytest

from tumorsim.anatomy.capsule import THROMBUS
from tumorsim.studies.snapshot import make_snapshot

SHAPE, SPACING = (6, 8, 10), 1e-3


def arrays(**changes):
    n = int(np.prod(SHAPE))
    target = np.zeros(SHAPE, bool)
    target[1:4, 2:7, 3:8] = True  # middle at (2, 4, 5)
    base = {
        "shape": SHAPE, "spacing": SPACING, "compartment": np.where(target, 1, 0).ravel(),
        "viable": (np.arange(n) % 5).astype(int), "capacity": 4, "deaths": np.zeros((n, 2), int),
        "cause_names": ["a", "b"], "po2": np.arange(n, dtype=float), "zone": np.zeros(n, int), "zone_names":
        ["core"], "reason": np.zeros(n, int), "reason_names": ["missed"], "target": target.ravel(),
        "node_pos": np.array([[-3e-3, 0, 0], [3e-3, 0, 0], [0, 0, -5e-3], [0, 0, 5e-3]]),
        "tail": [0, 2], "head": [1, 3], "radius": [1e-3, 2e-3], "kind": [0, 1], "edge_state": [1, 0],
        "edge_open": [0.0, 1.0], "time_h": 24.0,
    }  # fmt: skip
    return base | changes


def test_slices_pass_through_the_middle_of_the_target_and_z_points_up():
    got = make_snapshot(**arrays())
    cube = np.arange(480, dtype=np.float32).reshape(SHAPE)
    assert got["slice_index"].tolist() == [2, 4, 5]
    assert np.array_equal(got["po2_z"], cube[:, :, 5].T)
    assert np.array_equal(got["po2_x"], cube[2].T[::-1])
    assert np.array_equal(got["po2_y"], cube[:, 4].T[::-1])


def test_residue_adds_up_in_every_picture():
    base = arrays()
    got = make_snapshot(**base)
    total = base["viable"][base["target"]].sum()
    for name in ("residue_x", "residue_y", "residue_z", "residue_coarse"):
        assert got[name].sum() == total, name
    assert got["residue_coarse"].shape == (2, 2, 3) and got["coarse_mm"] == 4.0


def test_vessels_are_cut_to_the_slab():
    got = make_snapshot(**arrays(slab=1.0e-3, flow_left=[0.5, 1.0]))
    level, upright = got["vessels_z"]  # the slice at z = 0.5 mm: the level vessel runs through, the other across
    assert level.tolist() == pytest.approx([-3, 0, 3, 0, 1, 0, 1, 0, 0.5])
    assert upright[4:].tolist() == pytest.approx([2, 1, 0, 1, 1])
    whole = make_snapshot(**arrays(slab=1.0e-3, target=np.ones(480, bool)))["vessels_x"]
    assert whole[1, :4].tolist() == pytest.approx([0, 5, 0, -5])  # z upwards on the page
    cut = whole[0]
    assert cut[:2].tolist() == cut[2:4].tolist()  # seen end on


def test_a_thrombus_is_shown_along_every_axis_and_only_where_it_is():
    tissue = arrays()["compartment"].reshape(SHAPE).copy()
    assert "thrombus_z" not in make_snapshot(**arrays())
    tissue[0, 1, 9] = THROMBUS
    got = make_snapshot(**arrays(compartment=tissue.ravel()))
    assert np.argwhere(got["thrombus_z"]).tolist() == [[1, 0]]
    assert np.argwhere(got["thrombus_x"]).tolist() == [[0, 1]]  # z points up


def test_a_vessel_outside_the_slab_is_not_there():
    far = np.array([[-3e-3, 0, 4e-3], [3e-3, 0, 4e-3], [0, 0, 4.5e-3], [0, 0, 5e-3]])
    assert make_snapshot(**arrays(node_pos=far, slab=1e-3))["vessels_z"].shape == (0, 9)


def test_the_cause_with_most_deaths_is_shown():
    deaths = np.zeros((480, 2), int)
    deaths[:, 1] = 3
    deaths[:240, 0] = 4
    deaths[-1] = 0
    got = make_snapshot(**arrays(deaths=deaths))
    assert set(np.unique(got["cause_z"])) == {1, 2}
    assert make_snapshot(**arrays())["cause_z"].max() == 0


def test_a_flat_box_has_one_picture():
    n = 48
    flat = {"shape": (6, 8, 1), "compartment": np.zeros(n), "viable": np.ones((n, 4), int), "capacity": 8}
    flat |= {"deaths": np.zeros((n, 2), int), "target": np.ones(n, bool)}
    flat |= {"po2": np.zeros(n), "zone": np.zeros(n), "reason": np.zeros(n)}
    got = make_snapshot(**arrays(**flat))
    assert "density_z" in got and "density_x" not in got and got["density_z"].max() == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"po2": np.zeros(3)}, "po2 needs one value"),
        ({"deaths": np.zeros((480, 3), int)}, "deaths need shape"),
        ({"reason": np.full(480, 7)}, "reason code is beyond"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        make_snapshot(**arrays(**change))
