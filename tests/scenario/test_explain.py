from __future__ import annotations

import re

from tumorsim.scenario import Scenario, packaged
from tumorsim.scenario.explain import explain, one_line

BASE = {
    "name": "x",
    "until": "20 d",
    "tissue": {"tumour": {"diameter": "20 mm", "septa": 1}},
    "treatments": [{"at": "14.3 d", "id": "first", "tace": {"drug": {"doxorubicin": "50 mg"}, "number": 500}}],
}


def flat(scenario: Scenario) -> str:
    return re.sub(r"\s+", " ", explain(scenario))


def test_it_says_what_will_be_done_and_when() -> None:
    text = flat(Scenario.from_dict(BASE))
    for words in (
        "a sphere of 20 mm (4.19 mL), no capsule, 1 septum (2 compartments), no satellites, ",
        "hypervascular, deep in the liver; its volume",
        "doubles in 140 d",
        "2 arteries into the tumour; no artery from outside the liver reaches so deep",
        "at 14.3 d: chemoembolisation (TACE), beads of 100 um from each tumour feeder that the image shows, "
        "500 of them",
        "[first]",
        "20 d in 40 steps of 12 h; seed 1",
        "not for deciding anyone's care",
    ):
        assert words in text


def test_it_says_what_may_lie_elsewhere() -> None:
    base = Scenario.from_dict(BASE)
    assert "on average 0.42 latent foci spread from a tumour of this size and 0.52 new ones" in flat(base)
    assert "reported apart" in flat(base)
    assert "0.051 new" in flat(base.replace(tissue__liver="normal"))
    assert "no latent foci in the liver beyond the block" in flat(base.replace(tissue__tumour__latent_foci="none"))
    one = base.replace(tissue__tumour__latent_foci=1)
    assert "1 latent focus spread from the tumour" in flat(one) and one.tissue.tumour.latent_foci == 1
    assert base == base.replace(tissue__tumour__latent_foci="by size")


def test_it_says_where_the_tumour_lies_and_what_feeds_it_from_outside() -> None:
    base = Scenario.from_dict(BASE).replace(tissue__tumour__diameter="60 mm", tissue__tumour__vascularity="hypo")
    dome = flat(base.replace(tissue__tumour__place="dome"))
    assert "hypovascular, at the surface (dome)" in dome
    # 43.2 % of all tumours of 60 mm, and 80.7 % of them touch the surface of a liver of 1500 mL
    assert "right inferior phrenic artery feeds it too in 54 % of patients, and may be recruited later" in dome
    front = base.replace(tissue__tumour__place="anterior-inferior")
    assert "the omental artery feeds it too in 54 %" in flat(front)
    assert "the omental artery feeds it too" in flat(front.replace(vessels__extrahepatic="omental"))
    assert "no artery from outside the liver, as the scenario says" in flat(front.replace(vessels__extrahepatic="none"))
    assert "seldom feeds" not in flat(front.replace(vessels__extrahepatic="omental"))
    odd = flat(front.replace(vessels__extrahepatic="phrenic"))
    assert "artery seldom feeds a tumour at another part of the surface (anterior-inferior)" in odd
    assert "artery seldom feeds a tumour deep in the liver" in flat(base.replace(vessels__extrahepatic="omental"))


def test_it_says_which_vein_holds_a_thrombus() -> None:
    case = Scenario.from_dict(BASE)
    assert "thrombus" not in flat(case)
    found = flat(case.replace(tissue__tumour__thrombus="Vp3"))
    assert "a tumour thrombus in the portal branch of its segment and the right portal vein (Vp3)" in found


def test_the_drug_is_said_to_be_carried_and_not_acting() -> None:
    text = flat(Scenario.from_dict(BASE))
    assert "Not acting doxorubicin" in text and "does not act in this version" in text
    assert "Not acting" not in flat(Scenario.from_dict({**BASE, "treatments": [{"at": "1 d", "tace": {}}]}))


