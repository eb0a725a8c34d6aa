"""The table of defaults: complete rows, SI values, overrides, and no results dressed as parameters."""

from __future__ import annotations

import csv
import io
from importlib import resources

import pytest

from tumorsim import parameters
from tumorsim.errors import InputError
from tumorsim.parameters import COLUMNS, CONFIDENCE, MARKS, check_name, load_parameters, read_table

TABLES = sorted(
    (f for f in (resources.files("tumorsim") / "data" / "parameters").iterdir() if f.name.endswith(".csv")),
    key=lambda f: f.name,
)
ROWS = [
    pytest.param(row, table.name, id=row["name"])
    for table in TABLES
    for row in csv.DictReader(io.StringIO(table.read_text(encoding="utf-8")))
]
HEAD = ",".join(COLUMNS)
GOOD = "room.what,2,mm,1,3,high,seen,Someone 2001,What it is"


@pytest.mark.parametrize(("row", "table"), ROWS)
def test_every_row_is_complete(row: dict[str, str], table: str) -> None:
    """Read from the file itself, not through the loader that would refuse it."""
    assert tuple(row) == COLUMNS
    assert row["unit"].strip()
    assert row["source"].strip()
    assert len(row["meaning"].split()) >= 2
    assert row["confidence"] in CONFIDENCE
    assert row["mark"] in MARKS
    assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
    assert check_name(row["name"]) == []


def test_names_are_unique_and_all_are_loaded() -> None:
    names = [p.values[0]["name"] for p in ROWS]
    assert len(set(names)) == len(names)
    assert set(load_parameters()) == set(names)


def test_values_are_si() -> None:
    p = load_parameters()
    assert p["tissue.cell_density"] == 2e14
    assert p["tissue.doubling_time"] == 140 * 86_400
    assert p["imaging.sphere"] == 5e-3
    row = p.rows["tissue.doubling_time"]
    assert (row.unit, row.given, row.given_unit, row.confidence) == ("s", "140 d", "d", "medium")
    assert (row.low, row.high) == (72 * 86_400, 302 * 86_400)
    assert p.room("cells")["growth_fraction"] == 0.134
    assert p.notes == []


def test_tissue_agrees_with_itself() -> None:
    """Cells of 15 um (HCC; recalled) fit at the stated density."""
    assert 0.1 < load_parameters()["tissue.cell_density"] * 15e-6**3 < 1.0


def test_oxygen_tension_stays_in_mmhg() -> None:
    text = "\n".join(
        [
            HEAD,
            "oxygen.critical,2,mmHg,1,3,high,seen,Someone 2001,A tension",
            "blood.p50,27,mmHg,20,30,high,seen,Someone 2001,A tension",
            "oxygen.solubility,3e-5,mL/mL/mmHg,1e-5,5e-5,high,seen,Someone 2001,A solubility",
            "vessels.pressure,90,mmHg,60,120,high,seen,Someone 2001,A blood pressure",
            "blood.temperature,37,degC,35,40,high,seen,Someone 2001,A temperature",
        ]
    )
    rows, problems = read_table(text, "x.csv")
    assert problems == []
    assert (rows["oxygen.critical"].value, rows["oxygen.critical"].unit) == (2.0, "mmHg")
    assert (rows["blood.p50"].value, rows["blood.p50"].unit) == (27.0, "mmHg")
    assert (rows["oxygen.solubility"].value, rows["oxygen.solubility"].unit) == (3e-5, "1/mmHg")
    assert rows["vessels.pressure"].value == pytest.approx(11_999.0, rel=1e-5)
    assert rows["vessels.pressure"].unit == "Pa"
    assert (rows["blood.temperature"].value, rows["blood.temperature"].unit) == (37.0, "degC")


def test_overrides() -> None:
    p = load_parameters({"tissue.doubling_time": "100 d", "cells.growth_fraction": 0.2})
    assert p["tissue.doubling_time"] == 100 * 86_400
    assert p.rows["tissue.doubling_time"].given == "100 d"
    assert p["cells.growth_fraction"] == 0.2
    assert p.notes == []
    assert load_parameters()["cells.growth_fraction"] == 0.134  # the defaults are untouched


