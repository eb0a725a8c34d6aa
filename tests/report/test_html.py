"""The report as a page: whole, small, asking nobody for anything, and telling what the numbers are."""

import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from tumorsim.report.html import render


class Page(HTMLParser):
    """Collects what a page refers to, and checks that tags are closed."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.refers, self.tags, self.ids, self.anchors, self.open = [], [], [], [], []
        self.images_without_words = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.note(tag, given)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.note(tag, dict(attrs))

    def note(self, tag, given):
        for key in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            if key in given:
                (self.anchors if tag == "a" else self.refers).append(given[key])
        if "id" in given:
            self.ids.append(given["id"])
        if given.get("role") == "img" and len(given.get("aria-label", "")) < 10:
            self.images_without_words += 1

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"


@pytest.fixture(scope="module")
def html(study):
    return render(study)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_whole_and_small(html, page):
    assert html.startswith("<!doctype html>") or html.lstrip().startswith("<!doctype html>")
    assert page.open == []
    assert len(html.encode()) < 10e6
    assert not re.search(r"\b(nan|inf|None|undefined)\b", re.sub(r"base64,[^\"]*|<pre>.*?</pre>", "", html, flags=re.S))


def test_the_page_asks_nobody_for_anything(html, page):
    assert all(ref.startswith("data:image/png;base64,") for ref in page.refers)
    assert all(ref.startswith("#") and ref[1:] in page.ids for ref in page.anchors)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    assert not re.search(r"https?://|@import|url\(", html)
    assert "default-src 'none'" in html


def test_every_picture_has_words(page):
    assert page.images_without_words == 0
    assert page.tags.count("svg") > 20


def test_the_page_answers_in_order(html):
    for part in (
        "What embolisation leaves",
        "How many tumour cells can still divide",
        "No living cell was left in 1 of 7 patients",
        "1 of 8 patients left out of every arm",
        "not for deciding anyone&#39;s care",
        "it does not act yet",
        "Wilson",
        "forked from one common past",
        "at the horizon and after the last treatment",
        "Slices through the tumour, patient 0",
        "dead, mostly of ischaemia",
        "other supply",
        "nothing seen on imaging",
        "Liver embolised beside the target",
        "beads lodged",
        "feeder 4 was missed",
        "tumour, at horizon",
        "clocks.ischaemia_latency",
        "Not modelled: pain",
        "State hash",
        "tumorsim 0",
    ):
        assert part in html, part


def test_dark_pages_and_paper_are_thought_of(html):
    assert "prefers-color-scheme:dark" in html and "@media print" in html


def test_one_run_has_a_page(single):
    html = render(single)
    assert Page(html).open == []
    assert "One patient: no interval can be given" in html
    assert "Paired differences" not in html and "Each patient at the horizon" not in html
    assert ">no<" in html  # not "0 of 1"


def test_arms_paired_by_number_are_said_to_be(synthetic, write):
    html = render(write(synthetic.study(patients=2, picture=False), shared_past=False))
    assert "patients are paired by number only" in html and "Slices through" not in html


def test_all_patients_left_out_is_a_page_that_says_so(synthetic, write):
    html = render(write(synthetic.study(patients=2, touched=(0, 1), picture=False)))
    assert Page(html).open == [] and "every patient was left out" in html


def test_no_tumour_is_a_page_too(synthetic, write):
    record = synthetic.record("untreated", 0, picture=False)
    nothing = dataclasses.replace(
        record.at_horizon,
        viable_cells=0,
        residual_fraction=None,
        log10_kill=None,
        p0=None,
        p0_histology=None,
        imaging=None,
        perfusion=None,
        harm={},
        residue_by_zone={},
        residue_by_reason={},
        residue_by_zone_and_reason=None,
        deaths_by_cause={},
    )
    series = [(t, q, 0.0, u) for t, q, _, u in record.series]
    bare = dataclasses.replace(record, n0=0, at_horizon=nothing, nadir_fraction=None, nadir_time_d=None, series=series)
    html = render(write([bare], kind="run"))
    assert Page(html).open == [] and "there is no tumour to count" in html and "No residue" in html


def test_everyone_cleared_is_a_page_too(synthetic, write):
    runs = [
        dataclasses.replace(
            r,
            at_horizon=synthetic.outcome(0, r.n0, "tae", 180),
            series=[(t, q, 0.0 if t > 0 else v, u) for t, q, v, u in r.series],
        )
        for r in (synthetic.record("tae", p, picture=False) for p in range(4))
    ]
    html = render(write(runs))
    assert "none left" in html and "No living cell was left in 4 of 4 patients" in html


def test_names_cannot_write_html(synthetic, write):
    record = dataclasses.replace(
        synthetic.record("tace_lobar", 0), arm="<script>alert(1)</script>", notes=["<img src=http://x>"]
    )
    html = render(write([record], name="<script>x</script>", kind="run"))
    assert "<script" not in html and "<img" not in html
    assert Page(html).open == []


def test_a_large_cohort_stays_small(synthetic, write):
    html = render(write(synthetic.study(patients=60, spacing=1e-3)))
    assert len(html.encode()) < 10e6
    assert "the first 30" in html


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not here")
def test_a_browser_draws_it_and_sends_nothing(study, tmp_path):
    path = study.report(tmp_path / "report.html")
    log = tmp_path / "net.json"
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1200,2400",
    ]
    picture = tmp_path / "page.png"
    command = ["chromium", *flags, f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}"]
    subprocess.run([*command, f"--screenshot={picture}", path.as_uri()], check=True, capture_output=True, timeout=120)
    assert picture.stat().st_size > 50_000
    asked = set(re.findall(r'"url":"https?://([^/"]+)', log.read_text(errors="replace")))
    asked = {host for host in asked if not host.endswith((".google.com", ".googleapis.com"))}  # the browser's own
    assert not asked, asked


def test_what_lies_elsewhere_stands_apart_from_the_outcome(study):
    page = render(study)
    at = page.index("<h2>Elsewhere in the liver</h2>")
    assert at > page.index('id="residue"') and "Counted apart" in page[at:]
    assert "Latent foci in the liver beyond the block" in page[at:] and "Distance of the nearest" in page[at:]
