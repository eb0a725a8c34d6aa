"""Starts the page: Solara's server on this computer alone, for one scenario.

The page itself (folder ``viz``) is started by path and never imported, so that nothing headless needs it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tumorsim.errors import InputError

HOST = "127.0.0.1"
EXTRA = 'The page needs some more packages: pip install "tumorsim[view]"'
NEEDED = {"solara": None, "solara-assets": None, "ipyvue": 2, "ipyvuetify": 2, "matplotlib": None, "altair": None}
START_WITHIN = 300.0  # s: the first start compiles
CLOSE_WITHIN = 5.0  # s


def app_file() -> Path:
    """Where the page's code is: in an installed wheel or in a checkout.

    Raises
    ------
    InputError
        If the installation has none.
    """
    package = Path(__file__).resolve().parent
    for place in (package / "_viz", package.parent / "viz"):  # wheel; checkout
        if (place / "app.py").is_file():
            return place / "app.py"
    raise InputError("the page is missing from this installation of tumorsim; install it again.")


def check_extra() -> None:
    """Refuse in one line where the packages of the page are missing or too new.

    Raises
    ------
    InputError
        With the line to type.
    """
    for name, below in NEEDED.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            raise InputError(EXTRA) from None
        if below is not None and int(found.split(".")[0]) >= below:
            raise InputError(f"{EXTRA} ({name} {found} is installed; the page needs one below {below})")


def free_port() -> int:
    """A port of this computer that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def environment(scenario: str) -> dict[str, str]:
    """Environment of the server: the scenario to show, and nothing that would call anybody else."""
    return {
        **os.environ,
        "TUMORSIM_SCENARIO": scenario,
        "SOLARA_TELEMETRY_MIXPANEL_ENABLE": "False",
        # should a file of the page be missing, it stays missing: the server asks itself, not the internet
        "SOLARA_ASSETS_CDN": f"http://{HOST}:9/",
        "SOLARA_THEME_SHOW_BANNER": "False",
        "SOLARA_THEME_TITLE": "tumorsim",
        "SOLARA_KERNEL_CULL_TIMEOUT": "2h",  # of a page that was closed
        "SOLARA_CHECK_HOOKS": "off",  # a warning about Mesa's own page
        "PYTHONWARNINGS": "ignore::UserWarning",
        "MPLBACKEND": "agg",
    }


def command(app: Path, port: int) -> list[str]:
    """The command that serves the page."""
    options = ["--host", HOST, "--port", str(port), "--production", "--no-open", "--no-check-version"]
    return [sys.executable, "-m", "solara", "run", str(app), *options]


def view(scenario: str = "tace_lobar", *, port: int | None = None, browser: bool = True) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    scenario : str
        Name of a shipped scenario, or a scenario file.
    port : int, optional
        Default any that is free.
    browser : bool
        Open one, where there is a display.

    Raises
    ------
    InputError
        Where packages or the page are missing, the port is taken, or there is no such scenario.
    RuntimeError
        Where the server does not start.
    """
    app = app_file()
    check_extra()
    if port is not None and _listens(port):
        raise InputError(f"--port {port}: something else listens there. Leave the option out to take a free one.")
    port = free_port() if port is None else port
    place = Path(scenario)
    shown = str(place.resolve()) if place.is_file() else scenario
    from tumorsim._jit import compiled_before

    if not compiled_before():
        print("Compiling once for this version of the code (about a minute); later starts are quick.", flush=True)
    with _server(command(app, port), environment(shown)) as server:
        _wait(server, port)
        address = f"http://{HOST}:{port}"
        print(f"The page is at {address} (Ctrl-C ends it).", flush=True)
        if browser and _has_display():
            webbrowser.open(address)
        if server.wait() != 0:
            raise RuntimeError(f"the page's server ended with code {server.returncode}")


@contextmanager
def _server(line: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a child that never outlives this block; Ctrl-C and SIGTERM end both without noise."""
    # a session of its own: the keyboard interrupts us alone, and we end the child
    server = subprocess.Popen(line, env=env, stdout=subprocess.DEVNULL, start_new_session=os.name == "posix")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield server
    except KeyboardInterrupt:
        print("\nThe page is closed.", flush=True)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with suppress(KeyboardInterrupt):
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(CLOSE_WITHIN)
        server.kill()
        server.wait()
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_WITHIN
    while not _listens(port):
        if server.poll() is not None:
            raise RuntimeError(f"the page's server did not start (code {server.returncode})")
        if time.monotonic() > end:
            raise RuntimeError(f"the page's server did not start within {START_WITHIN:g} s")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
