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
