from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.treatments.embolisation_spec import TaceSpec, TaeSpec
from tumorsim.treatments.spec import Choice, Context, Duration, OrWord, Quantity, Whole, Word


@given(st.floats(1e-3, 1e3), st.sampled_from([("um", 1e-6), ("mm", 1e-3), ("cm", 1e-2), ("m", 1.0)]))
def test_a_length_is_the_same_in_any_unit(value: float, unit: tuple[str, float]) -> None:
    name, metres = unit
    assert Quantity("m", "1 mm").read(f"{value!r} {name}") == pytest.approx(value * metres, rel=1e-12)


def test_exponents_without_a_point_are_numbers() -> None:
    assert Quantity("m", "1 mm").read("1e-5 m") == 1e-5


def test_limits_include_what_they_say() -> None:
    length = Quantity("m", "1 mm", at_least="40 um", at_most="1000 um")
    assert length.read("40 um") == pytest.approx(4e-5) and length.read("1 mm") == 1e-3
    for text in ("39.9 um", "1.001 mm"):
        with pytest.raises(ValueError, match="out of range"):
            length.read(text)
    with pytest.raises(ValueError, match="must be above 0 mm"):
        Quantity("m", "1 mm", above="0 mm").read("0 m")


@pytest.mark.parametrize(("text", "seconds"), [("2 weeks", 1_209_600), ("14.3 d", 1_235_520), ("90 min", 5400)])
def test_durations_are_whole_seconds(text: str, seconds: int) -> None:
    found = Duration().read(text)
    assert found == seconds and isinstance(found, int)
    with pytest.raises(ValueError, match="whole number of seconds"):
        Duration().read("0.5 s")


@pytest.mark.parametrize("value", [True, None, 1.0, "1", [1], 6, -1])
def test_whole_numbers_are_nothing_else(value: object) -> None:
    with pytest.raises(ValueError, match="whole number, 0 to 5"):
        Whole(0, 5).read(value)


def test_words_and_choices() -> None:
    assert Word().read(" a b ") == "a b" and OrWord("auto", Whole(1, 3)).read("auto") is None
    assert OrWord("auto", Whole(1, 3)).read(2) == 2
    for value in (3, "", "a\nb", "x" * 121):
        with pytest.raises(ValueError, match=r"text|empty|line|characters"):
            Word().read(value)
    with pytest.raises(ValueError, match="Did you mean 'lobar'"):
        Choice(("lobar", "segmental")).read("lobra")


def test_both_kinds_run_on_their_defaults() -> None:
    for spec in (TaeSpec(), TaceSpec()):
        assert (spec.catheter, spec.beads.size, spec.beads.spread, spec.number) == (
            "superselective",
            1e-4,
            0.0,
            None,
        )
        assert spec.carried() == [] and "stasis" in spec.describe()
    assert TaeSpec.model_validate({"beads": "300 um"}).beads.size == 3e-4


@pytest.mark.parametrize(
    ("catheter", "context", "good"),
    [
        ("feeder_3", Context(feeders=3), True),
        ("feeder_4", Context(feeders=3), False),
        ("feeder_4", Context(), True),
        ("feeder_0", Context(), False),
        ("segment_8", Context(feeders=3), True),
        ("segment_9", Context(feeders=3), False),
        ("proper_hepatic", Context(feeders=3), True),
        ("portal_main", Context(feeders=3), False),
        ("my_vessel", Context(vessels={"my_vessel": 0}), True),
        ("feeder_1", Context(vessels={"my_vessel": 0}), False),
        ("lobar", Context(vessels={}), True),
    ],
)
def test_a_catheter_needs_a_vessel_that_is_there(catheter: str, context: Context, good: bool) -> None:
    found = list(TaeSpec(catheter=catheter).problems(context))
    assert bool(found) is not good
    assert all(key == "catheter" and "Allowed: lobar" in message for key, message in found)


def test_no_beads_are_legal_and_said() -> None:
    spec = TaceSpec.model_validate({"number": 0, "drug": {"doxorubicin": "50 mg"}})
    assert "nothing is delivered" in spec.describe() and spec.drug.given() == {"doxorubicin": pytest.approx(5e-5)}
