import math

import pytest

from tumorsim.cells.lifecycle import cell_rule as compiled
from tumorsim.cells.rule import cell_rule

DAY = 86400.0
ARGUMENTS = (DAY, 0.03, DAY, 2 * DAY, 0.134)


@pytest.mark.parametrize("slot", range(4))
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_plain_python_and_compiled_are_the_same(slot, share):
    assert cell_rule(slot >> 1, slot & 1, share, *ARGUMENTS) == compiled(slot >> 1, slot & 1, share, *ARGUMENTS)


def test_only_proliferating_cells_with_oxygen_divide():
    assert [cell_rule(s >> 1, s & 1, 0.3, *ARGUMENTS)[0] for s in range(4)] == [0.03, 0, 0, 0]


def test_sides_tend_to_the_share_of_the_tissue():
    to_hypoxic = cell_rule(0, 0, 0.3, *ARGUMENTS)[2]
    to_oxic = cell_rule(0, 1, 0.3, *ARGUMENTS)[2]
    assert to_hypoxic == pytest.approx(0.3 * (1 - math.exp(-1)))
    assert to_hypoxic / (to_hypoxic + to_oxic) == pytest.approx(0.3)


def test_phases_tend_to_the_growth_fraction_with_oxygen_and_to_quiescence_without():
    into, out_of = cell_rule(1, 0, 0.3, *ARGUMENTS)[1], cell_rule(0, 0, 0.3, *ARGUMENTS)[1]
    assert into / (into + out_of) == pytest.approx(0.134)
    assert cell_rule(1, 1, 0.3, *ARGUMENTS)[1] == 0
    assert cell_rule(0, 1, 0.3, *ARGUMENTS)[1] == pytest.approx(1 - math.exp(-0.5))
