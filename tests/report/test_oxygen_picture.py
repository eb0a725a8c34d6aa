"""The picture of an oxygen map: what is drawn where, and a file that is whole or not there."""

import builtins
import io
import math

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.fields.network_oxygen import OxygenBalance, OxygenMap
from tumorsim.lattice import Lattice
from tumorsim.report.oxygen_picture import draw_oxygen_map, oxygen_picture, slices, upper_end, vessels_in
from tumorsim.vessels.graph import VesselGraph

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


def graph():
    pos = np.array([[0, 20, 30], [60, 40, 30], [120, 80, 10], [60, 40, 55]]) * 1e-6
    return VesselGraph(pos, [0, 1, 1], [1, 2, 3], np.array([5, 4, 3]) * 1e-6, attributes={"title": "three vessels"})


def made_up(shape=(12, 10, 6), low=0.0, high=40.0, edge=(40.0, 20.0, math.nan)):
    """A field that rises along x from ``low`` to ``high``."""
    lattice = Lattice(shape, 10e-6)
    x = lattice.ijk(np.arange(lattice.n_sites))[:, 0]
    p = low + (high - low) * x / max(1, shape[0] - 1)
    return OxygenMap(
        lattice, np.array(lattice.size) / 2.0, p, np.ones(lattice.n_sites), np.array([40.0, 30.0, 20.0, math.nan]),
        np.array(edge), OxygenBalance(2e-14, 1e-14, 1e-14, 1e-8), {10.0: 0.25, 2.5: 0.1, 0.5: 0.02}, 20.0, 5, (),
    )  # fmt: skip


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def count(picture, colour):
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(picture - wanted).sum(axis=2) < 12).sum())


def test_slices_show_three_layers_and_two_cuts():
    found = slices(made_up())
    assert [(s.across, s.up, s.through, s.layer) for s in found] == [
        (0, 1, 2, 1), (0, 1, 2, 3), (0, 1, 2, 5), (0, 2, 1, 5), (1, 2, 0, 6),
    ]  # fmt: skip
    assert sum(2 * s.reach for s in found[:3]) == pytest.approx(60e-6)  # together the whole box
    flat = slices(made_up((40, 30, 3)))
    assert [(s.across, s.up, s.through, s.layer) for s in flat] == [(0, 1, 2, 1)]
    assert [(s.across, s.up, s.through) for s in slices(made_up((3, 12, 14)))[:3]] == [(2, 1, 0)] * 3


def test_vessels_are_cut_at_the_layer():
    edges, ends = vessels_in(graph(), 2, 20e-6, 40e-6)
    assert edges.tolist() == [0, 1, 2]
    assert ends[0] == pytest.approx(graph().node_pos[:2])  # level, and inside
    assert ends[1][:, 2] == pytest.approx([30e-6, 20e-6])
    assert ends[1][1] == pytest.approx([90e-6, 60e-6, 20e-6])
    assert ends[2][:, 2] == pytest.approx([30e-6, 40e-6])
    assert vessels_in(graph(), 2, 60e-6, 70e-6)[0].size == 0


def test_contours_are_drawn_only_where_they_run():
    both = pixels(oxygen_picture(made_up(), graph()))
    none = pixels(oxygen_picture(made_up(low=20.0, high=40.0), graph()))
    assert both.shape[1] > 1500 and both.std() > 20
    orange = "#ff8a3d"
    assert count(both, orange) > 3 * count(none, orange) > 0  # the key has them in any case


def test_vessels_have_the_colour_of_their_blood():
    bright = pixels(oxygen_picture(made_up(high=0.4, edge=(60.0, 60.0, 60.0)), graph()))
    dark = pixels(oxygen_picture(made_up(high=0.4, edge=(0.0, 0.0, 0.0)), graph()))
    unknown = pixels(oxygen_picture(made_up(high=0.4, edge=(math.nan,) * 3), graph()))
    assert np.abs(bright - dark).sum() > 0
    assert count(unknown, "#e29ac2") > 500 > count(dark, "#e29ac2")


@pytest.mark.parametrize("shape", [(40, 30, 3), (6, 1, 4), (1, 1, 1), (3, 20, 9), (4, 80, 2)])
def test_boxes_of_any_form_can_be_drawn(shape):
    picture = pixels(oxygen_picture(made_up(shape), graph()))
    assert picture.std() > 5
    assert max(picture.shape) < 4 * min(picture.shape[:2]) and max(picture.shape) < 2500


def test_the_file_is_written_whole(tmp_path):
    path = tmp_path / "po2.png"
    draw_oxygen_map(made_up(), graph(), path)
    assert path.read_bytes() == oxygen_picture(made_up(), graph())
    assert [p.name for p in tmp_path.iterdir()] == ["po2.png"]
    named = oxygen_picture(made_up(), graph(), "another title")
    assert named != path.read_bytes()
    with pytest.raises(InputError, match=r"nowhere.po2\.png: cannot be written: No such file"):
        draw_oxygen_map(made_up(), graph(), tmp_path / "nowhere" / "po2.png")


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def fail(name, *args, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(InputError, match=r'pip install "tumorsim\[view\]"'):
        oxygen_picture(made_up(), graph())


def test_maps_that_are_compared_have_one_scale():
    low, high = made_up(high=30.0), made_up(high=57.0)
    assert upper_end(low, high) == upper_end(high) == 60.0
    assert upper_end(low) == 40.0  # the highest in a vessel
    assert oxygen_picture(low, graph(), top=60.0) != oxygen_picture(low, graph())
