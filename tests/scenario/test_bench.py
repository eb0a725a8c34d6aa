"""What a bench experiment may say, what it means, and what is refused beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tumorsim.errors import InputError
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain, one_line

EX: dict[str, Any] = {
    "name": "block", "until": "1 d", "step": "12 h", "tissue": {"bench": "ex vivo", "spacing": "3 mm"},
    "treatments": [{"at": "1 h", "microwave": {"power": "40 W", "duration": "10 min"}}],
}  # fmt: skip


def made(tissue: dict[str, Any] | None = None, **more: Any) -> Scenario:
    return Scenario.from_dict({**EX, "tissue": {**EX["tissue"], **(tissue or {})}, **more})


def test_defaults_of_a_block() -> None:
    tissue = made().tissue
    assert tissue.fine is not None and tissue.fine.kind == "bench"
    assert tissue.fine.temperature == 25.0 and tissue.fine.perfusion == 0.0
    assert tissue.lattice().shape == (30, 30, 30) and tissue.liver == "normal"
    assert tissue.tumour.volume == 0.0 and made().estimate.cells == 0
    assert made().condition is None and made().after_last is None
    alive = made({"bench": "in vivo"}).tissue.fine
    assert alive is not None and (alive.temperature, alive.perfusion) == (37.0, 0.0165)
    assert made({"bench": "in vivo", "temperature": "37 degC"}).tissue.fine == alive


def test_keys_and_parameters_are_read() -> None:
    s = made({"temperature": "18 degC", "size": "65 mm", "spacing": "2 mm"})
    assert s.tissue.fine is not None and s.tissue.fine.temperature == 18.0
    assert s.tissue.lattice().shape == (33, 33, 33)  # the block holds what was asked for
    table = {"bench.temperature": "20 degC", "bench.size": "60 mm", "heat.perfusion_normal": "0.012 1/s"}
    s = made(parameters=table)
    assert s.tissue.fine is not None and s.tissue.fine.temperature == 20.0 and s.tissue.lattice().shape == (20, 20, 20)
    alive = made({"bench": "in vivo"}, parameters=table).tissue.fine
    assert alive is not None and alive.perfusion == 0.012


@pytest.mark.parametrize("spacing", ["0.25 mm", "0.5 mm", "4 mm"])
def test_spacings_that_heat_is_solved_at(spacing: str) -> None:
    assert made({"spacing": spacing, "size": "40 mm"}).tissue.lattice().size[0] >= 0.04 - 1e-9


@pytest.mark.parametrize(("kind", "length"), [("microwave", 25e-3), ("radiofrequency", 30e-3)])
def test_without_positions_the_active_part_lies_about_the_origin(kind: str, length: float) -> None:
    event = made(treatments=[{"at": "1 h", kind: {}}]).treatments[0]
    (needle,) = event.spec.listed
    assert needle.direction == (0.0, 0.0, 1.0) and needle.tip == (0.0, 0.0, 0.5 * length)
    assert made(treatments=[{"at": "1 h", kind: {"needles": 1}}]).treatments[0].spec.listed == (needle,)


def test_listed_needles_stay() -> None:
    spec = {"needles": [{"tip": ["5 mm", "0 mm", "3 mm"], "direction": [1, 0, 0]}]}
    (needle,) = made(treatments=[{"at": "1 h", "microwave": spec}]).treatments[0].spec.listed
    assert needle.tip == (5e-3, 0.0, 3e-3) and needle.direction == (1.0, 0.0, 0.0)


def test_it_is_told_in_words() -> None:
    told = explain(made())
    assert "normal liver ex vivo at 25 degC, without a tumour" in told and "90 x 90 x 90 mm in sites of 3 mm" in told
    assert "insulated" in told and "1 needle, internally cooled antenna" in told and "the zone" in told
    assert "tumour cells" not in told and "cirrhotic" not in told and "28 d" not in told
    alive = explain(made({"bench": "in vivo"}))
    assert "held at 37 degC" in alive and "0.0165 1/s everywhere" in alive
    assert one_line(made()).startswith("normal liver ex vivo at 25 degC, without a tumour; MICROWAVE")


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "tumour": ({"tumour": {"diameter": "20 mm"}}, {}, ["tissue.tumour: a bench experiment is liver without a tumour"]),
    "kind": ({"bench": "in vitro"}, {}, ["tissue.bench: 'in vitro' is not known. Did you mean 'in vivo'?"]),
    "warm": ({"bench": "in vivo", "temperature": "25 degC"}, {}, ["25 degC: liver in vivo is at 37 degC"]),
    "hot": ({"temperature": "45 degC"}, {}, ["tissue.temperature: '45 degC' is out of range"]),
    "hot table": ({}, {"parameters": {"bench.temperature": "40 degC"}}, ["bench.temperature: 40 degC does harm"]),
    "no unit": ({"temperature": 25}, {}, ["tissue.temperature: 25 has no unit"]),
    "fine": ({"spacing": "0.2 mm", "size": "40 mm"}, {}, ["tissue.spacing: 200 um is out of range", "0.25 mm to 4 mm"]),
    "coarse": ({"spacing": "5 mm"}, {}, ["tissue.spacing: 5 mm is out of range"]),
    "small": ({"size": "30 mm"}, {}, ["tissue.size: 30 mm is too small"]),
    "small table": ({}, {"parameters": {"bench.size": "30 mm"}}, ["bench.size: 30 mm is too small"]),
    "liver": ({"liver": "cirrhotic"}, {}, ["tissue.liver: a bench experiment is normal liver"]),
    "slab": ({"dimensions": 2}, {}, ["tissue.dimensions: cannot stand beside bench"]),
    "density": ({"density": "2e8 1/mL"}, {}, ["tissue.density: cannot stand beside bench"]),
    "culture": ({"culture": {}}, {}, ["tissue.culture: cannot stand beside bench"]),
    "organs": ({"organs": [{"gallbladder": {}}]}, {}, ["tissue.organs: are for a tumour in liver"]),
    "vessels": ({}, {"vessels": {"feeders": 2}}, ["vessels: a bench experiment has no vessels of its own"]),
    "patient": ({}, {"condition": {"inr": 1.1}}, ["condition: is for a tumour in a patient's liver"]),
    "couplings": ({}, {"couplings": {"growth": False}}, ["couplings: a bench experiment has nothing"]),
    "tace": ({}, {"treatments": [{"at": "1 h", "tace": {}}]}, ["tace cannot be tried on a bench"]),
    "fluid": (
        {}, {"treatments": [{"at": "1 h", "hydrodissection": {"organ": "bowel"}}]},
        ["hydrodissection cannot be tried on a bench"],
    ),
    "auto": (
        {}, {"treatments": [{"at": "1 h", "microwave": {"needles": "auto"}}]},
        ["microwave.needles: a bench has no tumour to place needles by"],
    ),
    "two": ({}, {"treatments": [{"at": "1 h", "microwave": {"needles": 2}}]}, ["needles: a bench has no tumour"]),
    "margin": (
        {}, {"treatments": [{"at": "1 h", "microwave": {"margin": "5 mm", "plan": "same"}}]},
        ["microwave.margin: says how needles are placed", "microwave.plan: says how needles are placed"],
    ),
    "outside": (
        {}, {"treatments": [{"at": "1 h", "microwave": {"needles": [{"tip": ["0 mm", "0 mm", "60 mm"]}]}}]},
        ["lies outside the body, a box of 90 x 90 x 90 mm"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_bench_cannot_have_is_refused(name: str) -> None:
    tissue, more, words = REFUSED[name]
    with pytest.raises(InputError) as raised:
        made(tissue, **more)
    said = "\n".join(raised.value.problems)
    assert all(word in said for word in words), said
    assert len(raised.value.problems) == (2 if name == "margin" else 1), said


def test_a_tumour_is_due_elsewhere_and_a_temperature_is_not() -> None:
    with pytest.raises(InputError, match=r"tissue\.tumour: is missing"):
        Scenario.from_dict({**EX, "tissue": {"spacing": "3 mm"}})
    with pytest.raises(InputError, match=r"tissue\.temperature: is that of a bench experiment"):
        Scenario.from_dict({**EX, "tissue": {"tumour": {"diameter": "20 mm"}, "temperature": "30 degC"}})


def test_all_is_said_at_once() -> None:
    with pytest.raises(InputError) as raised:
        made({"tumour": {}, "spacing": "5 mm", "temperature": "80 degC", "liver": "normal"}, vessels={"terminals": 100})
    assert len(raised.value.problems) == 5
