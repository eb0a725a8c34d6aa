"""`tumorsim vessels`: the report, before and after closing vessels or giving beads, pictures, tables, refusals."""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tumorsim.cli import app
from tumorsim.vessels.files import write_graphml, write_network_dat
from tumorsim.vessels.graph import Kind, VesselGraph

MMHG = 133.322387415
MEASURED = Path(__file__).parents[1].parent / "shared" / "vessels"


def cli(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def bridge(**change: object) -> VesselGraph:
    """Two ways from A to D, joined in the middle: A-B-D and A-C-D with B-C; and an inlet and an outlet vessel."""
    columns: dict = {
        "node_pos": np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [2, -1, 0], [3, 0, 0], [4, 0, 0]]) * 1e-4,
        "tail": [0, 1, 1, 2, 2, 3, 4],
        "head": [1, 2, 3, 3, 4, 4, 5],
        "radius": np.array([12, 8, 6, 3, 6, 8, 12]) * 1e-6,
        "node_name": ["1", "2", "3", "4", "5", "6"],
        "edge_name": ["inlet", "upper", "lower", "bridge", "upper_out", "lower_out", "outlet"],
        "boundary_node": [0, 5],
        "boundary_type": [0, 0],
        "boundary_value": np.array([40, 10]) * MMHG,
        "boundary_haematocrit": [0.4, np.nan],
        "boundary_po2": [95.0, np.nan],
    }
    return VesselGraph(**(columns | change))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_network_dat(bridge(), "net.dat")


def rows(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(file).read_text().splitlines()))


def picture_size(file: str) -> tuple[int, int]:
    raw = Path(file).read_bytes()
    assert raw.startswith(b"\x89PNG") and raw.rstrip().endswith(b"\xaeB`\x82")
    return struct.unpack(">II", raw[16:24])


def test_table_with_everything() -> None:
    done = cli("vessels", "net.dat")
    assert done.exit_code == 0, done.output
    for what in ("flow [nl/min]", "pressure [mmHg]", "haematocrit [-]", "wall shear [Pa]", "transit [s]"):
        assert f"\n{what}" in done.output
    assert "phase separation, Pries and Secomb 2005, converged in" in done.output
    assert "mean transit" in done.output and max(map(len, done.output.splitlines())) <= 110


def test_phase_separation_is_chosen_and_said() -> None:
    assert "0.45 in every vessel (default)" in cli("vessels", "net.dat", "--phase-separation", "none").output
    assert "Pries and others 1990" in cli("vessels", "net.dat", "--phase-separation", "1990").output
    write_network_dat(bridge(boundary_haematocrit=[np.nan, np.nan], boundary_po2=[np.nan, np.nan]), "unknown.dat")
    done = cli("vessels", "unknown.dat")
    assert "no phase separation: the haematocrit of entering blood is not known at 1 boundary" in done.output
    assert "0.45 in every vessel (default)" in done.output
    assert "converged in" in cli("vessels", "unknown.dat", "--phase-separation", "2005").output


def test_cell_volume_changes_the_blood() -> None:
    assert "red cells of 55 fL" in cli("vessels", "net.dat", "--cell-volume", "55 fL").output


def test_before_and_after_closing() -> None:
    done = cli("vessels", "net.dat", "--close", "upper", "--csv", "t.csv")
    assert done.exit_code == 0, done.output
    assert "closed                upper (16 um)" in done.output and "before" in done.output
    assert "territory             5 vessels that" in done.output
    table = {row["name"]: row for row in rows("t.csv")}
    assert float(table["upper"]["flow_nl_min_after"]) == 0.0 and table["upper"]["state"] == "closed"
    assert float(table["bridge"]["flow_nl_min_before"]) > 0.0 > float(table["bridge"]["flow_nl_min_after"])
    assert table["bridge"]["state"] == "turned" and table["upper"]["haematocrit_after"] == ""
    for when in ("before", "after"):
        inlet, upper, lower = (float(table[n][f"flow_nl_min_{when}"]) for n in ("inlet", "upper", "lower"))
        assert inlet == pytest.approx(upper + lower, rel=1e-6)
        cells = [float(table[n][f"flow_nl_min_{when}"]) * float(table[n][f"haematocrit_{when}"] or 0)
                 for n in ("inlet", "upper", "lower")]  # fmt: skip
        assert cells[0] == pytest.approx(cells[1] + cells[2], rel=1e-6)
    assert float(table["inlet"]["flow_nl_min_after"]) < float(table["inlet"]["flow_nl_min_before"])


