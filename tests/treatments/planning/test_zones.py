"""The table of zones: between its rows straight lines, outside of them nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.treatments.planning.zones import COLUMNS, Option, Zone, options_of, read_zone_tables, zone_table

TEXT = f"""# a device on the bench
{",".join(COLUMNS)}
cooled,40,5,20,30,4
cooled,40,10,30,40,4
cooled,60,5,24,36,6
cooled,60,15,40,52,6
other,80,10,40,50,0
"""


def test_rows_come_back_and_between_them_it_is_linear() -> None:
    table = read_zone_tables(TEXT)["cooled"]
    assert table(40.0, 300.0) == Zone(0.020, 0.030, 0.004)
    half = table(40.0, 450.0)
    assert (half.short_axis, half.long_axis) == (pytest.approx(0.025), pytest.approx(0.035))
    middle = table(50.0, 600.0)  # 30 x 40 at 40 W, 32 x 44 at 60 W
    assert (middle.short_axis, middle.long_axis, middle.offset) == pytest.approx((0.031, 0.042, 0.005))


@given(st.floats(40.0, 60.0), st.floats(300.0, 600.0))
def test_more_power_and_time_never_give_less(power: float, duration: float) -> None:
    table = read_zone_tables(TEXT)["cooled"]
    here = table(power, duration)
    assert table(60.0, duration).short_axis >= here.short_axis - 1e-12
    assert table(power, 600.0).long_axis >= here.long_axis - 1e-12


@pytest.mark.parametrize(("power", "duration"), [(39.0, 300.0), (61.0, 300.0), (40.0, 299.0), (50.0, 601.0)])
def test_outside_of_it_nothing_is_said(power: float, duration: float) -> None:
    with pytest.raises(InputError, match="outside its range"):
        read_zone_tables(TEXT)["cooled"](power, duration)


def test_a_file_is_read_and_every_bad_line_named(tmp_path: Path) -> None:
    path = tmp_path / "zones.csv"
    path.write_text(TEXT)
    assert zone_table(path, "other")(80.0, 600.0).volume == pytest.approx(3.14159265 / 6 * 0.04**2 * 0.05)
    with pytest.raises(InputError, match="Did you mean 'cooled'"):
        zone_table(path, "cooler")
    with pytest.raises(InputError) as found:
        read_zone_tables(TEXT + "x,a,1,2,3,0\nx,1,2\nx,-1,5,20,30,0\n", "f.csv")
    assert [p.split(":")[1] for p in found.value.problems] == ["8", "9", "10"]
    with pytest.raises(InputError, match="stand twice"):
        read_zone_tables(TEXT + "other,80,10,41,50,0\n")
    with pytest.raises(InputError, match="columns"):
        read_zone_tables("a,b\n")


def test_a_callable_gives_options() -> None:
    one, two = options_of(lambda p, t: (p * 1e-3, t / 1e4), [(30.0, 300.0), (40.0, 600.0)])
    assert one == Option(30.0, 300.0, Zone(30.0 * 1e-3, 0.03)) and two.zone.long_axis == pytest.approx(0.06)
    assert two.zone.holds(one.zone) and not one.zone.holds(two.zone)
    with pytest.raises(InputError, match="positive"):
        options_of(lambda p, t: (p, t), [(0.0, 300.0)])
