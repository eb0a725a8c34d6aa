"""The house: imports go down the list, chance comes from one room, headless code draws no pictures."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tumorsim"
# from the top floor down; a room may import its own floor's room and what lies below
FLOORS = [
    "cli",
    "face",
    "launch",
    "report",
    "studies",
    "model",
    "saving",
    "balance",
    "circulation",
    "bedside",
    "irradiation",
    "oxygenation",
    "log",
    "ledger",
    "patient",
    "fine_patient",
    "scenario",
    "treatments",
    "outcomes",
    "cells",
    "pharmacology",
    "hazards",
    "fields",
    "vessels",
    "anatomy",
    "state",
    "arrays",
    "migration",
    "parameters",
    "clock",
    "lattice",
    "chance",
    "_quantiles",
    "quantity",
    "document",
    "errors",
    "_jit",
]
FACE = {"__init__", "__main__"}  # the public face imports from anywhere


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if room(p) not in FACE)


def imported_rooms(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    rooms = set()
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
            if node.module == "tumorsim":
                names = [f"tumorsim.{a.name}" for a in node.names]
        rooms |= {n.split(".")[1] for n in names if n.startswith("tumorsim.")}
    return rooms - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    here = room(path)
    assert here in FLOORS, f"{here} is not a room of the house"
    for other in imported_rooms(path) - {here}:
        assert FLOORS.index(other) > FLOORS.index(here), f"{here} imports {other}, which is above it"


def test_chance_comes_from_one_room() -> None:
    pattern = re.compile(r"np\.random\.|default_rng|^import random|from random import|secrets\.|uuid4")
    for path in MODULES:
        if room(path) != "chance":
            for number, line in enumerate(path.read_text().splitlines(), 1):
                assert not pattern.search(line), f"{path.name}:{number}: {line.strip()}"


def test_published_results_are_not_read_by_the_package() -> None:
    for path in MODULES:
        text = path.read_text()
        assert not re.search(r"observed_\w+\.csv|clinical_targets|clinical_evidence", text), path


def test_files_can_be_held_in_the_head() -> None:
    long = {str(p): n for p in PACKAGE.rglob("*.py") if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_treatments_never_import_cells() -> None:
    for path in (PACKAGE / "treatments").rglob("*.py"):
        assert "cells" not in imported_rooms(path), path


def test_a_headless_run_imports_no_plot_library() -> None:
    code = (
        "import tumorsim.model, tumorsim.studies.run, sys;"
        "bad = {'matplotlib', 'plotly', 'solara', 'altair', 'IPython'} & set(sys.modules);"
        "sys.exit(str(sorted(bad)) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_every_parameter_is_read_somewhere() -> None:
    from tumorsim.parameters import load_parameters

    source = "".join(path.read_text() for path in MODULES)
    made = [re.escape(p).replace(r"\{", "{") for p in re.findall(r'f"([a-z]+\.[a-z_{}]*\{[a-z_]+\}[a-z_]*)"', source)]
    patterns = [re.compile(re.sub(r"\\?\{.*?\}", "[a-z0-9_]+", p)) for p in made]
    idle = [
        name for name in load_parameters() if f'"{name}"' not in source and not any(p.fullmatch(name) for p in patterns)
    ]
    assert not idle, "a parameter that does nothing"