@pytest.mark.parametrize("words", ["upper,lower", " upper , lower ", "#1,#2", "e1,e2", "1,2"])
def test_vessels_by_name_identity_or_number(words: str) -> None:
    done = cli("vessels", "net.dat", "--close", words, "--csv", "t.csv")
    assert done.exit_code == 0, done.output
    state = {row["name"]: row["state"] for row in rows("t.csv")}
    assert state["upper"] == state["lower"] == "closed"
    assert {name for name, word in state.items() if word == "lost its flow"} == set(state) - {"upper", "lower"}
    assert "6 without flow, 100 % of their" in done.output and "s to no blood passes" in done.output


def test_numbers_are_names_where_names_are_numbers() -> None:
    write_network_dat(bridge(edge_name=["5", "6", "7", "8", "9", "10", "11"]), "numbers.dat")
    cli("vessels", "numbers.dat", "--close", "6", "--csv", "t.csv")
    assert [row["state"] for row in rows("t.csv")][1] == "closed"
    assert cli("vessels", "numbers.dat", "--close", "1").exit_code == 2
    assert cli("vessels", "numbers.dat", "--close", "#1").exit_code == 0


def test_beads_lodge_by_size() -> None:
    for size, closed in (("13 um", {"lower", "bridge", "upper_out"}), ("30 um", {"inlet"}), ("7 um", {"bridge"})):
        done = cli("vessels", "net.dat", "--beads", size, "--at", "1", "--csv", "t.csv")
        assert done.exit_code == 0, done.output
        found = {row["name"] for row in rows("t.csv") if row["state"] == "closed by beads"}
        assert found and found <= closed, (size, found)
        assert all(float(row["diameter_um"]) <= float(size.split()[0]) for row in rows("t.csv") if row["beads"] != "0")
    again = cli("vessels", "net.dat", "--beads", "7 um", "--at", "1", "--csv", "u.csv")
    assert again.output.replace("u.csv", "t.csv") == done.output  # the same beads go the same way


def test_beads_to_stasis_and_beads_that_run_through() -> None:
    assert "injection ended       stasis" in cli("vessels", "net.dat", "--beads", "30 um", "--at", "1").output
    done = cli("vessels", "net.dat", "--beads", "2 um", "--at", "1")
    assert "no vessel that blood reaches from there is narrow enough" in done.output
    assert "flow lost in          0 open vessels" in done.output


def test_beads_in_a_vessel_after_closing() -> None:
    done = cli("vessels", "net.dat", "--close", "upper", "--beads", "13 um", "--at", "lower", "--csv", "t.csv")
    assert done.exit_code == 0, done.output
    state = {row["name"]: row["state"] for row in rows("t.csv")}
    assert state["upper"] == "closed" and state["lower"] == "closed by beads" and state["inlet"] == "lost its flow"


def test_beds_are_closed_arteriole_by_arteriole() -> None:
    graph = bridge(
        kind=[Kind.ARTERIAL] * 3 + [Kind.OTHER] + [Kind.SINUSOID] * 2 + [Kind.VENOUS],
        conductance=[np.nan, 1e-16, 1e-16, np.nan, np.nan, np.nan, np.nan],
        radius=np.array([300, 100, 100, 3, 100, 100, 300]) * 1e-6,
        exchange=[2, 3],
    )
    write_graphml(graph, "liver.graphml")
    few = cli("vessels", "liver.graphml", "--beads", "200 um", "--at", "inlet", "--csv", "few.csv")
    many = cli("vessels", "liver.graphml", "--beads", "50 um", "--at", "inlet", "--csv", "many.csv")
    assert few.exit_code == many.exit_code == 0, few.output + many.output
    beads = [sum(int(row["beads"]) for row in rows(file)) for file in ("few.csv", "many.csv")]
    assert beads[0] == 2 and beads[1] >= 2 * 4**3 * 0.9  # (200/50)^3 arterioles a bed
    assert "exchange nodes fed    2 before, 0 after" in few.output


