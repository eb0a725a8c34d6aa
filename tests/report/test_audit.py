"""The schedule audit in words."""

from __future__ import annotations

from tumorsim.report import audit

OIL = {
    "catheters": ["feeder_1", "feeder_2", "thrombus_artery"], "gelatin_pieces": 0, "lodged": 0, "gelatin_ml": 0.0,
    "stasis": ["feeder_1", "feeder_2", "thrombus_artery"], "oil_ml": 8.0, "oil_tumour_ml": 3.8792, "oil_liver_ml": 0.0,
    "oil_portal_ml": 1.951086, "oil_washed_out_ml": 2.169714, "oil_refluxed_ml": 0.0, "portal_oil_filling": 1.0,
    "doxorubicin_mg": 50.0, "doxorubicin_held_mg": 36.439288, "doxorubicin_passed_on_mg": 13.560712,
}  # fmt: skip


def test_what_was_prescribed() -> None:
    assert audit.prescribed({"catheter": "right", "beads_um": [100.0, 300.0], "number": "to near-stasis"}) == [
        "catheter in the right hepatic artery",
        "beads of 100 to 300 µm",
        "until near-stasis",
    ]
    session = {"catheter": "superselective", "embolic": "gelatin", "oil_ml": 8.0, "oil_droplets_um": 50.0}
    assert audit.prescribed(session | {"number": "to stasis", "doxorubicin_mg": 50.0}) == [
        "a catheter in each feeder that the image shows",
        "8 mL of oil in droplets of 50 µm",
        "gelatin",
        "until stasis",
        "50 mg doxorubicin",
    ]
    given = {"catheter": "segment_5", "guidance": "angiography", "beads_um": 100.0, "beads_spread_um": 20.0}
    assert audit.prescribed(given | {"number": 12500}) == [
        "catheter in the artery of segment 5",
        "guided by angiography",
        "beads of 100 ± 20 µm",
        "12\u202f500 of them",
    ]
    assert audit.prescribed({"needle": 3}) == ["needle: 3"]


def test_what_was_delivered() -> None:
    assert audit.delivered({"beads": 0}) == audit.delivered({}) == ["nothing"]
    assert audit.delivered(OIL) == [
        "catheter in feeders 1 and 2, the artery of the thrombus",
        "8 mL of oil: 3.88 in tumour arterioles, 1.95 in portal venules, 2.17 washed out",
        "100 % of the portal venules of the rim filled with oil",
        "no pieces of gelatin",
        "end point reached in all of them",
        "50 mg doxorubicin: 36.4 mg held where it lodged, 13.6 mg passed on into the circulation",
    ]
    lobar = {"catheters": ["right"], "beads": 9665, "lodged": 9665, "beads_ml": 0.05078, "stasis": ["right"]}
    assert audit.delivered(lobar | {"non_target_closed": {"gallbladder": 0.9626}}) == [
        "catheter in the right hepatic artery",
        "9665 beads (0.0508 mL, all lodged)",
        "end point reached in the right hepatic artery",
        "closed outside the liver: 96 % of the arteries of the gallbladder",
    ]


def test_missed_feeders_reflux_and_drug_in_solution() -> None:
    said = audit.delivered(
        {"catheters": ["feeder_3"], "feeders_overlooked": ["feeder_1", "feeder_2", "feeder_4"], "beads": 11852,
         "lodged": 11800, "refluxed": 2768, "stasis": [], "doxorubicin_mg": 50.0, "doxorubicin_passed_on_mg": 50.0}
    )  # fmt: skip
    assert said == [
        "catheter in feeder 3",
        "overlooked: feeders 1, 2 and 4",
        "11\u202f852 beads (11\u202f800 lodged, 2768 of them ran back past the tip)",
        "end point reached in none",
        "50 mg doxorubicin, all of it passed on into the circulation",
    ]


def test_the_status_is_not_said_twice() -> None:
    assert audit.reason("not delivered", "not delivered: the image shows no feeder") == "the image shows no feeder"
    assert audit.reason("partly delivered", "overlooked: feeder_3; x") == "overlooked: feeder 3; x"


HEAT = {
    "needles": 1, "points": 2, "energy_kj": 72.0, "absorbed_kj": 26.6071, "heating_s": 1200.0, "planned_cover": 1.0,
    "real_cover": 0.8119, "short_axis_mm": 31.191, "long_axis_mm": 43.632, "zone_ml": 22.176, "hottest_degc": 100.0,
    "energy_balance_error": 1.8e-8, "placed": [{"tip": [0.0, 0.0, 0.0]}], "vessels_closed": 11647,
    "hottest_wall": "bile_duct", "hottest_wall_degc": 47.31,
}  # fmt: skip


def test_a_session_of_heat_in_words() -> None:
    asked = {"power_w": 60.0, "duration_s": 600, "needles": "auto", "margin_mm": 5.0, "feeders": ["feeder_1"]}
    said = [text.replace("\u00a0", " ") for text in audit.prescribed(asked)]
    assert said == [
        "as few needles as cover outline and margin on the image",
        "60 W for 10 min at each point",
        "margin of 5 mm",
        "feeding arteries first: feeder 1",
    ]
    assert audit.prescribed({"power_w": 40.0, "duration_s": 90.0, "needles": 1})[0] == "1 needle"
    said = [text.replace("\u00a0", " ") for text in audit.delivered(HEAT)]
    assert said == [
        "1 needle, 2 points heated",
        "72 kJ in 20 min, of which tissue absorbed 26.6 kJ",
        "zone of 31 × 44 mm, 22.2 mL, up to 100 °C",
        "81 % of outline and margin coagulated (100 % planned)",
        "hottest wall: bile duct, 47.3 °C",
        "11\u202f647 vessels closed",
    ]
    said = audit.delivered(HEAT | {"contracted_mm": [28.1, 39.3], "alarms": 2})
    assert "contracted to 28 × 39 mm" in said[2].replace("\u00a0", " ") and said[-1] == "alarms: 2"
    assert audit.delivered({"needles": 0, "points": 0, "energy_kj": 0.0}) == ["nothing"]


def test_kinds_and_times_as_a_reader_writes_them() -> None:
    assert [audit.kind(name) for name in ("tace", "microwave")] == ["TACE", "Microwave"]
    assert [audit.title(name) for name in ("tae", "radiofrequency")] == ["TAE", "radiofrequency"]
    times = [audit.duration(seconds).replace("\u00a0", " ") for seconds in (45, 90, 600, 750)]
    assert times == ["45 s", "90 s", "10 min", "12.5 min"]
