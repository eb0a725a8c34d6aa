"""The rule of one tumour cell: what it may do in one step, and with which probability.

This is the biology of cell life, in one function that plain Python and the compiled kernels share. A user's
own rule has the same signature and returns the same three numbers:

    def my_rule(quiescent, hypoxic, share_hypoxic, dt, p_birth, tau_mix, tau_phase, growth_fraction):
        ...
        return p_divide, p_phase, p_side

What a rule must keep to:

- It is a pure function of its arguments: numbers and ``math`` only, so that Numba can compile it. It draws
  nothing; the kernels draw.
- Each of the three is a probability, 0 to 1, over one step of ``dt`` seconds, for one cell that survived it.
- They are applied in this order: a cell first survives its hazards or dies of them; a survivor divides with
  ``p_divide`` (the newborn is proliferating and oxic); the survivor itself goes to the other side (oxic or
  hypoxic) with ``p_side``; if it stays on its side, it changes phase (proliferating or quiescent) with
  ``p_phase``. All four numbers are read from the cell as it was when the step began.
- ``p_birth`` is the probability that a calibration found for the untreated tumour to double in its doubling
  time. A rule that does not use it sets its own growth, and then the doubling time is not imposed.

Deaths are not in the rule: they come as hazards from outside (ischaemia, starvation, treatments), and as the
turnover of the parameter table.
"""

from __future__ import annotations

import math
from typing import Any

PROLIFERATING_OXIC, PROLIFERATING_HYPOXIC, QUIESCENT_OXIC, QUIESCENT_HYPOXIC = 0, 1, 2, 3


def cell_rule(
    quiescent: int,
    hypoxic: int,
    share_hypoxic: float,
    dt: float,
    p_birth: float,
    tau_mix: float,
    tau_phase: float,
    growth_fraction: float,
) -> Any:
    """Probabilities that one cell divides, changes phase and changes side within one step.

    Parameters
    ----------
    quiescent, hypoxic : int
        The cell: 1 or 0 each. Its slot is ``2 * quiescent + hypoxic``.
    share_hypoxic : float
        Share of the tissue around it below 10 mmHg, 0 to 1.
    dt : float
        Length of the step [s].
    p_birth : float
        Probability that a proliferating oxic cell divides in the step.
    tau_mix : float
        Mean time for oxic and hypoxic cells to mix [s].
    tau_phase : float
        Mean time for proliferating and quiescent cells to come to balance [s].
    growth_fraction : float
        Share of oxic cells that proliferate in balance (Ki-67), 0 to 1. Of hypoxic cells none does.

    Returns
    -------
    p_divide, p_phase, p_side : float
    """
    # only proliferating cells with oxygen divide
    p_divide = p_birth if quiescent == 0 and hypoxic == 0 else 0.0

    # cells and capillaries shift against each other until the hypoxic share of cells is that of the tissue
    mixing = 1.0 - math.exp(-dt / tau_mix)
    p_side = mixing * (1.0 - share_hypoxic) if hypoxic == 1 else mixing * share_hypoxic

    # cells enter and leave the cycle until the growth fraction is reached; hypoxic cells only leave it
    settling = 1.0 - math.exp(-dt / tau_phase)
    target = 0.0 if hypoxic == 1 else growth_fraction
    p_phase = settling * target if quiescent == 1 else settling * (1.0 - target)

    return p_divide, p_phase, p_side