def test_given_flows_become_pressures_when_vessels_close() -> None:
    write_network_dat(bridge(boundary_type=[2, 0], boundary_value=[1e-13, 10 * MMHG]), "pump.dat")
    done = cli("vessels", "pump.dat", "--close", "upper", "--csv", "t.csv")
    assert "1 boundary nodes with a given flow keep the pressure they had" in done.output
    inlet = rows("t.csv")[0]
    assert float(inlet["flow_nl_min_after"]) < 0.9 * float(inlet["flow_nl_min_before"])
    assert "keep the pressure" not in cli("vessels", "net.dat", "--close", "upper").output


def test_table_of_all_vessels_without_closing() -> None:
    cli("vessels", "net.dat", "--csv", "t.csv")
    table = rows("t.csv")
    assert len(table) == 7 and "flow_nl_min" in table[0] and "state" not in table[0]
    volume = np.pi * 12e-6**2 * 1e-4
    assert float(table[0]["transit_s"]) == pytest.approx(
        volume / (float(table[0]["flow_nl_min"]) * 1e-12 / 60), rel=1e-6
    )
    assert table[0]["from"] == "1" and table[0]["to"] == "2" and float(table[0]["haematocrit"]) == pytest.approx(0.4)


def test_pictures_are_drawn() -> None:
    pytest.importorskip("matplotlib")
    done = cli("vessels", "net.dat", "--plot", "one.png")
    assert done.exit_code == 0, done.output
    assert done.output.rstrip().endswith("one.png")
    done = cli("vessels", "net.dat", "--close", "upper", "--beads", "13 um", "--at", "2", "--plot", "two.PNG")
    assert done.exit_code == 0, done.output
    assert picture_size("two.PNG")[0] > picture_size("one.png")[0] > 1000


REFUSED = [
    (["nowhere.dat"], "nowhere.dat: there is no such file"),
    (["nett.dat"], "Did you mean 'net.dat'?"),
    (["."], "is a folder"),
    (["net.dat", "--close", "uper"], "--close: no vessel 'uper'. Did you mean 'upper'?"),
    (["net.dat", "--close", "#7"], "Vessels are numbered #0 to #6"),
    (["net.dat", "--close", " , "], "--close: names no vessel"),
    (["net.dat", "--beads", "100 um"], "--beads: where are they given? Add --at NODE"),
    (["net.dat", "--at", "1"], "--at: what is given there? Add --beads SIZE"),
    (["net.dat", "--beads", "100", "--at", "1"], "--beads: '100' has no unit"),
    (["net.dat", "--beads", "0 um", "--at", "1"], "must be above 0 um"),
    (["net.dat", "--beads", "2 cm", "--at", "1"], "must be at most 5 mm"),
    (["net.dat", "--beads", "2 s", "--at", "1"], "is not a length"),
    (["net.dat", "--beads", "9 um", "--at", "17"], "--at: no node '17'."),
    (["net.dat", "--beads", "9 um", "--at", "6"], "--at 6: no blood flows away from there"),
    (["net.dat", "--cell-volume", "55"], "--cell-volume: '55' has no unit"),
    (["net.dat", "--phase-separation", "2004"], "unknown law '2004'. Did you mean '2005'? Allowed: 2005, 1990, none"),
    (["net.dat", "--plot", "out.jpg"], "--plot out.jpg: must end in .png"),
    (["net.dat", "--plot", "no/out.png"], "--plot no/out.png: there is no folder 'no'. Make it first"),
    (["net.dat", "--po2", "no/out.png"], "--po2 no/out.png: there is no folder 'no'"),
    (["net.dat", "--csv", "out.txt"], "--csv out.txt: must end in .csv"),
    (["net.dat", "--plot", "a.png", "--po2", "a.png"], "--po2 a.png: is what --plot writes"),
    (["broken.dat"], "broken.dat:9: segment inlet: diameter -24 um is not positive"),
]


