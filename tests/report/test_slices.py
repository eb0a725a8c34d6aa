"""Slices: what is drawn, and that closed vessels look closed."""

import re

import pytest

from tumorsim.report import slices


@pytest.fixture(scope="module")
def pictures(synthetic):
    return {arm: synthetic.snapshot(arm, 3e-3) for arm in ("untreated", "tace_lobar")}


def test_three_planes_with_vessels_and_borders(pictures):
    snapshot = pictures["untreated"]
    assert slices.planes(snapshot) == ["z", "y", "x"]
    drawn = slices.tissue(snapshot, "z", "untreated")
    for part in ('class="border"', 'class="septum"', 'class="target"', 'class="vessel k0"', "data:image/png", "10 mm"):
        assert part in drawn, part
    assert 'class="closed"' not in drawn
    assert 'viewBox="-30 -30 60 60"' in drawn


def test_closed_vessels_are_drawn_closed(pictures):
    assert any('class="closed"' in slices.tissue(pictures["tace_lobar"], a, "t") for a in "xyz")


def test_the_legend_names_what_is_there(pictures):
    said = " ".join(words for _, _, words in slices.legend(list(pictures.values())))
    for word in ("living", "ischaemia", "starvation", "artery", "portal vein", "hepatic vein", "closed"):
        assert word in said, word
    assert "turnover" not in said


def test_every_panel_has_words_for_who_cannot_see_it(pictures):
    snapshot, colour = pictures["tace_lobar"], {"missed": "#123456"}
    for drawn in (
        slices.tissue(snapshot, "x", "arm <1>"),
        slices.oxygen(snapshot, "x", "arm <1>"),
        slices.reasons(snapshot, "x", "arm <1>", colour),
        slices.seen_through(snapshot, "x", "arm <1>"),
    ):
        assert re.search(r'role="img" class="slice" aria-label="[^"]{10,}"', drawn)
        assert "<1>" not in drawn


def test_a_flat_box_is_drawn_too(pictures):
    flat = {k: v for k, v in pictures["untreated"].items() if not k.endswith(("_x", "_y"))}
    assert slices.planes(flat) == ["z"]


def test_a_vessel_without_flow_is_drawn_closed(pictures):
    still = dict(pictures["untreated"])
    still["vessels_z"] = still["vessels_z"].copy()
    still["vessels_z"][:, 8] = 0.01
    assert 'class="closed"' in slices.tissue(still, "z", "t")


def test_a_vein_with_tumour_in_it_is_not_drawn_as_closed(pictures):
    shot = dict(pictures["untreated"])
    rows = shot["vessels_z"] = shot["vessels_z"].copy()
    vein = rows[:, 5] == 1
    assert vein.any()
    rows[vein, 6], rows[vein, 7] = 4, 0.0025
    drawn = slices.tissue(shot, "z", "t")
    assert 'class="vessel thrombus"' in drawn and 'class="closed"' not in drawn
    assert "portal vein with tumour thrombus" in " ".join(said for *_, said in slices.legend([shot]))
    assert "thrombus" not in " ".join(said for *_, said in slices.legend([pictures["untreated"]]))


def test_arteries_from_outside_the_liver_have_their_own_colour_and_name(pictures):
    shot = dict(pictures["untreated"])
    shot["vessels_z"] = shot["vessels_z"].copy()
    shot["vessels_z"][shot["vessels_z"][:, 5] == 0, 5] = 3
    assert 'class="vessel k3" stroke="#e08a00"' in slices.tissue(shot, "z", "t")
    assert ("line", "#e08a00", "artery from outside the liver") in slices.legend([shot])


def test_a_thrombus_is_outlined_where_all_is_seen_through(pictures):
    shot = dict(pictures["untreated"])
    assert 'class="clot"' not in slices.seen_through(shot, "z", "t")
    shot["thrombus_z"] = shot["residue_z"] > 0
    assert 'class="clot"' in slices.seen_through(shot, "z", "t")


def test_a_vein_outside_the_picture_is_not_in_the_legend(pictures):
    shot = {k: v for k, v in pictures["untreated"].items() if not k.endswith(("_x", "_y"))}
    shot["vessels_z"] = shot["vessels_z"].copy()
    shot["vessels_z"][0, :7] = (500, 500, 510, 500, 3, 1, 4)
    assert "thrombus" not in " ".join(said for *_, said in slices.legend([shot]))


def test_a_picture_of_a_millimetre_has_finer_lines_and_a_shorter_bar() -> None:
    """Lines have widths in mm of tissue: those of a liver would cover a spheroid."""
    from tumorsim.report.slices import scale_bar

    told = [scale_bar(0.0, 0.0, mm, mm).split(">")[-2].removesuffix("</text") for mm in (70.0, 15.0, 1.1, 0.3)]
    assert told == ["10 mm", "5 mm", "200 µm", "50 µm"]
