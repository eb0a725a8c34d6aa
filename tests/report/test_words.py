"""Numbers in words: never a false zero, never a false certainty."""

import pytest

from tumorsim.report import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"), (0, "0"), (3, "3"), (41.3, "41"), (0.0341, "0.034"), (99.6, "100"), (123.4, "123"), (180.0, "180"),
        (54231, "54 200"), (3.24e8, "3.2 × 10⁸"), (9.96e8, "1.0 × 10⁹"), (-1.5, "−1.5"), (2.2e-7, "2.2 × 10⁻⁷"),
    ],
)  # fmt: skip
def test_numbers(value, said):
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (1, "100 %"), (0.9999, "over 99 %"), (1e-9, "1.0 × 10⁻⁷ %"), (0.375, "38 %"), (2.4, "240 %")],
)
def test_shares(share, said):
    assert words.percent(share) == said


def stat(mean, low=None, high=None, n=1):
    return {"mean": mean, "low": low, "high": high, "n": n}


def arm(kill, p0):
    return {"horizon_d": 180.0, "log10_kill": kill, "p0": p0}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (arm(None, None), "no tumour to count"),
        (arm(stat(None, n=0), stat(None, n=0)), "every patient was left out"),
        (arm(stat(2.0), stat(0.0)), "in this one patient 1 % of the living tumour cells were left on day 180"),
        (arm(stat(8.0), stat(1.0)), "no living tumour cell was left on day 180"),
        (arm(stat(-0.3), stat(0.0)), "2.0 times its first living cells"),
        (arm(stat(2, 1, 3, 8), stat(0.25, 0.07, 0.59, 8)), "fell by 2.00 log10 on average (95 % interval 1.00 to"),
        (arm(stat(2, 1, 3, 8), stat(0.25, 0.07, 0.59, 8)), "No living cell was left in 2 of 8 patients (7.0 % to 59"),
        (arm(stat(-0.3, -0.4, -0.2, 8), stat(0.0, 0.0, 0.32, 8)), "No patient of 8 was cleared (at most 32 %)"),
        (arm(stat(0.0, -0.1, 0.1, 8), stat(0.0, 0.0, 0.32, 8)), "was as at the start"),
    ],
)  # fmt: skip
def test_one_sentence_an_arm(content, said):
    assert said in words.arm_sentence("tace", content)


def test_one_sentence_a_pair():
    pair = {
        "log10_residual_difference": stat(-2.0, -3.0, -1.0, 8),
        "residual_ratio": stat(0.01, 1e-3, 0.1, 8),
        "text": "So.",
    }
    said = words.pair_sentence("tace vs nothing", pair)
    assert said == (
        "tace left 100 times fewer living cells than nothing (log10 difference −2.00, 95 % interval −3.00 to −1.00; "
        "n = 8). So."
    )
    turned = {"log10_residual_difference": stat(2.0), "residual_ratio": stat(100.0), "text": "So."}
    assert words.pair_sentence("a vs b", turned).startswith("b left 100 times fewer living cells than a")
    same = {
        "log10_residual_difference": stat(0.0, 0.0, 0.0, 8),
        "residual_ratio": stat(1.0, 1.0, 1.0, 8),
        "text": "So.",
    }
    assert words.pair_sentence("a vs b", same) == "a and b leave the same. So."


def test_small_mappings():
    assert words.items({"beads_lodged": 12, "drug": {"doxorubicin": "50 mg"}, "stasis": True, "oil": None}) == (
        "beads lodged: 12, drug: (doxorubicin: 50 mg), stasis: yes, oil: –"
    )
    assert words.items({"beads_um": 100.0, "doxorubicin_mg": None}) == "beads: 100 µm, doxorubicin: –"
    assert words.items({}) == "–"


@pytest.mark.parametrize(("value", "said"), [(1e5, "10⁵"), (2e9, "2 × 10⁹"), (50, "50"), (1000, "10³"), (1e-6, "10⁻⁶")])
def test_ticks(value, said):
    assert words.tick(value) == said


def test_left_out():
    summary = {"patients": {"asked": 200, "excluded": list(range(12)), "reason": "they grew"}}
    assert (
        words.left_out(summary)
        == "12 of 200 patients left out of every arm: they grew (patient 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …)."
    )
    assert words.left_out({"patients": {"asked": 2, "excluded": []}}) == ""


def test_reasons_are_explained_and_arteries_have_names():
    said = words.reasons(["low dose", "hypoxic", "missed"])
    assert [text.split(":")[0] for text in said] == ["Low dose", "Missed"]
    assert words.artery("right") == "right hepatic artery"
    assert words.artery("segment_5") == "artery of segment 5"
    assert words.artery("feeder_2") == "feeder 2"
    assert words.label("drug_held_mg, cisplatin") == "Cisplatin held by what lodged (mg)"
