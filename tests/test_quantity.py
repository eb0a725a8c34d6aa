"""Text with units in, SI numbers out; what is no quantity is refused with an example."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim import quantity
from tumorsim.errors import InputError


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1e-5 m", "m", 1e-5),
        ("100 um", "m", 1e-4),
        ("100 µm", "m", 1e-4),
        ("100μm", "m", 1e-4),
        (" 12mm ", "m", 0.012),
        (".5 cm", "m", 0.005),
        ("2 weeks", "s", 1_209_600.0),
        ("12 h", "s", 43_200.0),
        ("1.5 min", "s", 90.0),
        ("45.9 mL/min/100mL", "1/s", 0.00765),
        ("60 mL/min/100 mL", "1/s", 0.01),
        ("60 mL/min", "m3/s", 1e-6),
        ("3 m3/s", "m3/s", 3.0),
        ("3 m^3/s", "m3/s", 3.0),
        ("3 m**3/s", "m3/s", 3.0),
        ("2e8 1/mL", "1/m3", 2e14),
        ("40 mmHg", "mmHg", 40.0),
        ("40 mmHg", "Pa", 40 * 133.322387415),
        ("1.2 mPa s", "Pa s", 0.0012),
        ("1.2 mPa.s", "Pa s", 0.0012),
        ("37 degC", "degC", 37.0),
        ("37 degC", "K", 310.15),
        ("310.15 K", "degC", 37.0),
        ("140 Gy", "Gy", 140.0),
        ("5 %", "-", 0.05),
        ("0.3", "-", 0.3),
        (0.3, "-", 0.3),
        (np.float64(0.3), "-", 0.3),
        (np.int64(3), "-", 3.0),
        ("-20 deg", "rad", -20 * np.pi / 180),
    ],
)
def test_parse(text, unit: str, value: float) -> None:
    assert quantity.parse(text, unit) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "unit", "value"), [("100 um", "m", 1e-4), ("15 um", "m", 1.5e-5), ("1 min", "d", 1 / 1440)]
)
def test_round_numbers_stay_round(text: str, unit: str, value: float) -> None:
    assert quantity.parse(text, unit) == value


@pytest.mark.parametrize(
    ("given_", "unit", "says"),
    [
        (5, "m", "has no unit; give it with a unit, such as '12 mm'"),
        ("5", "s", "such as '2 weeks'"),
        ("5 kg", "m", r"\[mass\] is not \[length\]"),
        ("5 foo", "m", "not a known unit"),
        ("5 m m", "m", "is not"),
        ("five m", "m", "does not begin with a number"),
        ("nan m", "m", "does not begin with a number"),
        ("1e999 m", "m", "does not begin with a number"),
        (float("inf"), "-", "not a finite number"),
        ("3 m(", "m", "not a known unit"),
        ("3 /", "m", "not a known unit"),
        ("", "m", "does not begin with a number"),
        ("5 0", "-", "is not"),
        (True, "-", "not a quantity"),
        (None, "m", "not a quantity"),
        (["5 m"], "m", "not a quantity"),
    ],
)
def test_refused_with_the_name_and_an_example(given_, unit: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        quantity.parse(given_, unit, what="tissue.tumour.diameter")
    assert str(error.value).startswith("tissue.tumour.diameter: ")
    assert "give" in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "1 m**9**9**9**9",
        "1 m^9^9^9^9^9",
        "1 m**(9**9**9)",
        "1 9999999999m",
        "1 " + "m" * 70,
        "1 __import__('os')",
        "1 m;2",
    ],
)
def test_a_unit_cannot_run_or_hang(text: str) -> None:
    with pytest.raises(InputError):
        quantity.parse(text, "m")


def test_seconds_are_whole() -> None:
    assert quantity.seconds("12 h") == 43_200
    assert quantity.seconds("0.1 h") == 360
    assert quantity.seconds("28 d") == 28 * 86_400
    assert isinstance(quantity.seconds("1 s"), int)
    with pytest.raises(InputError, match=r"start: '0\.5 s' is 0\.5 s; times are whole seconds"):
        quantity.seconds("0.5 s", what="start")
    with pytest.raises(InputError, match="has no unit"):
        quantity.seconds(60)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3e-5, "m", "30 um"),
        (0.012, "m", "1.2 cm"),
        (1_209_600, "s", "14 d"),
        (5400, "s", "1.5 h"),
        (5e-6, "m3", "5 mL"),
        (40, "mmHg", "40 mmHg"),
        (0.25, "-", "0.25"),
        (0.0, "m", "0 m"),
    ],
)
def test_format(value: float, unit: str, text: str) -> None:
    assert quantity.format(value, unit) == text
    assert quantity.parse(text, unit) == pytest.approx(value)


@given(st.floats(1e-9, 1e9), st.sampled_from(["m", "s", "m3", "Pa", "1/s", "-"]))
def test_what_is_written_is_read_back(value: float, unit: str) -> None:
    assert quantity.parse(quantity.format(value, unit, digits=17), unit) == pytest.approx(value, rel=1e-13)


def test_units_of_the_program() -> None:
    assert quantity.si_unit("mL/min/100mL") == "1/s"
    assert quantity.si_unit("mmHg") == "Pa"
    assert quantity.si_unit("mmHg", tension=True) == "mmHg"
    assert quantity.to_si(1.0, "mL/mL/mmHg", tension=True) == 1.0
    assert quantity.si_unit("mL/mL/mmHg", tension=True) == "1/mmHg"
    assert quantity.si_unit("mL/g") == "m3/kg"
    assert quantity.si_unit("%") == quantity.si_unit("-") == "-"
    assert quantity.to_si(37.0, "degC") == 37.0
    assert quantity.to_si(1.0, "mL O2/mL/min") == pytest.approx(1 / 60)


def test_importing_is_cheap() -> None:
    """Help and checks must not wait for Pint or Numba."""
    code = (
        "import sys, tumorsim.quantity, tumorsim.clock, tumorsim.parameters;"
        "import tumorsim.lattice, tumorsim.state;"
        "sys.exit(any(m in sys.modules for m in ('pint', 'numba', 'scipy', 'mesa')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
