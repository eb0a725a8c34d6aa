"""Pictures decode to what was put in."""

import io

import numpy as np
import pytest

from tumorsim.report import palette, png

Image = pytest.importorskip("PIL.Image")


def test_a_picture_survives():
    rgba = np.random.default_rng(1).integers(0, 256, (7, 5, 4), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png.encode(rgba)))), rgba)
    assert png.data_uri(rgba).startswith("data:image/png;base64,iVBOR")


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match="rows, columns, 4"):
        png.encode(np.zeros((3, 3, 3), np.uint8))


def test_ramps_reach_their_ends_and_grow_darker_evenly():
    ends = png.ramp(np.array([-1.0, 0.0, 1.0, 2.0]), png.VIOLETS)
    assert np.array_equal(ends[0], ends[1]) and np.array_equal(ends[2], ends[3])
    light = png.ramp(np.linspace(0, 1, 9), png.VIOLETS) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) < 0).all()
    assert (np.diff(png.ramp(np.linspace(0, 1, 9), png.CIVIDIS) @ [0.2126, 0.7152, 0.0722]) > 0).all()


# cones from linear sRGB, and what is seen without the long or the middle ones (Viénot, Brettel, Mollon, 1999)
CONES = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
WITHOUT = {
    "nothing": np.eye(3),
    "long": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    "middle": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, missing):
    """CIE L*a*b* of what is seen; a difference of 10 is plain at a glance."""
    linear = np.linalg.inv(CONES) @ WITHOUT[missing] @ CONES @ (png.colours([colour])[0] / 255) ** 2.2
    f = np.cbrt(np.maximum(TO_XYZ @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089], 1e-4))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("missing", WITHOUT)
def test_arms_and_tissue_are_told_apart_with_every_form_of_colour_vision(missing):
    arms = [lab(light, missing) for light, _ in palette.ARMS[:5]]
    alive, *dead = [lab(c, missing) for c in (png.VIOLETS[-2], *palette.CAUSES.values(), palette.LIVER)]
    vessels = [lab(c, missing) for c in (palette.ARTERIAL, palette.PORTAL, palette.VENOUS)]
    assert min(np.linalg.norm(a - b) for i, a in enumerate(arms) for b in arms[:i]) > 15
    assert min(np.linalg.norm(alive - d) for d in dead) > 30
    assert min(np.linalg.norm(a - b) for i, a in enumerate(vessels) for b in vessels[:i]) > 15
