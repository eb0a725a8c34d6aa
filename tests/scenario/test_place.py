from __future__ import annotations

from pathlib import Path

import pytest

from tumorsim.scenario.place import default_out, out_problems, slug


@pytest.mark.parametrize(
    ("name", "expected"),
    [("TACE lobar", "tace_lobar"), ("  Größe/../x ", "gro_e_x"), ("../..", "scenario"), ("肝", "scenario")],
)
def test_a_name_makes_a_safe_folder(name: str, expected: str) -> None:
    assert slug(name) in (expected, expected.replace("gro_e", "groe"))


def test_the_default_folder() -> None:
    assert default_out(["TACE lobar"]) == Path("results/tace_lobar")
    assert default_out(["A", "B b"]) == Path("results/a_vs_b_b")
    assert default_out(list("abcdefg")) == Path("results/a_vs_b_vs_c_vs_4_others")


def test_results_are_not_written_over(tmp_path: Path) -> None:
    assert out_problems(tmp_path, False) == [] == out_problems(tmp_path / "new" / "er", False)
    (tmp_path / "other.txt").write_text("x")
    assert out_problems(tmp_path, False) == []
    (tmp_path / "summary.json").write_text("{}")
    assert "--overwrite" in out_problems(tmp_path, False)[0]
    assert out_problems(tmp_path, True) == []
    assert "is a file" in out_problems(tmp_path / "other.txt", True)[0]
    assert "is a file" in out_problems(tmp_path / "other.txt" / "in", True)[0]
    assert "not a usable" in out_problems(tmp_path / ("x" * 5000), True)[0]
