"""The launcher: what it starts, and what it refuses in one line."""

import socket
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tumorsim import launch
from tumorsim.cli import app
from tumorsim.errors import InputError


def test_the_page_is_found_in_a_checkout_and_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.app_file() == Path(__file__).parents[1] / "viz" / "app.py"
    package = tmp_path / "tumorsim"
    (package / "_viz").mkdir(parents=True)
    monkeypatch.setattr(launch, "__file__", str(package / "launch.py"))
    with pytest.raises(InputError, match="missing from this installation"):
        launch.app_file()
    (package / "_viz" / "app.py").touch()
    assert launch.app_file() == package / "_viz" / "app.py"


def test_the_server_is_of_this_computer_alone() -> None:
    line = launch.command(Path("viz/app.py"), 8123)
    assert line[:4] == [sys.executable, "-m", "solara", "run"]
    assert line[line.index("--host") + 1] == "127.0.0.1"
    assert line[line.index("--port") + 1] == "8123"
    assert {"--production", "--no-open", "--no-check-version"} <= set(line)
    env = launch.environment("tace_lobar")
    assert env["TUMORSIM_SCENARIO"] == "tace_lobar"
    assert env["SOLARA_TELEMETRY_MIXPANEL_ENABLE"] == "False"
    assert env["SOLARA_ASSETS_CDN"].startswith("http://127.0.0.1:")


def test_a_missing_extra_is_one_line_and_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "solara-assets":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(launch, "version", version)
    result = CliRunner().invoke(app, ["view", "untreated"])
    assert result.exit_code == 2
    assert result.stderr == 'The page needs some more packages: pip install "tumorsim[view]"\n'


def test_a_part_that_is_too_new_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "version", lambda name: "3.0.1")
    with pytest.raises(InputError, match=r"ipyvue 3\.0\.1 is installed; the page needs one below 2"):
        launch.check_extra()


def test_a_port_in_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "check_extra", lambda: None)
    with socket.socket() as taken:
        taken.bind((launch.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["view", "untreated", "--port", str(port)])
    assert result.exit_code == 2
    assert f"--port {port}: something else listens there" in result.stderr


def test_a_scenario_that_is_not_there_is_refused_before_anything_starts() -> None:
    result = CliRunner().invoke(app, ["view", "tace_lobal"])
    assert result.exit_code == 2
    assert "tace_lobar" in result.stderr


def test_a_server_that_does_not_start_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "check_extra", lambda: None)
    monkeypatch.setattr(launch, "command", lambda app, port: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(RuntimeError, match=r"did not start \(code 3\)"):
        launch.view("untreated", browser=False)
