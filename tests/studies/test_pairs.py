"""Paired differences by hand, and when an arm may be called better."""

import dataclasses
import math

import numpy as np
import pytest

from tumorsim.studies.pairs import make_pairs


def arms_of(records):
    arms = {}
    for record in records:
        arms.setdefault(record.arm, []).append(record)
    return arms


def with_cells(record, now, late=None):
    """The same run with other residues at the horizon and after the last treatment."""

    def read(outcome, n):
        return dataclasses.replace(outcome, viable_cells=n, residual_fraction=n / record.n0, p0=int(n == 0))

    out = dataclasses.replace(record, at_horizon=read(record.at_horizon, now))
    return out if late is None else dataclasses.replace(out, after_last=read(record.after_last, late))


@pytest.fixture
def two(synthetic):
    return arms_of(synthetic.study(("tace_lobar", "tae"), patients=6, picture=False))


def test_a_difference_is_a_minus_b_by_patient(two):
    pair = make_pairs(two, 7)["tace_lobar vs tae"]
    logs = [[math.log10(max(r.at_horizon.viable_cells, 1) / r.n0) for r in two[arm]] for arm in ("tace_lobar", "tae")]
    want = np.mean(np.subtract(*logs))
    assert pair["log10_residual_difference"]["mean"] == pytest.approx(want)
    assert pair["residual_ratio"]["mean"] == pytest.approx(10**want)
    assert pair["residual_ratio"]["n"] == 6
    assert pair["residual_ratio"]["low"] < pair["residual_ratio"]["mean"] < pair["residual_ratio"]["high"]


def test_an_untreated_arm_is_read_at_its_partners_time(synthetic):
    arms = arms_of(synthetic.study(("untreated", "tae"), patients=5, picture=False))
    later = make_pairs(arms, 7)["untreated vs tae"]["after_last"]
    want = np.mean([
        math.log10(u.viable_at(28 * 24) / u.n0) - math.log10(t.after_last.viable_cells / t.n0)
        for u, t in zip(arms["untreated"], arms["tae"], strict=True)
    ])  # fmt: skip
    assert later["log10_residual_difference"]["mean"] == pytest.approx(want)


def test_better_needs_both_readings(two):
    clear = {a: [with_cells(r, n, n) for r in rs] for (a, rs), n in zip(two.items(), (10, 10_000), strict=True)}
    clear["tae"] = [with_cells(r, 10_000 + r.patient, 9_000 + r.patient) for r in clear["tae"]]
    pair = make_pairs(clear, 7)["tace_lobar vs tae"]
    assert pair["better"] == "tace_lobar" and pair["agrees_after_last"] is True
    turned = {**clear, "tae": [with_cells(r, 10_000 + r.patient, r.patient % 3) for r in two["tae"]]}
    pair = make_pairs(turned, 7)["tace_lobar vs tae"]
    assert pair["better"] is None and pair["agrees_after_last"] is False and "does not show it" in pair["text"]
    beyond = {
        **clear,
        "tae": [dataclasses.replace(r, after_last=None, after_last_time_h=None) for r in clear["tae"]],
    }
    pair = make_pairs(beyond, 7)["tace_lobar vs tae"]
    assert pair["better"] is None and pair["after_last"] is None and "no reading" in pair["text"]


def test_better_in_the_mean_but_not_in_cures_is_not_better(two):
    # tace_lobar: 1000 cells in everyone; tae: none in most, very many in few
    a = [with_cells(r, 1000, 1000) for r in two["tace_lobar"]] * 8
    b = [with_cells(r, 0 if i % 3 else 10**8, 0 if i % 3 else 10**8) for i, r in enumerate(two["tae"] * 8)]
    pair = make_pairs({"steady": a, "chancy": b}, 7)["steady vs chancy"]
    assert pair["p0_difference"]["high"] < 0
    assert pair["better"] != "steady"


def test_equal_arms_and_single_patients_have_no_winner(two):
    same = make_pairs({"a": two["tae"], "b": two["tae"]}, 7)["a vs b"]
    assert same["log10_residual_difference"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "n": 6}
    assert same["residual_ratio"]["mean"] == 1.0 and same["better"] is None and same["agrees_after_last"] is True
    one = make_pairs({arm: rs[:1] for arm, rs in two.items()}, 7)["tace_lobar vs tae"]
    assert one["log10_residual_difference"]["low"] is None and one["better"] is None and "One patient" in one["text"]


def test_few_patients_have_no_winner_however_clear(two):
    clear = {"a": [with_cells(r, 10, 10) for r in two["tae"]], "b": [with_cells(r, 10**6, 10**6) for r in two["tae"]]}
    assert make_pairs(clear, 7)["a vs b"]["better"] == "a"
    five = make_pairs({arm: runs[:5] for arm, runs in clear.items()}, 7)["a vs b"]
    assert five["better"] is None and "Fewer than 6" in five["text"] and five["agrees_after_last"] is True


def test_two_untreated_arms_have_no_later_reading(synthetic):
    runs = [synthetic.record("untreated", p, picture=False) for p in range(3)]
    pair = make_pairs({"a": runs, "b": runs}, 7)["a vs b"]
    assert pair["after_last"] is None and pair["agrees_after_last"] is None
