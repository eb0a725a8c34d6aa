"""Keys of `seeds`: what they read, what they refuse and with which line, and how they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tumorsim.errors import InputError
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain
from tumorsim.treatments.base import kind_named
from tumorsim.treatments.seeds.spec_list import PlacedSeed

BASE: dict[str, Any] = {"name": "s", "until": "200 d", "tissue": {"size": "50 mm", "tumour": {"diameter": "15 mm"}}}
ONE = [{"at": ["0 mm", "0 mm", "5 mm"]}]
TABLE = """\
name: another
dose_rate_constant: 0.68
active_length_mm: 3.5
half_life_d: 17.0
radial:
  r_cm: [0.1, 0.5, 1, 2, 5]
  g: [0.91, 1.2, 1, 0.55, 0.06]
phi_an: {r_cm: [0.5, 2], value: [0.9, 0.88]}
"""


def scenario(**keys: Any) -> Scenario:
    return Scenario.from_dict({**BASE, "treatments": [{"at": "1 d", "seeds": keys}]})


def refused(**keys: Any) -> str:
    with pytest.raises(InputError) as error:
        scenario(**keys)
    return "\n".join(error.value.problems)


def test_every_key_has_a_default() -> None:
    spec = scenario().treatments[0].spec
    assert (spec.source, spec.rule, spec.number, spec.nomograph) == ("Amersham 6711", "quimby", None, "anderson")
    assert (spec.where, spec.plan, spec.freehand, spec.attenuation) == ("tumour", "replanned", False, "none")
    kind = kind_named("seeds")
    assert kind.needs_liver and not kind.needs_feeders and not kind.on_bench and kind.read_after == 180 * 86_400
    assert scenario().after_last == 181 * 86_400


def test_a_list_is_read() -> None:
    rows = [{"at": ["1 mm", "-2 mm", "3 mm"], "direction": [0, 3, 4], "activity": "0.5 mCi"}, *ONE]
    first, second = scenario(seeds=rows).treatments[0].spec.seeds
    assert first == PlacedSeed((1e-3, -2e-3, 3e-3), (0.0, 0.6, 0.8), pytest.approx(1.85e7))
    assert second == PlacedSeed((0.0, 0.0, 5e-3), (0.0, 0.0, 1.0), None)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"source": "Amersham 6712"}, "Did you mean 'Amersham 6711'?"),
        ({"rule": "pari"}, "'pari' is not known. Did you mean 'paris'?"),
        ({"where": "rim"}, "Allowed: tumour, thrombus, residue, ring."),
        ({"number": 0}, "0 is out of range"),
        ({"number": "all"}, "Or write 'auto'."),
        ({"activity": "0 mCi"}, "must be above 0 mCi"),
        ({"activity": 0.6}, "0.6 has no unit"),
        ({"activity": "0.6 mCu"}, "activity: "),
        ({"prescription": "0 Gy"}, "must be above 0 Gy"),
        ({"dose": "120 Gy"}, "Write prescription: 120 Gy."),
        ({"number": 20, "prescription": "120 Gy"}, "number and prescription each say how many seeds there are."),
        (
            {"number": 20, "prescription": "120 Gy", "spacing": "10 mm"},
            "spacing: number, prescription and spacing each say how many seeds there are. Keep one of them.",
        ),
        ({"number": 20, "nomograph": "cevc"}, "nomograph: gives the number of seeds, and so does number."),
        ({"prescription": "120 Gy", "nomograph": "cevc"}, "and so does prescription"),
        ({"spacing": "2 mm"}, "spacing: 2 mm is out of range: seeds lie 5 mm or more apart."),
        ({"spacing": "20 mm", "rule": "paris"}, "lines of the Paris system lie 8 to 15 mm apart"),
        ({"spacing": "4 mm", "where": "thrombus"}, "seeds lie 4.5 mm or more apart"),
        ({"where": "thrombus", "number": 5}, "number: does not go with a strand"),
        ({"where": "thrombus", "margin": "5 mm"}, "margin: does not go with a strand"),
        ({"where": "ring", "plan": "same"}, "plan: where: ring is read from the image of the day. Leave plan out."),
        ({"seeds": ONE, "rule": "paris"}, "rule: says how seeds are placed, and seeds places each."),
        ({"seeds": ONE, "number": 3}, "number: says how seeds are placed"),
        ({"seeds": []}, "needs a list of 1 to 500 seeds"),
        ({"seeds": [{"direction": [0, 0, 1]}]}, "seed 1: at is missing"),
        ({"seeds": [{"at": ["0 mm", "0 mm", 5]}]}, "seed 1, at: 5 has no unit"),
        ({"seeds": [{"att": 1}]}, "unknown key 'att'. Did you mean 'at'?"),
        ({"seeds": [{**ONE[0], "direction": [0, 0, 0]}]}, "seed 1, direction: [0, 0, 0] is no direction"),
        ({"seeds": [{**ONE[0], "activity": "-1 mCi"}]}, "seed 1, activity: '-1 mCi' is out of range"),
        ({"seeds": [{"at": ["0 mm", "0 mm", "26 mm"]}]}, "seed 1, at (0 mm, 0 mm, 26 mm), lies outside the body"),
        ({"seeds": [*ONE, {"at": ["0 mm", "0.5 mm", "5 mm"]}]}, "seeds 1 and 2 lie in each other"),
        ({"table": "nothing.yaml"}, "there is no such file"),
        ({"table": "nothing.yaml", "source": "Amersham 6711"}, "source: stands beside table"),
        ({"freehand": 1}, "1 is neither true nor false"),
        ({"attenuation": "bone"}, "Allowed: none, oil."),
    ],
)
def test_refused_with_the_reason(keys: dict[str, Any], words: str) -> None:
    assert words in refused(**keys)


def test_a_contradiction_is_one_message_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "name: x\nuntil: 10 d\ntissue: {tumour: {diameter: 20 mm}}\ntreatments:\n"
        "  - at: 1 d\n    seeds:\n      number: 12\n      prescription: 120 Gy\n"
    )
    with pytest.raises(InputError) as error:
        Scenario.load(file)
    assert error.value.problems == [
        f"{file}:8: treatments.0.seeds.prescription: number and prescription each say how many seeds there are. "
        "Keep one of them."
    ]


def test_a_table_is_found_beside_the_scenario_and_refused_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(TABLE)
    file = tmp_path / "x.yaml"
    file.write_text(
        "name: x\nuntil: 10 d\ntissue: {tumour: {diameter: 20 mm}}\n"
        "treatments:\n  - {at: 1 d, seeds: {table: seed.yaml}}\n"
    )
    loaded = Scenario.load(file)
    assert loaded.treatments[0].spec.table == str(tmp_path / "seed.yaml")
    assert "the seed of seed.yaml" in " ".join(explain(loaded).split())
    (tmp_path / "seed.yaml").write_text(TABLE.replace("[0.1, 0.5, 1, 2, 5]", "[0.1, 1, 0.5, 2, 5]"))
    with pytest.raises(InputError) as error:
        Scenario.load(file)
    text = "\n".join(error.value.problems)
    assert "x.yaml:5: treatments.0.seeds.table: " in text and "seed.yaml:6: radial.r_cm" in text


def test_only_in_liver_and_in_three_dimensions() -> None:
    seeds = [{"at": "1 d", "seeds": {}}]
    for tissue, words in (
        ({"bench": "ex vivo"}, "seeds cannot be tried on a bench"),
        ({"spacing": "20 um", "tumour": {"diameter": "400 um"}, "culture": {}}, "seeds is given in liver"),
        ({"dimensions": 2, "tumour": {"diameter": "20 mm"}}, "a slab has no room for a seed"),
    ):
        with pytest.raises(InputError, match=words):
            Scenario.from_dict({"name": "x", "until": "10 d", "tissue": tissue, "treatments": seeds})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "as many seeds as the nomograph of Anderson gives, model Amersham 6711, of the usual activity"),
        ({}, "on a uniform lattice (Quimby) in the outline and the usual margin (parameter) on the image of the day"),
        ({"prescription": "120 Gy", "rule": "paris", "plan": "same"},
         "as few seeds as give nine tenths of the goal 120 Gy"),
        ({"number": 1, "activity": "0.5 mCi"}, "1 seed, model Amersham 6711, of 0.5 mCi"),
        ({"spacing": "8 mm"}, "as many seeds as lie 8 mm apart"),
        ({"seeds": ONE}, "1 seed, model Amersham 6711, of the usual activity (parameter), each placed as written"),
        ({"where": "thrombus"}, "as a strand along the thrombosed portal vein"),
        ({"where": "residue", "margin": "4 mm"}, "in what enhances and wherever a margin of 4 mm round the old"),
        ({"where": "ring", "attenuation": "oil", "freehand": True}, "; iodised oil takes photons away"),
    ],
)  # fmt: skip
def test_told_in_words(keys: dict[str, Any], words: str) -> None:
    spec = scenario(**keys).treatments[0].spec
    assert words in spec.describe()
    assert " ".join(words.split()) in " ".join(explain(scenario(**keys)).split())


def test_a_patient_who_bleeds_gets_none() -> None:
    bleeding = Scenario.from_dict(
        {**BASE, "condition": {"platelets": "20 1/nL"}, "treatments": [{"at": "1 d", "seeds": {}}]}
    )
    assert "contraindicated as the patient is at the start (platelets 20 per nL" in explain(bleeding)