@pytest.mark.parametrize(("args", "words"), REFUSED, ids=[words[:40] for _, words in REFUSED])
def test_wrong_input_is_refused_before_anything_is_made(args: list[str], words: str) -> None:
    Path("broken.dat").write_text(Path("net.dat").read_text().replace("\t24\n", "\t-24\n", 1))
    done = cli("vessels", *args)
    assert done.exit_code == 2, done.output
    assert words in done.stderr and "Traceback" not in done.output and done.stdout == ""
    assert sorted(p.name for p in Path().iterdir()) == ["broken.dat", "net.dat"]


def test_all_problems_at_once() -> None:
    done = cli("vessels", "net.dat", "--close", "uper,upper,nothing", "--beads", "9", "--at", "77", "--plot", "a/b.jpg")
    assert done.exit_code == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "--beads", "--plot a/b.jpg", "--plot a/b.jpg", "--close", "--close", "--at",
    ]  # fmt: skip


def test_a_name_that_many_nodes_have() -> None:
    write_graphml(bridge(node_name=["gate", "gate", "", "", "", ""]), "net.graphml")
    done = cli("vessels", "net.graphml", "--beads", "30 um", "--at", "gate")
    assert done.exit_code == 2 and "no node alone is called 'gate': #0, #1 are" in done.stderr
    assert cli("vessels", "net.graphml", "--beads", "30 um", "--at", "#0").exit_code == 0


def test_pictures_need_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    done = cli("vessels", "net.dat", "--plot", "a.png", "--csv", "t.csv")
    assert done.exit_code == 2 and 'pip install "tumorsim[view]"' in done.stderr
    assert not Path("a.png").exists() and not Path("t.csv").exists()


@pytest.mark.skipif(not MEASURED.is_dir(), reason="the measured networks are not here")
def test_measured_mesentery_from_its_boundary_data_alone() -> None:
    done = cli("vessels", MEASURED / "mesentery_rat_1990.dat", "--cell-volume", "55 fL", "--csv", "t.csv")
    assert done.exit_code == 0, done.output
    words = done.output.split("relative difference: median ")[1]
    assert float(words.split(" %")[0]) < 1.0
    assert len(rows("t.csv")) == 1130


def test_oxygen_of_the_tissue_before_and_after() -> None:
    pytest.importorskip("matplotlib")
    write_graphml(bridge(), "net.graphml")
    done = cli("vessels", "net.graphml", "--po2", "o.png")
    assert done.exit_code == 0, done.output
    assert "below 10 mmHg" in done.output and "rat haemoglobin" in done.output
    after = cli("vessels", "net.graphml", "--close", "upper", "--po2", "p.png", "--cell-volume", "92 fL")
    assert after.exit_code == 0, after.output
    assert "human haemoglobin" in after.output and " to " in after.output.split("\nmean  ")[1].splitlines()[0]
    assert picture_size("p.png")[1] == 2 * picture_size("o.png")[1]


def test_a_box_too_large_for_oxygen_is_refused_and_nothing_is_written() -> None:
    pytest.importorskip("matplotlib")
    write_graphml(bridge(node_pos=bridge().node_pos * 1000), "large.graphml")
    done = cli("vessels", "large.graphml", "--po2", "o.png", "--csv", "t.csv")
    assert done.exit_code == 2 and "sites of 10 um" in done.stderr
    assert sorted(p.name for p in Path().iterdir()) == ["large.graphml", "net.dat"]


def test_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    told = cli("vessels", tmp_path)
    assert told.exit_code == 2
    assert "is a folder. Name a file in it" in told.output and "Did you mean" not in told.output


def test_nothing_is_written_where_one_of_the_files_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    (tmp_path / "shut").mkdir()
    file = write_network_dat(bridge(), tmp_path / "bridge.dat") or tmp_path / "bridge.dat"
    made = tempfile.TemporaryFile

    def refuse(**asked: object) -> object:
        if str(asked["dir"]).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return made(**asked)

    monkeypatch.setattr("tumorsim.report.network_report.tempfile.TemporaryFile", refuse)
    told = cli("vessels", file, "--csv", tmp_path / "table.csv", "--plot", tmp_path / "shut" / "picture.png")
    assert told.exit_code == 2
    assert "nothing can be written in the folder" in told.output.replace("\n", " ")
    assert not (tmp_path / "table.csv").exists()