def test_out_of_range_is_noted_not_refused() -> None:
    p = load_parameters({"tissue.doubling_time": "400 d"})
    assert p["tissue.doubling_time"] == 400 * 86_400
    assert len(p.notes) == 1
    assert "tissue.doubling_time = 400 d is outside its range" in p.notes[0]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"tissue.doubling_tme": "100 d"}, "Did you mean 'tissue.doubling_time'"),
        ({"tissue.doubling_time": 100}, "such as '2 weeks'"),
        ({"tissue.doubling_time": "100 mm"}, r"\[length\] is not \[time\]"),
        ({"tissue.doubling_time": "-3 d"}, "negative"),
        ({"cells.growth_fraction": "nan"}, "number"),
    ],
)
def test_override_refused(override: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_parameters(override)


def test_all_problems_at_once() -> None:
    with pytest.raises(InputError) as error:
        load_parameters({"tissue.x": 1, "tissue.doubling_time": "1 kg", "cells.growth_fraction": 0.1})
    assert len(error.value.problems) == 2


def test_unknown_name_is_a_key_error_that_helps() -> None:
    with pytest.raises(KeyError, match=r"tissue\.doubling_time"):
        load_parameters()["tissue.doubling_tme"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("room.what", "what", "room.what in small letters"),
        ("room.what", "Room.What", "room.what in small letters"),
        (",2,", ",4,", "not within 1 to 3"),
        (",2,", ",two,", "'two' is not a number"),
        (",2,", ",nan,", "must be finite"),
        (",mm,", ",,", "unit is missing"),
        (",mm,", ",foo,", "not a known unit"),
        (",high,", ",sure,", "confidence must be one of"),
        (",seen,", ",guess,", "mark must be one of"),
        ("Someone 2001", "", "source is missing"),
        ("What it is", "", "meaning is missing"),
        ("Someone 2001", "Someone, 2001", "cells are due"),
        (",seen", "", "cells are due"),
    ],
)
def test_broken_row_is_named_by_its_line(old: str, new: str, says: str) -> None:
    broken = GOOD.replace("room.what", "room.other") if old != "room.what" else GOOD
    rows, problems = read_table(f"{HEAD}\n{GOOD}\n{broken.replace(old, new, 1)}\n", "room.csv")
    assert list(rows) == ["room.what"]
    assert problems[0].startswith("room.csv:3: ")
    assert says in problems[0]


def test_columns_and_repeats() -> None:
    assert read_table("name,value\n", "x.csv")[1] == [f"x.csv:1: columns must be {HEAD}"]
    assert "stands twice" in read_table(f"{HEAD}\n{GOOD}\n{GOOD}\n", "x.csv")[1][0]


@pytest.mark.parametrize(
    "name",
    [
        "results.embolisation_microwave_kill",
        "tace.ethanol_bonus",
        "heat.rfa_after_tace",
        "ethanol.effect_after_heat",
        "combined.seeds_and_infusion",
        "liver.best_order",
    ],
)
def test_a_result_is_no_parameter(name: str) -> None:
    assert check_name(name) != []
    rows, problems = read_table(f"{HEAD}\n{GOOD.replace('room.what', name)}\n", "x.csv")
    assert rows == {}
    assert "is no parameter" in problems[0]


@pytest.mark.parametrize(
    "name", ["embolisation.lodging_factor", "anatomy.border_width", "tissue.thenar", "microwave.power"]
)
def test_ordinary_names_pass(name: str) -> None:
    assert check_name(name) == []


def test_one_name_in_two_tables_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    folder = tmp_path / "data" / "parameters"
    folder.mkdir(parents=True)
    for file in ("a.csv", "b.csv"):
        (folder / file).write_text(f"{HEAD}\n{GOOD}\n")
    monkeypatch.setattr(parameters.resources, "files", lambda package: tmp_path)
    with pytest.raises(InputError, match=r"b\.csv: room\.what stands in two tables"):
        parameters._defaults.__wrapped__()