def test_readings_and_what_cannot_be_read() -> None:
    assert "after_last: not read, since 42.3 d lies beyond the end" in flat(Scenario.from_dict(BASE))
    long = flat(Scenario.from_dict({**BASE, "until": "60 d", "assess": "50 d"}))
    assert "at 50 d (horizon)" in long and "at 42.3 d (after_last: 28 d after the last treatment)" in long
    assert "when the arm it is compared with is read" in flat(Scenario.from_dict({**BASE, "treatments": []}))


def test_notes_name_what_is_odd_but_allowed() -> None:
    tight = {**BASE, "until": "700 d", "tissue": {"size": "24 mm", "tumour": {"diameter": "20 mm"}}}
    assert re.search(r"reach the face of the box after about \d+ d", flat(Scenario.from_dict(tight)))
    assert "reach the face" not in flat(Scenario.from_dict(BASE))
    none = Scenario.from_dict({**BASE, "treatments": [{"at": "1 d", "tae": {"number": 0}}], "assess": "1 d"})
    assert "nothing is delivered" in flat(none) and "before the last treatment" in flat(none)
    far = flat(Scenario.from_dict({**BASE, "parameters": {"cells.cycle_time": "400 h"}}))
    assert "Changed cells.cycle_time = 400 h (default 36 h)" in far and "outside its range" in far


def test_every_shipped_scenario_can_be_said() -> None:
    for name in packaged.names():
        scenario = Scenario.load(name)
        assert scenario.name in explain(scenario) and "tumour" in one_line(scenario)
        assert max(map(len, explain(scenario).splitlines())) <= 100


def test_notes_name_arteries_that_are_not_there() -> None:
    treated = BASE | {"treatments": [{"at": "1 d", "id": "x", "tae": {"catheter": "phrenic"}}]}
    deep = Scenario.from_dict(treated)
    assert "x: catheter phrenic, but no right inferior phrenic artery reaches this place (deep)" in flat(deep)
    dome = deep.replace(tissue__tumour__place="dome", tissue__tumour__diameter="60 mm")
    assert re.search(r"catheter phrenic, but only [\d.]+ % of patients have it", flat(dome))
    assert "catheter" not in flat(dome.replace(vessels__extrahepatic="phrenic")).partition("Note")[2]
    for other in ("none", "omental"):
        assert f"but vessels.extrahepatic is {other}; it will not be" in flat(dome.replace(vessels__extrahepatic=other))
    artery = BASE | {"treatments": [{"at": "1 d", "id": "x", "tae": {"catheter": "thrombus_artery"}}]}
    assert "but tissue.tumour.thrombus is none; it will not be delivered" in flat(Scenario.from_dict(artery))


def test_notes_name_what_will_be_refused_with_a_thrombus() -> None:
    lobar = Scenario.from_dict(BASE | {"treatments": [{"at": "1 d", "id": "x", "tae": {"catheter": "lobar"}}]})
    assert "lives on its artery; it will be refused" in flat(lobar.replace(tissue__tumour__thrombus="Vp3"))
    assert "refused" not in flat(lobar.replace(tissue__tumour__thrombus="Vp2"))


def test_a_line_tells_the_shipped_scenarios_apart() -> None:
    said = {name: one_line(Scenario.load(name)) for name in ("tace_oil_gelatin", "dome_phrenic", "portal_thrombus")}
    assert said["tace_oil_gelatin"].endswith("; TACE superselective with oil and gelatin")
    assert said["dome_phrenic"].startswith("60 mm tumour (dome), capsule partial, 3 septa; TAE right, TAE phrenic")
    assert said["portal_thrombus"].startswith("42 mm tumour, capsule none, 2 septa, thrombus Vp2; TACE superselective")
    twice = BASE | {"treatments": [{"at": at, "id": at[0], "tae": {"catheter": "lobar"}} for at in ("1 d", "9 d")]}
    assert one_line(Scenario.from_dict(twice)).endswith("; TAE lobar (2 times)")
