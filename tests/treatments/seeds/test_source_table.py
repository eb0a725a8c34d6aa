"""A seed's file that cannot be used is refused with the line of everything that is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tumorsim.errors import InputError
from tumorsim.treatments.seeds import SeedSource

GOOD = """\
# a seed
name: mine
dose_rate_constant: 0.965
active_length_mm: 3.0
half_life_d: 59.4
radial:
  r_cm: [0.1, 0.5, 1, 2]
  g: [1.05, 1.07, 1, 0.8]
anisotropy:
  r_cm: [0.5, 1]
  theta_deg: [0, 45, 90]
  F:
    - [0.4, 0.9, 1]
    - [0.5, 0.9, 1]
phi_an:
  r_cm:
    - 0.5
    - 1
  value: [0.97, 0.94]
"""

# what is written, what instead: line and words of each problem
REFUSED = {
    "unknown key with another unit": (
        "active_length_mm: 3.0", "active_length_cm: 0.3",
        [(":4: active_length_cm: unknown key", "Did you mean 'active_length_mm'? It is given in mm."),
         (":2: active_length_mm: is missing",)],
    ),
    "radii in mm": (
        "  r_cm: [0.1,", "  r_mm: [1,", [(":7: radial.r_mm: unknown key", "'r_cm'"), ("radial.r_cm: is missing",)]
    ),
    "values in mm": (
        "[0.1, 0.5, 1, 2]", "[1, 5, 10, 100]", [(":7: radial.r_cm: value 4: 100 is above 30", "Is it in mm?")]
    ),
    "short values in mm": ("[0.1, 0.5, 1, 2]", "[1, 5, 10, 20]", [(":8: radial.g: it is 1.05 at 1 cm",)]),
    "values in m": ("[0.1, 0.5, 1, 2]", "[0.001, 0.005, 0.01, 0.02]", [(":7: radial.r_cm:", "leave out 1 cm")]),
    "length in cm": ("length_mm: 3.0", "length_mm: 0.3", [(":4: active_length_mm: 0.3 mm is not within", "in cm?")]),
    "half-life in h": ("59.4", "1425.6", [(":5: half_life_d: 1425.6 d", "in hours")]),
    "half-life of 0": ("59.4", "0", [(":5: half_life_d: 0 d is not within",)]),
    "constant in Gy": ("0.965", "0.00965", [(":3: dose_rate_constant: 0.00965 cGy/h/U", "A Gy is 100 cGy")]),
    "a number with a unit": ("3.0", "3 mm", [(":4: active_length_mm: '3 mm' is not a number; a plain number in mm",)]),
    "g in per cent": ("[1.05, 1.07, 1, 0.8]", "[105, 107, 100, 80]", [(":8: radial.g: value 1: 105", "per cent")]),
    "F in per cent": (
        "[0.4, 0.9, 1]", "[4, 9, 10]", [(":13: anisotropy.F: row 1: F is 10 at 90 degrees, where it is 1",)]
    ),
    "angles in radians": ("[0, 45, 90]", "[0, 0.8, 1.57]", [(":11: anisotropy.theta_deg: goes from 0 to 1.57",)]),
    "a gap": ("[1.05, 1.07, 1, 0.8]", "[1.05, ~, 1, 0.8]", [(":8: radial.g: value 2: is a gap",)]),
    "a gap in F": ("[0.4, 0.9, 1]", "[0.4, null, 1]", [(":13: anisotropy.F: value 2: is a gap",)]),
    "an empty text": ("[1.05, 1.07, 1, 0.8]", "[1.05, '', 1, 0.8]", [(":8: radial.g: value 2: '' is not a number",)]),
    "a gap YAML cannot read": ("1.05, 1.07", "1.05, , 1.07", [(":8: is not YAML",)]),
    "negative g": ("0.8]", "-0.8]", [(":8: radial.g: value 4: -0.8 is negative",)]),
    "g of 0": ("0.8]", "0]", [(":8: radial.g: value 4: 0 is not allowed",)]),
    "negative F": ("[0.5, 0.9, 1]", "[-0.5, 0.9, 1]", [(":14: anisotropy.F: value 1: -0.5 is negative",)]),
    "negative radius": ("[0.1, 0.5", "[-0.1, 0.5", [(":7: radial.r_cm: value 1: -0.1 is negative",)]),
    "negative length": ("3.0", "-3.0", [(":4: active_length_mm: -3 is negative",)]),
    "unsorted radii": (
        "[0.1, 0.5, 1, 2]", "[0.1, 1, 0.5, 2]", [(":7: radial.r_cm: value 3: must ascend; 0.5 cm comes after 1 cm",)]
    ),
    "repeated radius": ("[0.5, 1]", "[1, 1]", [(":10: anisotropy.r_cm: value 2: 1 cm is written twice",)]),
    "unsorted, on lines of their own": (
        "    - 0.5\n    - 1\n", "    - 1\n    - 0.5\n", [(":18: phi_an.r_cm: value 2: must ascend",)]
    ),
    "unsorted angles": (
        "[0, 45, 90]", "[0, 90, 45]", [(":11: anisotropy.theta_deg: value 3: must ascend",), ("0 to 45",)]
    ),
    "angle outside": ("[0, 45, 90]", "[0, 90, 200]", [(":11: anisotropy.theta_deg: value 3: 200 is above 180",)]),
    "angles that stop early": ("[0, 45, 90]", "[0, 45, 80]", [(":11: anisotropy.theta_deg: goes from 0 to 80",)]),
    "a short row": ("[0.5, 0.9, 1]", "[0.5, 1]", [(":14: anisotropy.F: row 2 has 2 values for 3 angles",)]),
    "a row too few": ("    - [0.5, 0.9, 1]\n", "", [(":12: anisotropy.F: 1 rows for 2 radii",)]),
    "a value too few": ("[1.05, 1.07, 1, 0.8]", "[1.05, 1.07, 1]", [(":8: radial.g: 3 values for 4 radii",)]),
    "a value too many": ("[0.97, 0.94]", "[0.97, 0.94, 0.9]", [(":19: phi_an.value: 3 values for 2 radii",)]),
    "not a number": ("[0.97, 0.94]", "[0.97, x]", [(":19: phi_an.value: value 2: 'x' is not a number",)]),
    "nan": ("[0.97, 0.94]", "[0.97, .nan]", [(":19: phi_an.value: value 2: nan is not a finite number",)]),
    "infinite": ("0.965", ".inf", [(":3: dose_rate_constant: inf is not a finite number",)]),
    "yes is no number": ("0.965", "yes", [(":3: dose_rate_constant: 'yes' is not a number",)]),
    "true is no number": ("0.965", "true", [(":3: dose_rate_constant: True is not a number",)]),
    "a number for a list": ("[0.97, 0.94]", "0.97", [(":19: phi_an.value: must be a list",)]),
    "an empty list": ("[0.97, 0.94]", "[]", [(":19: phi_an.value: at least 1", )]),
    "a list for keys": (GOOD[GOOD.index("phi_an") :], "phi_an: [1]\n", [(":15: phi_an: must be keys",)]),
    "key twice": ("half_life_d: 59.4", "half_life_d: 59.4\nname: again", [(":6: name: is written twice",)]),
    "misspelt": (
        "half_life_d", "half_live_d", [(":5: half_live_d", "'half_life_d'"), (":2: half_life_d: is missing",)]
    ),
    "no name": ("name: mine", "name: ", [(":2: name: must be a text",)]),
    "a tag": ("name: mine", "name: !!python/object:os.system x", [(":2: name: tags",)]),
    "a point with F": ("active_length_mm: 3.0", "active_length_mm: 0", [(":9: anisotropy: F belongs to a line",)]),
    "no anisotropy": (GOOD[GOOD.index("anisotropy") :], "", [(":2: seed: anisotropy or phi_an is missing",)]),
}  # fmt: skip


def refused(text: str, tmp_path: Path) -> list[str]:
    path = tmp_path / "seed.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        SeedSource.from_file(path)
    assert all(problem.startswith(str(path)) for problem in caught.value.problems)
    return [problem.removeprefix(str(path)) for problem in caught.value.problems]


def test_the_good_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(GOOD)
    assert SeedSource.from_file(path).name == "mine"
    # the point source of a table in the 1-D form
    one = GOOD[: GOOD.index("anisotropy")] + GOOD[GOOD.index("phi_an") :]
    path.write_text(one.replace("active_length_mm: 3.0", "active_length_mm: 0"))
    assert not SeedSource.from_file(path).is_2d


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_its_line(case: str, tmp_path: Path) -> None:
    old, new, due = REFUSED[case]
    assert GOOD.count(old) == 1
    problems = refused(GOOD.replace(old, new), tmp_path)
    assert len(problems) == len(due), problems
    for words in due:
        assert any(all(word in problem for word in words) for problem in problems), problems


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("0.965", "-1").replace("0.8]", "x]").replace("[0, 45, 90]", "[0, 45, 45]").replace("59.4", "'1'")
    )
    problems = refused(text, tmp_path)
    assert [p.split(":")[1] for p in problems] == ["3", "5", "8", "11", "11"]


@pytest.mark.parametrize(("text", "words"), [("", "is empty"), ("- 1\n", "must be keys"), ("x: [1", "is not YAML")])
def test_no_table_at_all(text: str, words: str, tmp_path: Path) -> None:
    (problem,) = refused(text, tmp_path)
    assert words in problem


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"seed\.yaml: cannot be read"):
        SeedSource.from_file(tmp_path / "seed.yaml")
    with pytest.raises(InputError, match="is a folder, not a seed table"):
        SeedSource.from_file(tmp_path)
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"x\.yaml:1: is not UTF-8 text. A seed table is"):
        SeedSource.from_file(tmp_path / "x.yaml")
