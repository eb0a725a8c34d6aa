"""A measured SAR: read as written, refused with its line or its integral, whole on the lattice."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.thermal.sar import Needle, deposit
from tumorsim.treatments.thermal.sar_table import Measured, integral, read_sar_table

MM = 1e-3
R = np.concatenate([np.linspace(0, 10, 21), np.linspace(11, 30, 20)]) * MM
Z = np.linspace(-30, 30, 61) * MM
SHAPE = np.exp(-((R[:, None] / (7 * MM)) ** 2) - (((Z - 2 * MM) / (10 * MM)) ** 2))
SAR = SHAPE / integral(R, Z, SHAPE)


def text(r=R, z=Z, sar=SAR) -> str:
    head = ["# a phantom at 2450 MHz", "", "r_mm\\z_mm," + ",".join(f"{1e3 * v:.10g}" for v in z)]
    return "\n".join(head + [",".join(f"{v:.10g}" for v in (1e3 * a, *row)) for a, row in zip(r, sar, strict=True)])


def test_integral_of_shapes_known() -> None:
    ones = np.ones((2, 2))
    assert integral(np.array([0.0, 2.0]), np.array([-1.0, 1.0]), ones) == pytest.approx(8 * np.pi)
    assert integral(np.array([1.0, 2.0]), np.array([0.0, 1.0]), ones) == pytest.approx(3 * np.pi)
    cone = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert integral(np.array([0.0, 1.0]), np.array([0.0, 1.0]), cone) == pytest.approx(np.pi / 3)


def test_reads_what_is_written(tmp_path) -> None:
    path = tmp_path / "sar.csv"
    path.write_text(text())
    found = read_sar_table(path, 0.6)
    assert found.efficiency == 0.6
    assert found.radius == pytest.approx(R)
    assert found.along == pytest.approx(Z)
    assert found.sar == pytest.approx(SAR, rel=1e-6)
    corners = [[R[4], 0, Z[20]], [0, -R[25], Z[33]], [0, 0, Z[60]]]
    assert found.density(corners) == pytest.approx([SAR[4, 20], SAR[25, 33], SAR[0, 60]], rel=1e-6)
    between = float(found.density([[0.5 * (R[4] + R[5]), 0, 0.5 * (Z[20] + Z[21])]])[0])
    assert between == pytest.approx(SAR[4:6, 20:22].mean(), rel=1e-6)
    assert not found.density([[R[-1] + MM, 0, 0], [0, 0, Z[-1] + MM]]).any()


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 2, 3)])
def test_all_of_it_reaches_the_lattice(spacing: float, direction: tuple) -> None:
    lattice = Lattice.for_box(68 * MM, spacing * MM)
    given = deposit(Measured(R, Z, SAR, 1.0), Needle((0.3 * MM, 0, 0.4 * MM), direction), lattice)
    assert given.sum() * lattice.site_volume == pytest.approx(1.0, abs=1e-3)


def test_positive_z_is_towards_the_tip() -> None:
    lattice = Lattice.for_box(60 * MM, 2 * MM)
    given = deposit(Measured(R, Z, SAR, 1.0), Needle((0, 0, 0), (0, -1, 0)), lattice)
    assert given @ lattice.centres()[:, 1] / given.sum() == pytest.approx(-2 * MM, rel=0.02)


def test_a_hole_where_the_metal_is() -> None:
    r, sar = R[4:], SHAPE[4:] / integral(R[4:], Z, SHAPE[4:])
    lattice = Lattice.for_box(66 * MM, 1 * MM)
    found = Measured(r, Z, sar, 1.0)
    assert not found.density([[1.9 * MM, 0, 0]]).any()
    given = deposit(found, Needle((0, 0, 0)), lattice)
    assert given.sum() * lattice.site_volume == pytest.approx(1.0, abs=1e-3)
    assert found.core == pytest.approx(2 * MM)


def test_one_per_cent_is_scaled_away_and_more_refused(tmp_path) -> None:
    near = Measured(R, Z, 1.008 * SAR, 1.0)
    assert integral(near.radius, near.along, near.sar) == pytest.approx(1.0)
    with pytest.raises(InputError, match=r"integrates to 0\.5 over space"):
        Measured(R, Z, 0.5 * SAR, 1.0)
    path = tmp_path / "double.csv"
    path.write_text(text(sar=2 * SAR))
    with pytest.raises(InputError, match=r"double\.csv: it integrates to 2 over space"):
        read_sar_table(path, 0.5)


def broken(line: int, old: str, new: str) -> str:
    lines = text().splitlines()
    assert old in lines[line - 1], lines[line - 1][:80]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: broken(4, text().splitlines()[3].split(",")[7], ""), r"sar\.csv:4: cell 8 is a gap"),
        (lambda: broken(5, text().splitlines()[4].split(",")[9], "-3"), r"sar\.csv:5: -3 is negative"),
        (lambda: broken(6, text().splitlines()[5].split(",")[2], "many"), r"sar\.csv:6: 'many' is not a number"),
        (lambda: broken(6, text().splitlines()[5].split(",")[2], "nan"), r"sar\.csv:6: 'nan' is not a number"),
        (lambda: broken(3, ",-29,", ",-31,"), r"sar\.csv:3: z must ascend; -31 mm comes after -30 mm"),
        (lambda: broken(7, "1.5,", "0.5,"), r"sar\.csv:7: r must ascend; 0.5 mm comes after 1 mm"),
        (lambda: broken(3, "r_mm\\z_mm", "distance"), r"sar\.csv:3: the head must begin with"),
        (lambda: text() + ",7", r"sar\.csv:44: 62 cells are due, as in the head; got 63"),
        (lambda: "# nothing\n", "at least two rows"),
    ],
)
def test_refused_with_its_line(tmp_path, content, says: str) -> None:
    path = tmp_path / "sar.csv"
    path.write_text(content())
    with pytest.raises(InputError, match=says):
        read_sar_table(path, 0.5)


def test_all_problems_at_once_and_no_file(tmp_path) -> None:
    path = tmp_path / "sar.csv"
    path.write_text(broken(3, ",-29,", ",-31,") + ",7")
    with pytest.raises(InputError) as error:
        read_sar_table(path, 0.5)
    assert len(error.value.problems) == 2
    with pytest.raises(InputError, match="no such file"):
        read_sar_table(tmp_path / "none.csv", 0.5)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="not a text file"):
        read_sar_table(tmp_path / "binary.csv", 0.5)


def test_arrays_are_checked_too() -> None:
    with pytest.raises(InputError, match="z must ascend"):
        Measured(R, Z[::-1], SAR, 1.0)
    with pytest.raises(InputError, match="do not match"):
        Measured(R, Z, SAR.T, 1.0)
    with pytest.raises(InputError, match="finite and 0 or more"):
        Measured(R, Z, -SAR, 1.0)
