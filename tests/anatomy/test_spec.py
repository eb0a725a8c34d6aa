import pytest

from tumorsim.anatomy import TumourSpec, box_size
from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters

DAY = 86400.0


def test_sphere_and_ellipsoid_volumes():
    assert TumourSpec(diameter=0.03).volume == pytest.approx(14.137167e-6, rel=1e-6)
    body = TumourSpec(shape="ellipsoid", axes=(0.05, 0.04, 0.03))
    assert body.semi_axes == (0.025, 0.02, 0.015)
    assert body.volume == pytest.approx(31.415927e-6, rel=1e-6)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "tumour.diameter: missing"),
        ({"diameter": 0.0}, "above 0"),
        ({"diameter": float("nan")}, "above 0"),
        ({"diameter": 0.03, "axes": (0.03, 0.03, 0.03)}, "shape: ellipsoid"),
        ({"shape": "ellipsoid", "diameter": 0.03}, "takes 'axes'"),
        ({"shape": "ellipsoid"}, "three lengths"),
        ({"shape": "ellipsoid", "axes": (0.03, -0.03, 0.03)}, "above 0"),
        ({"shape": "spere", "diameter": 0.03}, "Did you mean 'sphere'"),
        ({"diameter": 0.03, "capsule": "intakt"}, "Did you mean 'intact'"),
        ({"diameter": 0.03, "place": "dom"}, r"tumour.place: 'dom' is not known\. Did you mean 'dome'"),
        ({"diameter": 0.03, "vascularity": "hyp"}, "tumour.vascularity.*Allowed: hyper, iso, hypo"),
        ({"diameter": 0.03, "septa": -1}, "tumour.septa"),
        ({"diameter": 0.03, "septa": 2.5}, "tumour.septa"),
        ({"diameter": 0.03, "satellites": 31}, "0 to 30"),
        ({"diameter": 0.03, "thrombus": "vp2"}, "Vp2"),
        ({"diameter": 0.03, "doubling_time": 0.0}, "doubling_time"),
    ],
)
def test_refuses(fields, words):
    with pytest.raises(InputError, match=words):
        TumourSpec(**fields)


def test_names_all_problems_at_once():
    with pytest.raises(InputError) as caught:
        TumourSpec(diameter=-1.0, capsule="thick", septa=-1, doubling_time=-1.0)
    assert len(caught.value.problems) == 4


def test_box_holds_the_grown_tumour_and_its_margin():
    parameters = load_parameters({"anatomy.liver_margin": "10 mm"})
    spec = TumourSpec(diameter=0.042, doubling_time=140 * DAY)
    # 42 mm x 2^(180 / 420) = 56.53 mm, and 10 mm on each side
    assert box_size(spec, 180 * DAY, parameters) == 0.077
    assert box_size(spec, 0.0, parameters) == 0.062
    wider = load_parameters({"anatomy.liver_margin": "15 mm"})
    assert box_size(spec, 0.0, wider) == 0.072


def test_box_holds_the_farthest_satellite():
    parameters = load_parameters()
    spec = TumourSpec(diameter=0.042, satellites=1)
    half = box_size(spec, 0.0, parameters) / 2
    reach = parameters["anatomy.satellite_distance_high"] + parameters["anatomy.satellite_diameter_high"]
    assert half >= 0.021 + reach + parameters["anatomy.liver_margin"] / 2


def test_box_refuses_time_running_backwards():
    with pytest.raises(InputError, match="until"):
        box_size(TumourSpec(diameter=0.042), -1.0, load_parameters())
