from __future__ import annotations

import dataclasses
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.scenario import Scenario, common_past, packaged
from tumorsim.scenario.load import load
from tumorsim.scenario.resolved import feeders_by_size

SMALLEST = {"name": "x", "until": "10 d", "tissue": {"tumour": {"diameter": "20 mm"}}}
TEXT = """\
name: x
until: 10 d
tissue:
  tumour: {diameter: 20 mm}
treatments:
  - {at: 3 d, tae: {beads: 100 um}}
  - {at: 1 d, id: first, tace: {catheter: feeder_2, drug: {cisplatin: 10 mg}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT)
    return path


def test_values_are_si_and_defaults_are_filled_in() -> None:
    s = Scenario.from_dict(SMALLEST)
    assert (s.until, s.step, s.seed, s.assess, s.n_steps) == (864_000, 43_200, 1, 864_000, 20)
    assert isinstance(s.until, int) and isinstance(s.step, int)
    assert s.tissue.tumour.diameter == 0.02 and s.tissue.tumour.doubling_time == 140 * 86_400
    assert s.tissue.spacing == 1e-3 and s.tissue.capacity == 200_000 and s.tissue.liver == "cirrhotic"
    assert s.vessels.feeders == 2 and s.vessels.terminals == 2000 and s.vessels.file is None
    assert s.treatments == () and s.after_last is None


def test_the_automatic_box_holds_the_tumour_and_room() -> None:
    s = Scenario.from_dict(SMALLEST)
    assert 0.03 < s.tissue.size < 0.06
    assert s.tissue.size == pytest.approx(round(s.tissue.size, 3), abs=1e-12)


def test_treatments_stand_in_time_with_their_occurrence(file: Path) -> None:
    first, second = Scenario.load(file).treatments
    assert (first.kind, first.id, first.at, first.occurrence, first.index) == ("tace", "first", 86_400, 1, 1)
    assert (second.kind, second.id, second.at, second.occurrence) == ("tae", "tae_1", 3 * 86_400, 1)
    assert first.spec.catheter == "feeder_2" and first.spec.drug.given() == {"cisplatin": 1e-5}
    assert second.spec.beads.size == 1e-4 and second.spec.number is None
    twice = Scenario.from_dict({**SMALLEST, "treatments": [{"at": "1 d", "tae": {}}, {"at": "1 d", "tae": {}}]})
    assert [event.id for event in twice.treatments] == ["tae_1", "tae_2"]


def test_file_dict_and_arguments_give_equal_scenarios(file: Path) -> None:
    from_file = Scenario.load(file)
    from_dict = Scenario.from_dict(from_file.raw)
    by_arguments = Scenario.from_dict(
        SMALLEST,
        treatments=[
            {"at": "72 h", "tae": {"beads": {"size": "0.1 mm"}}},
            {"at": "1 d", "id": "first", "tace": {"catheter": "feeder_2", "drug": {"cisplatin": "0.01 g"}}},
        ],
        tissue__tumour__diameter="2 cm",
    )
    assert from_file == from_dict == by_arguments
    assert from_file != from_file.replace(seed=2)


def test_written_out_and_read_again_it_is_the_same(file: Path, tmp_path: Path) -> None:
    for scenario in (Scenario.load(file), *map(Scenario.load, packaged.names())):
        again = tmp_path / "again.yaml"
        again.write_text(scenario.to_yaml())
        assert Scenario.load(again) == scenario
        assert pickle.loads(pickle.dumps(scenario)) == scenario


def test_it_is_frozen(file: Path) -> None:
    scenario = Scenario.load(file)
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.seed = 3  # type: ignore[misc]
    with pytest.raises(Exception, match="frozen"):
        scenario.treatments[0].spec.catheter = "lobar"
    scenario.raw["seed"] = 9
    assert scenario.seed == 1 and "seed" not in scenario.raw


def test_replacing_values_by_path_or_argument(file: Path) -> None:
    scenario = Scenario.load(file)
    a = scenario.replace("tissue.tumour.diameter", "42 mm")
    assert a == scenario.replace(tissue__tumour__diameter="42 mm") and a.tissue.tumour.diameter == 0.042
    assert a.vessels.feeders == 3  # what follows from it follows
    assert scenario.replace("treatments.1.tace.catheter", "lobar").treatments[0].spec.catheter == "lobar"
    assert scenario.replace(treatments=[]).treatments == ()
    assert scenario.replace(vessels__feeders=np.int64(4)).vessels.feeders == 4
    b = scenario.replace("parameters.cells.cycle_time", "40 h")
    assert b.parameters == {"cells.cycle_time": "40 h"} and b.load_parameters()["cells.cycle_time"] == 144_000
    assert b == scenario.replace(parameters__cells__cycle_time="40 h")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (
            "tissue.tumour.diametre",
            "1 cm",
            "argument tissue.tumour.diametre: tissue.tumour.diametre: unknown key",
        ),
        (
            "tissue.tumour.diameter",
            42,
            "argument tissue.tumour.diameter: tissue.tumour.diameter: 42 has no unit",
        ),
        ("treatments.7.at", "1 d", "there is no item 7; the list has 2"),
        ("name.first", "x", "name has no keys"),
        ("tissue..tumour", 1, "is not a path"),
        ("treatments.0", None, "treatments.0: is empty"),
    ],
)
def test_a_wrong_path_or_value_is_named(file: Path, path: str, value: object, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        Scenario.load(file).replace(path, value)


def test_overrides_come_before_the_checks(tmp_path: Path) -> None:
    path = tmp_path / "open.yaml"
    path.write_text("name: x\nuntil: 10 d\n")
    assert load(path, {"tissue.tumour.diameter": "20 mm"}) == Scenario.from_dict(SMALLEST)


def test_a_graph_file_is_found_beside_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "x.yaml").write_text(TEXT.replace("feeder_2", "lobar") + "vessels: {file: ../net/a.dat}\n")
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'net' / 'a.dat'} is not there")):
        Scenario.load(folder / "x.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'net' / 'a.dat'} is not there")):
        Scenario.from_dict({**SMALLEST, "vessels": {"file": "net/a.dat"}})


def test_more_feeders_for_larger_tumours() -> None:
    parameters = Scenario.from_dict(SMALLEST).load_parameters()
    assert [feeders_by_size(d, parameters) for d in (0.02, 0.0299, 0.03, 0.049, 0.05, 0.09)] == [
        2,
        2,
        3,
        3,
        5,
        5,
    ]
    for less, more in (("iso", "hyper"), ("hypo", "iso")):
        counts = [[feeders_by_size(d, parameters, v) for d in (0.01, 0.02, 0.03, 0.05)] for v in (less, more)]
        assert all(1 <= a <= b for a, b in zip(*counts, strict=True)) and sum(counts[0]) < sum(counts[1])
        assert counts[0] == sorted(counts[0])
    bare = Scenario.from_dict(SMALLEST)
    large = {**SMALLEST, "tissue": {"tumour": {"diameter": "50 mm"}}}
    found = [Scenario.from_dict(large).replace(tissue__tumour__vascularity=v) for v in ("hyper", "iso", "hypo")]
    assert [s.vessels.feeders for s in found] == [5, 4, 3] and found[0].vessels == Scenario.from_dict(large).vessels
    assert bare.tissue.tumour.vascularity == "hyper"
    by_size = Scenario.from_dict({**SMALLEST, "vessels": {"feeders": "by size"}})
    assert by_size == Scenario.from_dict(SMALLEST)


def test_place_and_extrahepatic_supply_have_defaults_and_are_kept() -> None:
    bare = Scenario.from_dict(SMALLEST)
    assert bare.tissue.tumour.place == "deep" and bare.vessels.extrahepatic == "by size and place"
    same = bare.replace(tissue__tumour__place="deep", vessels__extrahepatic="by size and place")
    assert same == bare
    other = bare.replace(tissue__tumour__place="bare area", vessels__extrahepatic="phrenic")
    assert other.tissue.tumour.place == "bare area" and other.vessels.extrahepatic == "phrenic"
    assert other != bare and Scenario.from_dict(other.raw) == other
    assert common_past([bare, other]) is None  # not the same patient


def test_after_last_is_28_days_after_the_last_treatment_within_the_run() -> None:
    event = {"at": "14 d", "tae": {}}
    assert Scenario.from_dict({**SMALLEST, "until": "60 d", "treatments": [event]}).after_last == 42 * 86_400
    short = Scenario.from_dict({**SMALLEST, "until": "20 d", "treatments": [event]})
    assert short.after_last is None and short.after_last_due == 42 * 86_400


def test_an_ellipsoid_and_a_slab() -> None:
    s = Scenario.from_dict({**SMALLEST, "tissue": {"tumour": {"axes": ["40 mm", "20 mm", "10 mm"]}, "dimensions": 2}})
    assert s.tissue.tumour.shape == "ellipsoid" and s.tissue.tumour.axes == (0.04, 0.02, 0.01)
    assert s.tissue.lattice().is_slab
    assert s.tissue.tumour_volume == pytest.approx(np.pi * 0.02 * 0.01 * 1e-3)


# --- common past -----------------------------------------------------------------------------------------


def test_common_past_ends_at_the_first_treatment_not_shared() -> None:
    one = {"at": "2 d", "tae": {}}
    two = {"at": "5 d", "tae": {}}
    other = {"at": "2 d", "tace": {}}
    base = Scenario.from_dict(SMALLEST)
    day = 86_400

    def arm(*items: dict) -> Scenario:
        return base.replace(name=str(len(items)), treatments=list(items))

    assert common_past([base, arm(one)]) == 2 * day
    assert common_past([arm(one), arm(one, two)]) == 5 * day
    assert common_past([arm(two), arm(one, two)]) == 2 * day
    assert common_past([arm(one), arm(other)]) == 2 * day
    assert common_past([arm(one, two), arm(two, one)]) == base.until
    assert common_past([base, arm(one, two), arm(two)]) == 2 * day
    assert common_past([base, arm(one).replace(seed=2)]) is None
    assert common_past([base, arm(one).replace(tissue__tumour__septa=1)]) is None
    assert common_past([base, arm(one).replace("parameters.cells.cycle_time", "40 h")]) is None
    assert common_past([base, arm(one).replace(notes="words")]) == 2 * day


# --- shipped ---------------------------------------------------------------------------------------------


def test_the_shipped_scenarios() -> None:
    assert packaged.names() == [
        "bench_ex_vivo",
        "bench_in_vivo",
        "cord",
        "dome_phrenic",
        "gelatin_twice",
        "large",
        "microwave_beside_vein",
        "microwave_gallbladder",
        "microwave_gallbladder_saline",
        "microwave_large",
        "microwave_one_needle",
        "microwave_pull_back",
        "microwave_then_seeds_at_rim",
        "microwave_two_needles",
        "no_capsule",
        "poor_liver",
        "portal_thrombus",
        "radiofrequency_one_needle",
        "seeds_overdosed",
        "seeds_paris",
        "seeds_paterson_parker",
        "seeds_quimby",
        "seeds_underdosed",
        "small",
        "spheroid",
        "tace_lobar",
        "tace_oil_gelatin",
        "tace_superselective",
        "tace_then_microwave",
        "tace_then_seeds",
        "untreated",
    ]
    loaded = {name: Scenario.load(name) for name in packaged.names()}
    arms = ("untreated", "tace_lobar", "tace_superselective", "tace_oil_gelatin")
    assert common_past([loaded[name] for name in arms]) == 86_400
    assert loaded["untreated"].tissue.tumour.diameter == 0.042 and not loaded["untreated"].treatments
    assert loaded["small"].tissue.tumour.diameter == 0.025 and loaded["large"].tissue.tumour.diameter == 0.06
    assert loaded["no_capsule"].tissue.tumour.capsule == "none"
    changed = loaded["no_capsule"].replace(tissue__tumour__capsule="intact", name="TACE superselective")
    assert changed == loaded["tace_superselective"]
    assert loaded["dome_phrenic"].vessels.extrahepatic == "phrenic"
    assert loaded["portal_thrombus"].tissue.tumour.thrombus == "Vp2"
    assert len(loaded["gelatin_twice"].treatments) == 2
    assert len({scenario.name for scenario in loaded.values()}) == len(loaded)


def test_a_shipped_name_wins_over_a_folder_but_not_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("untreated").mkdir()
    assert Scenario.load("untreated").name == "Untreated"
    Path("untreated").rmdir()
    Path("untreated").write_text(TEXT)
    assert Scenario.load("untreated").name == "x"


# --- whatever is written ---------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.integers(0, 12), st.text(max_size=6))
def test_any_damage_gives_a_scenario_or_words(
    tmp_path_factory: pytest.TempPathFactory, at: int, cut: int, put: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text(TEXT[:at] + put + TEXT[at + cut :], encoding="utf-8", errors="replace")
    try:
        Scenario.load(path)
    except InputError as error:
        assert all(line.startswith(str(path)) for line in error.problems)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["at", "tace", "beads", "size", "tumour", "diameter", "file", "x"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
@pytest.mark.parametrize("key", ["tissue", "vessels", "treatments", "parameters", "until", "name"])
def test_any_value_gives_a_scenario_or_words(key: str, value: object) -> None:
    try:
        Scenario.from_dict({**SMALLEST, key: value})
    except InputError as error:
        assert error.problems and all(line.startswith("scenario: ") for line in error.problems)
