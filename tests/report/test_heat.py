"""The section on ablation: there where there was heat in a tumour, its numbers those of the results."""

import base64
import io
import re
import shutil
import subprocess

import numpy as np
import pytest

from tumorsim.report import heat, heat_slices, palette
from tumorsim.report.html import render
from tumorsim.report.results import Results
from tumorsim.scenario import Scenario
from tumorsim.studies.run import run_scenario

SMALL = {
    "name": "small heat",
    "until": "3 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {"size": "40 mm", "spacing": "2 mm", "tumour": {"diameter": "14 mm", "doubling_time": "140 d"}},
    "vessels": {"feeders": 3, "terminals": 120},
    "parameters": {"ablation.reach": "16 mm", "ablation.expected_spacing": "3 mm", "heat.contraction": 0.1},
    "treatments": [
        {"at": "1 d", "microwave": {"needles": [{"tip": ["6 mm", "4 mm", "0 mm"], "direction": [1, 0, 0]}],
                                    "power": "40 W", "duration": "3 min"}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def heated(tmp_path_factory):
    out = tmp_path_factory.mktemp("heat") / "out"
    return Results.open(run_scenario(Scenario.from_dict(SMALL), out=out))


@pytest.fixture(scope="module")
def html(heated):
    return render(heated)


@pytest.fixture(scope="module")
def part(html):
    return re.search(r'<section id="heat">.*?</section>', html, re.S)[0].replace("\u00a0", " ")


def table(part):
    return dict(re.findall(r'<th scope="row">(.*?)</th>\s*<td>(.*?)</td>', part, re.S))


def test_numbers_are_those_of_the_summary(heated, part):
    zone = heated.arms["small heat"]["zone"]
    given = heated.manifest["schedule"]["small heat"]["0"][0]["delivered"]
    found = table(part)
    short, long = (zone[f"{axis}_axis_mm"]["mean"] for axis in ("short", "long"))
    assert found["Short × long axis of the zone"] == f"{short:.0f} × {long:.0f} mm"
    assert found["… contracted"] == f"{0.9 * short:.0f} × {0.9 * long:.0f} mm"
    assert zone["contracted"]["short_axis_mm"]["mean"] == pytest.approx(given["contracted_mm"][0], abs=1e-3)
    assert float(found["Volume (mL)"]) == pytest.approx(zone["volume_ml"]["mean"], rel=0.05)
    assert float(found["Volume of the zone"].split()[0]) == pytest.approx(zone["volume_ml"]["mean"], rel=0.005)
    assert found["Energy of the generator"] == "7.20 kJ" and found["Heating time"] == "3 min"
    assert float(found["Real: outline and margin in the zone"].split()[0]) == pytest.approx(
        100 * given["real_cover"], abs=0.5
    )
    assert found["Needles"] == found["Points heated"] == "1"
    said = re.search(r"<h3>Why residue survived</h3>.*?</ul>", part, re.S)[0]
    reasons = heated.arms["small heat"]["residue_by_reason"]
    assert all((name in said) == bool(stat["mean"]) for name, stat in reasons.items())


def test_nothing_contracts_where_contraction_is_0(heated):
    given = dict(heated.manifest["schedule"]["small heat"]["0"][0]["delivered"])
    del given["contracted_mm"]
    assert "… contracted" not in heat._reading(given)


def test_it_asks_nobody_and_every_picture_has_words(part):
    assert not re.search(r"https?://|url\(|<script|<link", part)
    assert set(re.findall(r'href="(.{5})', part)) == {"data:"}
    assert len(re.findall(r'role="img" class="slice" aria-label="[^"]{30,}"', part)) == 3
    assert part.count("10 mm</text>") == 3


def test_the_legend_names_what_is_drawn(heated, part):
    legend = re.search(r'<ul class="legend">.*?</ul>', part, re.S)[0]
    for word in ("tumour as outlined", "outline and margin", "planned zone", "coagulated", "needle"):
        assert word in legend, word
    (picture,) = heat_slices.sessions(heated.snapshot("small heat"))
    some = any((heat_slices.escaped(picture, plane) >= 0).any() for plane in heat_slices.PLANES)
    assert ("escaped" in legend) == some == ('class="escaped"' in part)
    assert "earlier session" not in legend and "gallbladder" not in legend


def test_untreated_and_embolised_runs_have_no_such_section(study, heated):
    assert 'id="heat"' not in render(study) and 'href="#heat"' not in render(study)
    assert 'href="#heat"' in render(heated)


def test_a_session_that_was_not_delivered_is_named_without_a_picture(heated):
    (item,) = heated.manifest["schedule"]["small heat"]["0"]
    none = {**item, "delivered": {"needles": 0, "points": 0, "energy_kj": 0.0}, "id": "microwave_2", "time_h": 48.0}
    manifest = {**heated.manifest, "schedule": {"small heat": {"0": [item, none]}}}
    found = heat.section(Results(heated.path, heated.summary, manifest), {"small heat": heated.snapshot("small heat")})
    assert [len(s["panels"]) for s in found["shown"]] == [3, 0]
    assert found["rows"][0]["cells"] == [("1", ""), ("not delivered", "")]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not here")
def test_a_browser_shows_the_zone_where_omega_is_1_and_nowhere_else(heated, html, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    (picture,) = heat_slices.sessions(heated.snapshot("small heat"))
    css = re.search(r"<style>.*?</style>", html, re.S)[0]
    drawn = heat_slices.panel(picture, "along", "along", [])
    page, shot = tmp_path / "panel.html", tmp_path / "panel.png"
    page.write_text(f'<!doctype html>{css}<body style="margin:0"><div style="width:400px">{drawn}</div>')
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=400,400"]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}"]
    subprocess.run(["chromium", *flags, page.as_uri()], check=True, capture_output=True, timeout=120)
    rgb = np.asarray(Image.open(io.BytesIO(shot.read_bytes())).convert("RGB"), dtype=float)
    level = picture["zone_along"]
    i, j = ((np.arange(400) + 0.5) * n / 400 for n in level.shape)
    level = level[np.ix_(i.astype(int), j.astype(int))]
    colour = np.array([int(palette.COAGULATED[k : k + 2], 16) for k in (1, 3, 5)], dtype=float)
    warm = np.abs(rgb - colour).max(axis=2) < 25  # a little of the ground shines through
    hot, cold = level > 20, level < -20
    assert hot.sum() > 5000 and cold.sum() > 5000
    assert warm[hot].mean() > 0.6  # the rest is needle and lines
    assert warm[cold].mean() < 0.01


def test_pictures_in_the_page_are_pngs(part):
    for data in re.findall(r'href="data:image/png;base64,([^"]+)"', part):
        assert base64.b64decode(data).startswith(b"\x89PNG")
