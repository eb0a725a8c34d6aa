# ruff: noqa: E501  (a table reads better in rows)
"""What an ablation by heat refuses: with line, reason and what is allowed; all at once; the command ends with 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tumorsim.cli import app
from tumorsim.errors import InputError
from tumorsim.scenario import Scenario

GOOD = """\
schema_version: 1
name: Heat
until: 10 d
step: 12 h
tissue:
  size: 60 mm
  spacing: 1 mm
  tumour: {diameter: 16 mm}
  organs:
    - gallbladder: {distance: 3 mm, side: -z}
treatments:
  - at: 1 d
    microwave:
      needles: [{tip: [0 mm, 0 mm, 12 mm]}]
      power: 60 W
      duration: 10 min
      sar: table.csv
"""

# what is written in place of what, and the line and words of its message
WRONG: dict[str, tuple[str, str, list[str]]] = {
    "needle outside the body": (
        "12 mm]", "40 mm]",
        [":14:", "microwave.needles: needle 1, point 1", "(0 mm, 0 mm, 40 mm) lies outside the body", "at most 30, 30, 30"],
    ),
    "point outside the body": ("12 mm]}", "12 mm], points: [{depth: 50 mm}]}", [":14:", "(0 mm, 0 mm, -38 mm)", "outside the body"]),
    "no power": ("60 W", "0 W", [":15:", "microwave.power: '0 W' is out of range: it must be above 0 W"]),
    "negative power": ("60 W", "-60 W", [":15:", "microwave.power: '-60 W'", "above 0 W"]),
    "no power at a point": ("12 mm]}", "12 mm], points: [{power: 0 W}]}", [":14:", "needle 1, point 1, power: '0 W'", "above 0 W"]),
    "no time": ("10 min", "0 s", [":16:", "microwave.duration: '0 s' is out of range: it must be above 0 s"]),
    "negative time": ("10 min", "-1 min", [":16:", "microwave.duration", "above 0 s"]),
    "organ inside the tumour": ("distance: 3 mm", "distance: -3 mm", [":10:", "gallbladder.distance", "inside the tumour", "at least 0 mm"]),
    "density above one": ("table", "triple", [":17:", "microwave.sar", "triple.csv", "integrates to 3", "1 within 1%"]),
    "density not there": ("table", "tabel", [":17:", "microwave.sar", "there is no such file", "Did you mean 'table.csv'?"]),
    "alarm misspelt": ("power: 60 W", "alarm: of", [":15:", "microwave.alarm", "Did you mean 'off'?", "on, operated, off"]),
}  # fmt: skip


def write(folder: Path, text: str) -> Path:
    """The scenario with its tables: even within 10 mm of the axis and 15 mm of the middle, then falling off."""
    r, z = np.array([0.0, 10.0, 11.0]), np.array([-16.0, -15.0, 15.0, 16.0])
    # between its points a table is straight: weights of the hats of r and z
    inside = np.pi * 1e-6 * (10.0**2 + 1.0 * (2 * 10.0 + 11.0) / 3.0) * 31e-3
    for name, whole in (("table", 1.0), ("triple", 3.0)):
        rows = ["r_mm\\z_mm," + ",".join(f"{x:g}" for x in z)]
        rows += [f"{a:g}," + ",".join(f"{whole / inside * (a <= 10) * (abs(b) <= 15):.9g}" for b in z) for a in r]
        (folder / f"{name}.csv").write_text("\n".join(rows))
    file = folder / "heat.yaml"
    file.write_text(text)
    return file


def refused(file: Path) -> list[str]:
    """Problems of a file; the command tells the same and ends with 2."""
    with pytest.raises(InputError) as error:
        Scenario.load(file)
    done = CliRunner().invoke(app, ["run", str(file), "--out", str(file.parent / "out")])
    assert done.exit_code == 2 and "Traceback" not in done.output
    assert all(problem in done.stderr for problem in error.value.problems)
    assert not (file.parent / "out").exists()
    return error.value.problems


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    assert Scenario.load(write(tmp_path, GOOD)).treatments[0].spec.alarm == "on"
    for word, read in (("true", "on"), ("off", "off"), ("operated", "operated")):
        file = write(tmp_path, GOOD.replace("power: 60 W", f"alarm: {word}"))
        assert Scenario.load(file).treatments[0].spec.alarm == read


@pytest.mark.parametrize("kind", WRONG)
def test_refused_with_line_reason_and_what_is_allowed(kind: str, tmp_path: Path) -> None:
    old, new, words = WRONG[kind]
    assert GOOD.count(old) == 1
    (problem,) = refused(write(tmp_path, GOOD.replace(old, new)))
    assert all(word in problem for word in words), problem


def test_all_of_it_at_once(tmp_path: Path) -> None:
    text = GOOD
    for kind in ("needle outside the body", "no power", "no time", "organ inside the tumour", "density above one"):
        text = text.replace(*WRONG[kind][:2])
    problems = refused(write(tmp_path, text))
    lines = [int(problem.split("heat.yaml:")[1].split(":")[0]) for problem in problems]
    assert lines == [10, 14, 15, 16, 17]


def test_an_alarm_without_a_wall_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("  organs:\n    - gallbladder: {distance: 3 mm, side: -z}\n", "")
    (problem,) = refused(write(tmp_path, text.replace("power: 60 W", "alarm: off")))
    assert "microwave.alarm: tissue.organs names no organ" in problem
    Scenario.load(write(tmp_path, text))
