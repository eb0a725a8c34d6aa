"""The command line, as far as it needs no model: help, check, schema, examples, refusals, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tumorsim import __version__
from tumorsim.cli import app
from tumorsim.errors import InputError
from tumorsim.scenario import packaged

COMMANDS = ["run", "compare", "vessels", "check", "dose", "schema", "examples", "verify", "report", "view"]


def cli(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def studies(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands in for what runs; keeps what it was called with, or raises what it is told to."""
    calls = SimpleNamespace(seen=[], reported=[], error=None)

    def called(*args: Any, **kwargs: Any) -> str:
        calls.seen.append((args, kwargs))
        if calls.error is not None:
            raise calls.error
        return "the folder"

    def opened(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(
            report=lambda: calls.reported.append(folder), sentences=lambda: [f"the result in {folder}"]
        )

    results = ModuleType("tumorsim.report.results")
    results.Results = SimpleNamespace(open=opened)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, results.__name__, results)
    for module, name in (("run", "run_scenario"), ("compare", "compare_scenarios")):
        stand_in = ModuleType(f"tumorsim.studies.{module}")
        setattr(stand_in, name, called)
        monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    return calls


# --- finding the way -------------------------------------------------------------------------------------


def test_bare_command_suggests_three() -> None:
    done = cli()
    assert done.exit_code == 0
    assert sum(line.startswith("  tumorsim ") for line in done.output.splitlines()) == 3


