# ruff: noqa: E501  (a table reads better in rows)
"""Every kind of broken scenario is refused in words: where, what, and what is allowed; nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tumorsim.cli import app
from tumorsim.errors import InputError
from tumorsim.scenario import Scenario, checks

GOOD = """\
schema_version: 1
name: A scenario
until: 10 d
step: 12 h
seed: 7
assess: 5 d
tissue:
  size: 60 mm
  spacing: 1 mm
  tumour:
    diameter: 30 mm
    septa: 2
vessels:
  feeders: 3
treatments:
  - at: 1 d
    tace:
      catheter: superselective
      beads: {size: 100 um, spread: 20 um}
      number: 1000
      drug:
        doxorubicin: 50 mg
parameters:
  cells.cycle_time: 40 h
"""

# name: (text to replace, its replacement, what each message must hold: [line, path, words...])
BROKEN: dict[str, tuple[str, str, list[list[str]]]] = {
    "misspelt key": ("diameter: 30", "diametre: 30", [[":11:", "tissue.tumour.diametre: unknown key", "'diameter'"]]),
    "unknown top key": ("seed: 7", "sede: 7", [[":5:", "sede: unknown key", "Did you mean 'seed'", "Allowed: schema_ver"]]),
    "duplicate key": ("assess: 5 d", "seed: 8", [[":6:", "seed: is written twice, first on line 5"]]),
    "duplicate key inside": ("septa: 2", "diameter: 3 mm", [[":12:", "tissue.tumour.diameter", "first on line 11"]]),
    "bare number": ("30 mm", "30", [[":11:", "tissue.tumour.diameter: 30 has no unit", "'42 mm'"]]),
    "bare number as text": ("30 mm", "'30'", [[":11:", "tissue.tumour.diameter", "no unit", "'42 mm'"]]),
    "wrong unit": ("30 mm", "30 kg", [[":11:", "tissue.tumour.diameter", "is not a length", "'42 mm'"]]),
    "unknown unit": ("30 mm", "30 mmm", [[":11:", "tissue.tumour.diameter", "'mmm'", "'42 mm'"]]),
    "no number": ("30 mm", "large", [[":11:", "tissue.tumour.diameter", "'42 mm'"]]),
    "negative": ("30 mm", "-30 mm", [[":11:", "tissue.tumour.diameter", "must be above 0 mm"]]),
    "zero": ("30 mm", "0 mm", [[":11:", "tissue.tumour.diameter", "must be above 0 mm"]]),
    "nan": ("30 mm", ".nan", [[":11:", "tissue.tumour.diameter", "not a finite value"]]),
    "nan with unit": ("30 mm", "nan mm", [[":11:", "tissue.tumour.diameter", "'42 mm'"]]),
    "infinite": ("until: 10 d", "until: .inf", [[":3:", "until: inf is not a finite value"]]),
    "too large to be": ("30 mm", "1e400 m", [[":11:", "tissue.tumour.diameter", "'1e400 m'", "'42 mm'"]]),
    "true for a length": ("30 mm", "true", [[":11:", "tissue.tumour.diameter: True is not a length"]]),
    "nothing for a length": ("30 mm", "", [[":11:", "tissue.tumour.diameter: is empty"]]),
    "list for a length": ("30 mm", "[30 mm]", [[":11:", "tissue.tumour.diameter", "is not a length"]]),
    "no tumour": ("  tumour:\n    diameter: 30 mm\n    septa: 2\n", "", [[":7:", "tissue.tumour: is missing", "diameter"]]),
    "tumour without a size": ("    diameter: 30 mm\n", "", [[":10:", "tissue.tumour: needs a size", "axes"]]),
    "diameter and axes": ("septa: 2", "axes: [1 cm, 1 cm, 2 cm]", [[":12:", "tissue.tumour.axes", "beside diameter"]]),
    "two axes": ("diameter: 30 mm", "axes: [1 cm, 1 cm]", [[":11:", "tissue.tumour.axes", "three full lengths"]]),
    "bare axis": ("diameter: 30 mm", "axes: [1 cm, 1 cm, 2]", [[":11:", "tissue.tumour.axes", "2 has no unit"]]),
    "ellipsoid of one size": ("septa: 2", "shape: ellipsoid", [[":12:", "tissue.tumour.shape", "needs axes"]]),
    "unknown capsule": ("septa: 2", "capsule: intakt", [[":12:", "tumour.capsule", "'intact'", "none, partial, intact"]]),
    "unknown place": ("septa: 2", "place: domed", [[":12:", "tumour.place", "Did you mean 'dome'?", "Allowed: deep, dome, bare area"]]),
    "place a number": ("septa: 2", "place: 8", [[":12:", "tissue.tumour.place: 8 is not known", "anterior-inferior"]]),
    "unknown vascularity": ("septa: 2", "vascularity: hyperr", [[":12:", "tumour.vascularity", "'hyper'", "hyper, iso, hypo"]]),
    "vascularity elsewhere": ("feeders: 3", "vascularity: iso", [[":14:", "vessels.vascularity: unknown key", "Allowed: "]]),
    "septa with a fraction": ("septa: 2", "septa: 2.5", [[":12:", "tissue.tumour.septa: 2.5 is not a whole number"]]),
    "septa true": ("septa: 2", "septa: true", [[":12:", "tissue.tumour.septa: True is not a whole number"]]),
    "too many septa": ("septa: 2", "septa: 500", [[":12:", "tissue.tumour.septa: 500 is out of range", "0 to 30"]]),
    "tumour larger than the box": ("size: 60 mm", "size: 30 mm", [[":8:", "tissue.size", "does not hold the tumour"]]),
    "tumour under three sites": ("spacing: 1 mm", "spacing: 12 mm", [[":9:", "tissue.spacing", "fewer than 3 sites"]]),
    "two to eight cells a site": (
        "spacing: 1 mm",
        "spacing: 180 um\n  density: 1e6 1/mL",
        [[":9:", "tissue.spacing: 180 um holds 5.8 cells", "Nearest good values"]],
    ),
    "fine spacing": ("spacing: 1 mm", "spacing: 50 um", [[":9:", "tissue.spacing", "resolves single capillaries", "tissue.culture"]]),
    "more sites than there can be": (
        "  size: 60 mm\n  spacing: 1 mm",
        "  size: 1 m\n  spacing: 0.1 mm",
        [[":8:", "tissue.size", "at most 2 billion"]],
    ),
    "four dimensions": ("spacing: 1 mm", "spacing: 1 mm\n  dimensions: 4", [["tissue.dimensions", "2 to 3"]]),
    "unknown liver": ("spacing: 1 mm", "spacing: 1 mm\n  liver: fatty", [["tissue.liver", "normal, cirrhotic"]]),
    "bench with a tumour": (
        "spacing: 1 mm",
        "spacing: 1 mm\n  bench: ex vivo",
        [
            [":11:", "tissue.tumour", "without a tumour"],
            ["vessels: ", "has no vessels"],
            ["treatments.0", "tace cannot be tried on a bench", "microwave, radiofrequency"],
        ],
    ),
    "tissue is a word": ("tissue:\n", "notes: x\ntissue_: 1\ntissue2:\n", [["tissue: is missing"], ["tissue_"], ["tissue2"]]),
    "no run length": ("until: 10 d\n", "", [[":1:", "until: is missing", "until: 180 d"]]),
    "until off the grid": ("until: 10 d", "until: 10.1 d", [[":3:", "until", "not a whole number of steps", "10.5 d"]]),
    "step too long": ("step: 12 h", "step: 25 h", [[":4:", "step", "at most 24 h"]]),
    "step too short": ("step: 12 h", "step: 1 min", [[":4:", "step", "at least 1 h"]]),
    "step with a fraction of a second": ("step: 12 h", "step: 4000.5 s", [[":4:", "step", "whole number of seconds"]]),
    "assess beyond the end": ("assess: 5 d", "assess: 11 d", [[":6:", "assess", "beyond the end of the run (until 10 d)"]]),
    "negative seed": ("seed: 7", "seed: -1", [[":5:", "seed: -1 is out of range", "0 to 4294967295"]]),
    "large seed": ("seed: 7", "seed: 4294967296", [[":5:", "seed: 4294967296 is out of range"]]),
    "seed as text": ("seed: 7", "seed: '7'", [[":5:", "seed: '7' is not a whole number"]]),
    "name a number": ("name: A scenario", "name: 42", [[":2:", "name: 42 is not text", "quotes"]]),
    "name empty": ("name: A scenario", "name: ''", [[":2:", "name", "empty"]]),
    "no name": ("name: A scenario\n", "", [[":1:", "name: is missing"]]),
    "unknown version": ("schema_version: 1", "schema_version: 2", [[":1:", "schema_version", "Write schema_version: 1"]]),
    "feeders out of range": ("feeders: 3", "feeders: 13", [[":14:", "vessels.feeders: 13", "1 to 12", "'by size'"]]),
    "feeders a word": ("feeders: 3", "feeders: by weight", [[":14:", "vessels.feeders", "'by size'"]]),
    "thrombus misspelt": ("septa: 2", "thrombus: vp2", [[":12:", "tissue.tumour.thrombus: 'vp2'", "Vp2", "none, Vp1, Vp2, Vp3, Vp4"]]),
    "thrombus as a number": ("septa: 2", "thrombus: 2", [[":12:", "tissue.tumour.thrombus"]]),
    "thrombus in a slab": (
        "    septa: 2",
        "    thrombus: Vp3\n  dimensions: 2",
        [[":12:", "tissue.tumour.thrombus: a slab has no room for a portal vein", "dimensions: 3"]],
    ),
    "unknown extrahepatic supply": (
        "feeders: 3",
        "extrahepatic: frenic",
        [[":14:", "vessels.extrahepatic: 'frenic' is not known. Did you mean 'phrenic'?", "by size and place, none, phrenic, omental"]],
    ),
    "extrahepatic true": ("feeders: 3", "extrahepatic: true", [[":14:", "vessels.extrahepatic", "Allowed: by size and place"]]),
    "graph file and extrahepatic": ("feeders: 3", "extrahepatic: none\n  file: a.dat", [["vessels.extrahepatic", "cannot stand beside file"], []]),
    "misspelt extrahepatic": ("feeders: 3", "extrahepatik: none", [[":14:", "vessels.extrahepatik: unknown key", "'extrahepatic'"]]),
    "terminals out of range": ("feeders: 3", "terminals: 10", [[":14:", "vessels.terminals", "50 to 20000"]]),
    "graph file not there": ("feeders: 3", "file: net.dat", [[":14:", "vessels.file", "is not there"]]),
    "graph file of another kind": ("feeders: 3", "file: net.png", [[":14:", "vessels.file", ".graphml, .xml, .dat"]]),
    "graph file and feeders": ("feeders: 3", "feeders: 3\n  file: a.dat", [["vessels.feeders", "cannot stand beside file"], []]),
    "treatments are no list": ("  - at: 1 d\n    tace:\n", "  at: 1 d\n  tace:\n", [["treatments", "needs a list"]]),
    "unknown treatment": ("    tace:", "    tacee:", [[":17:", "treatments.0.tacee: unknown treatment", "'tace'", "tae, tace"]]),
    "treatment of a later version": ("    tace:", "    ethanol:", [[":17:", "not in this version", "tae, tace"]]),
    "two treatments in one item": ("    tace:", "    tae: {}\n    tace:", [[":16:", "treatments.0: names 2", "tae, tace"]]),
    "drug without chemoembolisation": ("    tace:", "    tae:", [[":21:", "treatments.0.tae.drug", "use tace"]]),
    "unknown drug": ("doxorubicin", "doxorubicine", [[":22:", "tace.drug.doxorubicine", "'doxorubicin'", "cisplatin"]]),
    "negative mass": ("50 mg", "-50 mg", [[":22:", "tace.drug.doxorubicin", "at least 0 mg"]]),
    "mass in the wrong unit": ("50 mg", "50 mg/mL", [[":22:", "tace.drug.doxorubicin", "is not a mass"]]),
    "number with a fraction": ("number: 1000", "number: 10.5", [[":20:", "treatments.0.tace.number: 10.5"]]),
    "number in exponents": ("number: 1000", "number: 1e3", [[":20:", "tace.number: 1000.0 is not a whole number"]]),
    "negative number": ("number: 1000", "number: -1", [[":20:", "treatments.0.tace.number", "0 to"]]),
    "beads too small": ("size: 100 um", "size: 10 um", [[":19:", "tace.beads.size", "at least 40 um"]]),
    "beads too large": ("{size: 100 um, spread: 20 um}", "5 mm", [[":19:", "tace.beads", "at most 1000 um"]]),
    "beads a bare number": ("{size: 100 um, spread: 20 um}", "100", [[":19:", "tace.beads: 100 has no unit", "'100 um'"]]),
    "beads spread too far": ("spread: 20 um", "spread: 80 um", [[":19:", "tace.beads.spread", "more than half"]]),
    "catheter misspelt": ("superselective", "superselectiv", [[":18:", "tace.catheter", "'superselective'", "lobar"]]),
    "catheter in no feeder": ("superselective", "feeder_4", [[":18:", "tace.catheter", "no vessel 'feeder_4'", "3 feeders"]]),
    "catheter a number": ("superselective", "3", [[":18:", "tace.catheter: 3 is not text"]]),
    "endpoint unknown": ("number: 1000", "endpoint: never", [[":20:", "tace.endpoint: 'never'", "Allowed: stasis, near-stasis"]]),
    "treatment before the run": ("at: 1 d", "at: -1 d", [[":16:", "treatments.0.at", "at least 0 s"]]),
    "treatment after the run": ("at: 1 d", "at: 11 d", [[":16:", "treatments.0.at: 11 d is outside the run"]]),
    "treatment without a time": ("  - at: 1 d\n    tace:", "  - tace:", [[":16:", "treatments.0.at: is missing"]]),
    "item without a treatment": ("parameters:", "  - at: 2 d\nparameters:", [[":23:", "treatments.1: names no treatment"]]),
    "empty treatment": ("parameters:", "  - {at: 2 d, tae: }\nparameters:", [[":23:", "treatments.1.tae: is empty", "tae: {}"]]),
    "item is a word": ("parameters:", "  - tace\nparameters:", [[":23:", "treatments.1: needs keys and values"]]),
    "item is empty": ("parameters:", "  -\nparameters:", [[":23:", "treatments.1: is empty"]]),
    "same id twice": (
        "parameters:",
        "  - {at: 2 d, id: x, tae: {}}\n  - {at: 3 d, id: x, tae: {}}\nparameters:",
        [[":24:", "treatments.2.id: 'x' is also the id of treatments.1"]],
    ),
    "unusable id": ("parameters:", "  - {at: 2 d, id: ../x, tae: {}}\nparameters:", [[":23:", "treatments.1.id"]]),
    "unknown parameter": ("cells.cycle_time", "cells.cycel_time", [[":24:", "parameters.cells.cycel_time", "cells.cycle_time'"]]),
    "parameter without a unit": ("40 h", "40", [[":24:", "parameters.cells.cycle_time", "unit"]]),
    "parameter in the wrong unit": ("40 h", "40 mm", [[":24:", "parameters.cells.cycle_time"]]),
    "parameter a list": ("40 h", "[40 h]", [[":24:", "parameters.cells.cycle_time"]]),
    "study file": ("assess: 5 d", "arms: {}", [[":6:", "arms: study files are not in this version"]]),
    "tag": ("30 mm", "!!python/object/apply:os.system ['true']", [[":11:", "tissue.tumour.diameter: tags"]]),
    "own tag": ("30 mm", "!mm 30", [[":11:", "tissue.tumour.diameter: tags (!mm)"]]),
    "merge key": ("septa: 2", "<<: {septa: 2}", [[":12:", "merge keys"]]),
    "syntax error": ("tissue:", "tissue: [", [["is not YAML"]]),
    "tab": ("  spacing", "\tspacing", [[":9:", "is not YAML"]]),
    "unknown alias": ("30 mm", "*size", [[":11:", "is not YAML", "alias"]]),
    "two documents": ("vessels:", "---\nvessels:", [["is not YAML", "document"]]),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_refused_with_line_path_and_what_is_allowed(kind: str, tmp_path: Path) -> None:
    old, new, expected = BROKEN[kind]
    assert old in GOOD
    file = tmp_path / "broken.yaml"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError) as refused:
        Scenario.load(file)
    problems = refused.value.problems
    assert len(problems) == len(expected), problems
    for words in expected:
        assert any(all(word in line for word in words) for line in problems), (words, problems)
    for line in problems:
        assert line.startswith(str(file)), line
        assert "\n" not in line

    done = CliRunner().invoke(app, ["run", str(file), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert problems[0] in done.stderr and "Traceback" not in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["broken.yaml"]


def test_the_unbroken_one_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    assert Scenario.load(file).tissue.tumour.diameter == 0.03


def test_many_problems_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD
    changes = {
        "seed: 7": "seed: -7",
        "assess: 5 d": "assess: 50 d",
        "diameter: 30 mm": "diametre: 30 mm",
        "feeders: 3": "feeders: 30",
        "at: 1 d": "at: 100 d",
        "100 um": "100",
        "50 mg": "50",
        "cycle_time": "cycletime",
    }
    for old, new in changes.items():
        text = text.replace(old, new, 1)
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        Scenario.load(file)
    lines = [int(line.removeprefix(f"{file}:").split(":")[0]) for line in refused.value.problems]
    assert lines == [5, 6, 11, 14, 16, 19, 22, 24]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n- b\n", "must be keys and values"),
        (b"just a sentence", "must be keys and values"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8 text"),
        (b"name: a\x00b\n", "control characters"),
        ("name: größe\n".encode("utf-16"), "not UTF-8 text"),
        (b"#" * 1_000_001, "at most 1 MB"),
        (b"name: " + b"[" * 5000, "nested too deeply"),
        (b"name: " + b"{a: " * 40 + b"1" + b"}" * 40, "nested too deeply"),
    ],
)
def test_files_that_are_no_scenario(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=words) as refused:
        Scenario.load(file)
    assert refused.value.problems[0].startswith(str(file))


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    file = tmp_path / "bomb.yaml"
    file.write_text("a0: &a0 [x, x, x]\n" + "\n".join(levels))
    with pytest.raises(InputError, match=r"bomb\.yaml:\d+: aliases"):
        Scenario.load(file)
    file.write_text("a: &a [*a]\n")
    with pytest.raises(InputError, match="nested too deeply"):
        Scenario.load(file)


def test_an_alias_is_as_good_as_its_value(tmp_path: Path) -> None:
    file = tmp_path / "alias.yaml"
    file.write_text(GOOD.replace("until: 10 d", "until: &end 10 d").replace("assess: 5 d", "assess: *end"))
    assert Scenario.load(file).assess == 864_000


def test_a_file_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "my_tumour.yaml").write_text(GOOD)
    with pytest.raises(InputError, match=r"no such file\. Did you mean 'my_tumour\.yaml'\?"):
        Scenario.load(tmp_path / "my_tumor.yaml")
    with pytest.raises(InputError, match=r"Did you mean 'tace_lobar'\?.*untreated"):
        Scenario.load("tace_lobr")
    with pytest.raises(InputError, match="is a folder"):
        Scenario.load(tmp_path)


def test_too_little_memory_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    monkeypatch.setattr(checks, "available_memory", lambda: 1e8)
    with pytest.raises(InputError, match=r"good\.yaml:8: tissue\.size: .* 100 MB is available"):
        Scenario.load(file)
    monkeypatch.setattr(checks, "available_memory", lambda: None)
    Scenario.load(file)


def test_a_broken_graph_is_named_with_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "net.dat").write_text("this is no network\n")
    file = tmp_path / "broken.yaml"
    file.write_text(GOOD.replace("feeders: 3", "file: net.dat"))
    with pytest.raises(InputError, match=r"broken\.yaml:14: vessels\.file: cannot be used: .*net\.dat"):
        Scenario.load(file)


@pytest.mark.parametrize(
    ("word", "allowed", "guess"),
    [
        ("VP1", ("none", "Vp1", "Vp2"), "Vp1"),
        ("hypervascular", ("hypo", "iso", "hyper"), "hyper"),
        ("by size", ("by size and place", "none"), "by size and place"),
        ("superselectiv", ("lobar", "superselective"), "superselective"),
        ("zzz", ("lobar", "superselective"), None),
    ],
)
def test_the_nearest_word_is_found_by_its_beginning_and_whatever_its_case(
    word: str, allowed: tuple[str, ...], guess: str | None
) -> None:
    from tumorsim.errors import nearest

    assert nearest(word, allowed) == (f" Did you mean '{guess}'?" if guess else "")
