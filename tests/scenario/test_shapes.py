# ruff: noqa: E501  (a table reads better in rows)
"""Shapes of the tumour in a scenario: by word, with keys, refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from tumorsim.anatomy.forms import Infiltrating, Lobulated, Nodules
from tumorsim.errors import InputError
from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain


def data(tumour: dict[str, Any], **tissue: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "until": "10 d",
        "tissue": {"spacing": "2 mm", "tumour": tumour, **tissue},
        "vessels": {"feeders": 2, "terminals": 300},
    }


def tumour_of(shape: Any, **keys: Any) -> Any:
    return Scenario.from_dict(data({"diameter": "30 mm", "shape": shape, **keys})).tissue.tumour


def test_a_word_takes_the_defaults_of_the_table_and_keys_take_their_place() -> None:
    assert tumour_of("lobulated").form == Lobulated(6, pytest.approx(0.25 * 0.015))
    assert tumour_of({"lobulated": {"lobes": 4, "depth": "2 mm"}}).form == Lobulated(4, 2e-3)
    assert tumour_of("nodules").form == Nodules(3, (5e-3, 5e-3))
    assert tumour_of({"nodules": {"distance": ["0 mm", "4 mm"]}}).form == Nodules(3, (0.0, 4e-3))
    assert tumour_of("infiltrating").form == Infiltrating(5e-3)
    assert (
        tumour_of("sphere")
        == tumour_of({"sphere": {}})
        == Scenario.from_dict(data({"diameter": "30 mm"})).tissue.tumour
    )
    sized = Scenario.from_dict(data({"shape": {"nodules": {"sizes": ["20 mm", "10 mm"]}}})).tissue.tumour
    assert sized.form == Nodules(2, (5e-3, 5e-3), (0.02, 0.01)) and sized.diameter is None


def test_parameters_change_the_defaults() -> None:
    case = Scenario.from_dict(data({"diameter": "30 mm", "shape": "infiltrating"}))
    assert case.replace("parameters", {"anatomy.infiltration_depth": "3 mm"}).tissue.tumour.form == Infiltrating(3e-3)


@pytest.mark.parametrize(
    ("tumour", "path", "words"),
    [
        ({"shape": "lobulate", "diameter": "30 mm"}, "tissue.tumour.shape", "Did you mean 'lobulated'?"),
        ({"shape": "lobulated"}, "tissue.tumour", "needs a size"),
        ({"shape": "lobulated", "axes": ["30 mm", "20 mm", "20 mm"]}, "tissue.tumour.axes", "describe an ellipsoid"),
        ({"shape": "ellipsoid", "diameter": "30 mm"}, "tissue.tumour.shape", "needs axes"),
        ({"shape": {"nodules": {}, "sphere": {}}, "diameter": "30 mm"}, "tissue.tumour.shape", "names 2 shapes (sphere, nodules)"),
        ({"shape": {}, "diameter": "30 mm"}, "tissue.tumour.shape", "names 0 shapes"),
        ({"shape": {"lobulated": {"lobe": 3}}, "diameter": "30 mm"}, "tissue.tumour.shape.lobulated.lobe", "Did you mean 'lobes'?"),
        ({"shape": {"lobulated": {"lobes": 1}}, "diameter": "30 mm"}, "tissue.tumour.shape.lobulated.lobes", "2 to 12"),
        ({"shape": {"lobulated": {"depth": "9 mm"}}, "diameter": "30 mm"}, "tissue.tumour.shape.lobulated.depth", "up to 7.5 mm deep"),
        ({"shape": {"lobulated": {"depth": 9}}, "diameter": "30 mm"}, "tissue.tumour.shape.lobulated.depth", "has no unit"),
        ({"shape": {"nodules": {"sizes": ["2 cm"]}}}, "tissue.tumour.shape.nodules.sizes", "2 to 12 lengths"),
        ({"shape": {"nodules": {"sizes": ["2 cm", "1 cm"]}}, "diameter": "30 mm"}, "tissue.tumour.diameter", "beside the sizes"),
        ({"shape": {"nodules": {"sizes": ["2 cm", "1 cm"], "number": 2}}}, "tissue.tumour.shape.nodules.number", "beside sizes"),
        ({"shape": {"nodules": {"distance": ["5 mm", "2 mm"]}}, "diameter": "30 mm"}, "tissue.tumour.shape.nodules.distance", "small to large"),
        ({"shape": "nodules", "septa": 2, "diameter": "30 mm"}, "tissue.tumour.septa", "compartments of their own"),
        ({"shape": "infiltrating", "capsule": "intact", "diameter": "30 mm"}, "tissue.tumour.capsule", "an infiltrating tumour has none"),
        ({"shape": {"infiltrating": {"depth": "2 cm"}}, "diameter": "30 mm"}, "tissue.tumour.shape.infiltrating.depth", "up to 15 mm wide"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_once_and_in_words(tumour: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(data(tumour))
    (message,) = caught.value.problems
    assert f"{path}: " in message and words in message


@pytest.mark.parametrize("shape", ["lobulated", "nodules", "infiltrating"])
def test_a_slab_and_a_box_too_small_are_refused(shape: str) -> None:
    for tissue, words in (
        ({"dimensions": 2}, "a slab holds a sphere"),
        ({"size": "32 mm"}, "does not hold the tumour"),
    ):
        with pytest.raises(InputError, match=words):
            Scenario.from_dict(data({"diameter": "30 mm", "shape": shape}, **tissue))


def test_small_nodules_need_a_fine_spacing() -> None:
    with pytest.raises(InputError, match=r"fewer than 3 sites across the tumour \(5 mm\)"):
        Scenario.from_dict(data({"shape": {"nodules": {"sizes": ["20 mm", "5 mm"]}}}))


def test_explain_says_the_shape() -> None:
    def said(shape: Any) -> str:
        return " ".join(explain(Scenario.from_dict(data({"diameter": "30 mm", "shape": shape}))).split())

    assert "lobulated (6 lobes, notches of 3.75 mm) with the volume of a sphere of 30 mm (14.1 mL)" in said("lobulated")
    text = said({"nodules": {"number": 4, "distance": ["0 mm", "3 mm"]}})
    assert "4 nodules of drawn sizes, 0 mm to 3 mm apart" in text and "(4 compartments)" in text
    assert "a sphere of 30 mm with an infiltrating rim 5 mm wide" in said("infiltrating")


@pytest.mark.parametrize("shape", ["lobulated", "nodules", "infiltrating"])
def test_a_model_runs_on_every_shape(shape: str) -> None:
    case = Scenario.from_dict(data({"diameter": "24 mm", "shape": shape, "satellites": 1, "thrombus": "Vp1"}))
    model = TumorModel(case=case)
    before = model.viable_in_target
    for _ in range(4):
        model.step()
    grown = model.viable_in_target / before
    assert 1.0 < grown < 1.03  # 2 d of a doubling time of 140 d
