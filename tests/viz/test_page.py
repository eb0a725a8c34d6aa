"""The page in a real browser: play, step, reset, a model for every visitor, and no request to anybody else."""

import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tumorsim.launch import free_port

pytest.importorskip("solara", reason='the page needs pip install "tumorsim[view]"')
selenium = pytest.importorskip("selenium", reason='the browser test needs pip install "tumorsim[test]"')
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium and chromedriver here (Debian: apt install chromium chromium-driver)"
)

from PIL import Image  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,1500",
)  # fmt: skip
SCENARIO = """
name: Page test
until: 5 d
step: 12 h
seed: 7
tissue:
  size: 50 mm
  spacing: 2 mm
  tumour: {diameter: 30 mm, capsule: intact, septa: 2}
vessels: {feeders: 3, terminals: 200}
treatments:
  - {at: 1 d, tace: {catheter: lobar, drug: {doxorubicin: 50 mg}}}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, served by the command a user types, ended by Ctrl-C."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "mine.yaml").write_text(SCENARIO)
    port = free_port()
    code = "from tumorsim.cli import main; main()"
    line = [sys.executable, "-c", code, "view", str(folder / "mine.yaml"), "--port", str(port), "--no-browser"]
    with (folder / "log.txt").open("w+") as log:
        server = subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            _until(lambda: "The page is at" in _text(folder / "log.txt") or server.poll() is not None, 240)
            assert server.poll() is None, _text(folder / "log.txt")
            yield f"http://127.0.0.1:{port}"
            server.send_signal(signal.SIGINT)
            assert server.wait(60) == 0
            assert _text(folder / "log.txt").endswith("The page is closed.\n")
            assert "Traceback" not in _text(folder / "log.txt")
        finally:
            if server.poll() is None:
                server.terminate()
                try:
                    server.wait(10)
                except subprocess.TimeoutExpired:
                    server.kill()


def _text(path: Path) -> str:
    return path.read_text()


def _until(true: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    os.environ["SE_OFFLINE"] = "true"  # the driver is here; nothing is to be fetched
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(60)
    try:
        driver.get("about:blank")
        driver.get_log("performance")  # what the browser's own first page did is not ours
        yield driver
    finally:
        driver.quit()


def wait(browser: Any, true: Any, seconds: float = 30, what: str = "") -> Any:
    return WebDriverWait(browser, seconds, poll_frequency=0.1).until(lambda _: true(), what)


def heading(browser: Any) -> str:
    return browser.execute_script("const e = document.querySelector('.ts-day'); return e ? e.innerText : ''")


def day(browser: Any) -> float:
    words = heading(browser).split()
    return float(words[1]) if words[:1] == ["Day"] else -1.0


def problem(browser: Any) -> str:
    return browser.execute_script("const e = document.querySelector('.ts-problem'); return e ? e.innerText : ''")


def shown(browser: Any, name: str) -> Any:
    """A picture as the browser shows it, as grey levels."""
    shot = browser.find_element("css selector", f"img[data-picture={name}]").screenshot_as_png
    return _grey(shot)


def picture(browser: Any, name: str) -> Any:
    """A picture as the page was sent it (the browser scales what it shows), as grey levels."""
    source = browser.execute_script(f"return document.querySelector('img[data-picture={name}]').src")
    return _grey(base64.b64decode(source.removeprefix("data:image/png;base64,")))


def _grey(png: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)


def changed(before: Any, after: Any) -> float:
    """Share of the pixels that differ clearly."""
    assert before.shape == after.shape
    return float((np.abs(before - after) > 20).mean())


def button(browser: Any, name: str) -> Any:
    found = [b for b in browser.find_elements("css selector", "button") if b.text.strip().lower() == name]
    assert len(found) == 1, f"{len(found)} buttons '{name}'"
    return found[0]


def opened(browser: Any, address: str) -> Any:
    browser.get(address)
    wait(browser, lambda: day(browser) == 0, 60, "the page")
    return browser


def no_error(browser: Any) -> None:
    text = browser.find_element("css selector", "body").text
    assert "error" not in text.lower()
    assert "traceback" not in text.lower()


def test_it_loads_whole_and_asks_nobody_else(browser: Any, address: str) -> None:
    opened(browser, address)
    assert browser.title == "tumorsim"
    text = browser.find_element("css selector", "body").text
    assert "research and teaching model: not for deciding anyone's care" in text
    assert "The drug of TACE does not act in this version" in text
    for name in ("cells", "oxygen", "vessels", "curve"):
        assert shown(browser, name).std() > 10, f"the picture {name} is blank"
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    asked += [e["params"]["url"] for e in events if e["method"] == "Network.webSocketCreated"]
    assert len(asked) > 5
    here = urlsplit(address).netloc
    elsewhere = [url for url in asked if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc != here]
    assert elsewhere == []
    assert [e["params"] for e in events if e["method"] == "Network.loadingFailed"] == []
    answers = [e["params"]["response"] for e in events if e["method"] == "Network.responseReceived"]
    assert [(a["url"], a["status"]) for a in answers if a["status"] >= 400] == []
    no_error(browser)


def test_step_and_play_move_the_day_and_the_pictures(browser: Any, address: str) -> None:
    opened(browser, address)
    first = {name: picture(browser, name) for name in ("cells", "oxygen", "vessels", "curve")}
    button(browser, "step").click()
    wait(browser, lambda: day(browser) == 0.5, what="one step")
    button(browser, "▶").click()
    wait(browser, lambda: day(browser) == 5.0, what="play to the end")
    assert (
        "Day 1: chemoembolisation (TACE), catheter in right hepatic artery"
        in browser.find_element("css selector", "body").text
    )
    # closed arteries, less oxygen, dead cells, a falling curve
    for name, least in (("vessels", 0.01), ("oxygen", 0.02), ("cells", 0.02), ("curve", 0.002)):
        wait(browser, lambda n=name, least=least: changed(first[n], picture(browser, n)) > least, what=f"a new {name}")
    wait(browser, lambda: not button(browser, "step").is_enabled(), what="no step after the end")
    no_error(browser)
    button(browser, "reset").click()
    wait(browser, lambda: day(browser) == 0, what="reset")
    wait(browser, lambda: changed(first["cells"], picture(browser, "cells")) == 0, what="the same patient again")
    assert button(browser, "step").is_enabled()


def test_every_visitor_has_a_model_of_their_own(browser: Any, address: str) -> None:
    opened(browser, address)
    mine = browser.current_window_handle
    button(browser, "step").click()
    wait(browser, lambda: day(browser) == 0.5)
    browser.switch_to.new_window("tab")
    try:
        opened(browser, address)  # day 0 for the second visitor
        for expected in (0.5, 1.0):
            button(browser, "step").click()
            wait(browser, lambda expected=expected: day(browser) == expected)
    finally:
        browser.close()
        browser.switch_to.window(mine)
    assert day(browser) == 0.5
    no_error(browser)


def test_reset_takes_up_parameters_and_says_what_cannot_be(browser: Any, address: str) -> None:
    opened(browser, address)
    diameter = browser.find_elements("css selector", ".v-slider__thumb-container")[2]
    diameter.send_keys(Keys.END)  # too large for the 50 mm block that the file asks for
    time.sleep(0.5)
    button(browser, "reset").click()
    wait(browser, lambda: "cannot be made" in problem(browser), what="the problem in words")
    assert "tissue.size" in problem(browser)
    assert "Traceback" not in browser.find_element("css selector", "body").text
    diameter.send_keys(Keys.HOME)
    browser.find_element("css selector", ".v-select__slot").click()
    wait(browser, lambda: browser.find_elements("css selector", ".v-list-item"))
    time.sleep(0.5)  # the list unfolds
    next(i for i in browser.find_elements("css selector", ".v-list-item") if i.text == "untreated").click()
    time.sleep(0.5)
    button(browser, "reset").click()
    wait(browser, lambda: day(browser) == 0, what="a model again")
    assert "Patient 0, tumour of 15 mm: untreated" in browser.find_element("css selector", "body").text
    assert problem(browser) == ""
    no_error(browser)