def test_help_names_every_command() -> None:
    done = cli("--help")
    assert done.exit_code == 0 and all(f"\n  {name} " in done.output for name in COMMANDS)
    for name in COMMANDS:
        assert cli(name, "--help").exit_code == 0
    assert __version__ in cli("--version").output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom tumorsim.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'numba', 'scipy', 'mesa', 'pandas', 'pyarrow', 'pint', 'pydantic', 'plotly'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_check_does_not_load_the_model() -> None:
    code = (
        "import sys\nfrom tumorsim.cli import app\n"
        "try: app(['check', 'tace_lobar'])\nexcept SystemExit as e: assert e.code == 0\n"
        "heavy = {'mesa', 'pandas', 'pyarrow', 'plotly', 'networkx', 'tumorsim.model'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["chek", "untreated"], "Did you mean 'check'?"),
        (["run", "untreated", "--overwite"], "--overwrite"),
        (["run"], "FILE"),
        (["run", "untreated", "--seed", "-1"], "--seed"),
        (["run", "untreated", "--seed", "4294967296"], "--seed"),
        (["run", "untreated", "--seed", "1.5"], "--seed"),
        (["run", "untreated", "--threads", "0"], "--threads"),
        (["run", "untreated", "small"], "small"),
        (["compare", "untreated", "small", "--patients", "0"], "--patients"),
        (["compare", "untreated", "small", "--workers", "0"], "--workers"),
        (["compare", "untreated"], "two or more"),
        (["compare", "untreated", "untreated"], "has the name 'Untreated', as untreated has"),
        (["compare", "untreated", "smal"], "Did you mean 'small'?"),
        (["run", "tace_lobr"], "Did you mean 'tace_lobar'?"),
        (["run", "untreated", "--set", "seed"], "needs PATH=VALUE"),
        (["run", "untreated", "--set", "=3"], "needs PATH=VALUE"),
        (["run", "untreated", "--set", "seed=1", "--set", "seed=2"], "is given twice"),
        (["run", "untreated", "--set", "sede=1"], "--set: sede: unknown key. Did you mean 'seed'?"),
        (["run", "untreated", "--set", "tissue.tumour.diameter=42"], "42 has no unit"),
        (["run", "untreated", "--set", "tissue.tumour.diameter="], "tissue.tumour.diameter"),
        (["run", "untreated", "--set", "seed=[1"], "--set seed: value:1: is not YAML"),
        (["run", "untreated", "--out", "file"], "is a file"),
        (["run", "untreated", "--out", "held"], "holds results already (summary.json)"),
        (["compare", "untreated", "small", "--out", "held"], "holds results already"),
        (["check", "nowhere.yaml"], "no such file"),
        (["dose", "small"], "small: has no seeds. Add a treatment"),
        (["dose", "seeds_quimby", "--plot", "x.png"], "the picture is an SVG; name it x.svg"),
        (["dose", "seeds_quimby", "--plot", "nowhere/x.svg"], "there is no such folder"),
        (["vessels", "nowhere.dat"], "no such file"),
        (["vessels", "held"], "is a folder"),
        (["vessels", "file", "--cell-volume", "55"], "'55' has no unit"),
        (["vessels", "file", "--cell-volume", "55 um"], "is not a volume"),
        (["vessels", "file", "--cell-volume", "-5 fL"], "at least 10 fL"),
        (["verify", "nowhere"], "no such folder"),
        (["verify", "held"], "holds no results"),
        (["view", "nowhere"], "no such file"),
        (["examples", "--copy", "file"], "is a file"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_made(args: list[str], words: str, studies: SimpleNamespace) -> None:
    Path("file").write_text("x")
    Path("held").mkdir()
    Path("held/summary.json").write_text("{}")
    done = cli(*args)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert "Traceback" not in done.output and not studies.seen
    assert sorted(p.name for p in Path().iterdir()) == ["file", "held"]


def test_all_problems_of_all_inputs_are_named_at_once(studies: SimpleNamespace) -> None:
    Path("a.yaml").write_text("name: a\nuntil: 10\ntissue: {tumour: {diameter: 42}}\n")
    Path("held").mkdir()
    Path("held/manifest.json").write_text("{}")
    done = cli("compare", "a.yaml", "nowhere", "--out", "held")
    assert done.exit_code == 2 and not studies.seen
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["a.yaml", "a.yaml", "nowhere", "--out held"]


# --- running ---------------------------------------------------------------------------------------------


def test_run_hands_over_what_was_asked(studies: SimpleNamespace) -> None:
    changes = [
        "tissue.tumour.diameter=30 mm",
        "treatments.0.tace.drug={doxorubicin: 20 mg}",
        "vessels.feeders=2",
    ]
    sets = [part for change in changes for part in ("--set", change)]
    done = cli("run", "tace_lobar", "--seed", 3, "--threads", 2, *sets)
    assert done.exit_code == 0, done.output
    ((scenario,), options) = studies.seen[0]
    assert scenario.seed == 3 and scenario.tissue.tumour.diameter == 0.03 and scenario.vessels.feeders == 2
    assert scenario.treatments[0].spec.drug.given() == {"doxorubicin": pytest.approx(2e-5)}
    assert options["out"] == Path("results/tace_lobar") and options["threads"] == 2
    assert options["overwrite"] is False and callable(options["progress"])
    assert studies.reported == [Path("results/tace_lobar")]
    assert "the result in results/tace_lobar" in done.stdout and "report.html" in done.stdout


def test_compare_hands_over_what_was_asked(studies: SimpleNamespace) -> None:
    done = cli("compare", "untreated", "tace_lobar", "--patients", 5, "--workers", 2, "--overwrite", "--quiet")
    assert done.exit_code == 0 and done.output == ""
    ((scenarios,), options) = studies.seen[0]
    assert [scenario.name for scenario in scenarios] == ["Untreated", "TACE lobar"]
    assert options["out"] == Path("results/untreated_vs_tace_lobar")
    assert (options["patients"], options["workers"], options["threads"]) == (5, 2, 1)
    assert options["overwrite"] is True and options["progress"] is None


def test_results_are_kept_unless_told_otherwise(studies: SimpleNamespace) -> None:
    Path("results/small_tumour").mkdir(parents=True)
    Path("results/small_tumour/summary.json").write_text("{}")
    assert cli("run", "small").exit_code == 2 and not studies.seen
    assert cli("run", "small", "--overwrite").exit_code == 0 and len(studies.seen) == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("it broke"), 1, "tumorsim failed: RuntimeError: it broke"),
        (MemoryError(), 1, "not enough memory"),
        (InputError(["one", "two"]), 2, "one\ntwo\n"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_exit_codes_and_no_traceback(studies: SimpleNamespace, error: BaseException, code: int, words: str) -> None:
    studies.error = error
    done = cli("run", "small", "--quiet")
    assert done.exit_code == code
    assert words in done.stderr and "Traceback" not in done.output and done.stdout == ""


# --- looking ---------------------------------------------------------------------------------------------


def test_check_says_it_in_words_or_names_every_error() -> None:
    done = cli("check", "tace_lobar")
    assert done.exit_code == 0 and "chemoembolisation" in done.stdout and "does not act" in done.stdout
    Path("a.yaml").write_text("name: a\nuntil: 10\ntissue: {tumour: {diameter: 42, septa: 1.5}}\n")
    done = cli("check", "a.yaml", "untreated")
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 3
    assert "the natural course" in done.stdout


def test_schema_is_json() -> None:
    done = cli("schema")
    assert done.exit_code == 0 and json.loads(done.stdout)["title"] == "tumorsim scenario"


def test_examples_are_listed_and_copied() -> None:
    listed = cli("examples")
    assert listed.exit_code == 0 and all(f"{name} " in listed.stdout for name in packaged.names())
    assert cli("examples", "--copy", "mine/here").exit_code == 0
    copied = sorted(path.name for path in Path("mine/here").iterdir())
    assert copied == sorted([*(f"{name}.yaml" for name in packaged.names()), "scenario.schema.json"])
    assert cli("check", "mine/here/large.yaml").exit_code == 0
    again = cli("examples", "--copy", "mine/here")
    assert again.exit_code == 2 and f"already has {packaged.names()[0]}.yaml" in again.stderr
