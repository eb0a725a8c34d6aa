"""The README and the package docstring are true: their Python runs, their commands and files exist."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import tumorsim
from tumorsim.scenario import Scenario

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_python_of_the_readme_runs() -> None:
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert tried > 5
    assert failed == 0


def test_python_of_the_package_docstring_runs() -> None:
    failed, tried = doctest.testmod(tumorsim)
    assert tried and not failed


def test_the_scenario_of_the_readme_is_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README, flags=re.S)
    assert blocks
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block)
        assert Scenario.load(path).name == "TACE lobar"


def test_links_of_the_readme_exist() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_commands_of_the_readme_exist() -> None:
    from typer.main import get_command

    from tumorsim.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(
        re.findall(
            r"^(?:\.venv/bin/)?tumorsim (\w+)",
            "\n".join(re.findall(r"```console\n(.*?)```", README, flags=re.S)),
            flags=re.M,
        )
    )
    assert named and named <= known


def test_the_public_face_is_small_and_there() -> None:
    assert 8 <= len(tumorsim.__all__) <= 12
    for name in tumorsim.__all__:
        assert getattr(tumorsim, name) is not None
