"""Phase separation: how red cells share themselves out where one vessel divides in two.

The share FQ_E of the cells that enters branch alpha follows from the share FQ_B of the blood:

    logit FQ_E = A + B logit((FQ_B - X0) / (1 - 2 X0)),     B = 1 + 6.98 (1 - H) / DF

    "1990"  A = -6.96 ln(Da / Db) / DF                                     X0 = 0.4 / DF
    "2005"  A = -13.29 (Da^2/Db^2 - 1) / (Da^2/Db^2 + 1) (1 - H) / DF      X0 = 0.964 (1 - H) / DF

with the diameters DF of the feeding vessel, Da and Db of the branches [um], and the discharge haematocrit H of
the feeding vessel. A branch that takes no more than the share X0 of the blood takes no cell at all. Both were
measured in the mesentery of rats: Pries, Ley, Claassen and Gaehtgens 1989 (Microvasc Res 38:81), Pries and others
1990 (Circ Res 67:826), and Pries and Secomb 2005 (Am J Physiol Heart Circ Physiol 289:H2657).
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.vessels.rheology import CELL_VOLUME

SplitLaw = Literal["1990", "2005"]
LAWS: tuple[str, ...] = get_args(SplitLaw)

UM = 1e-6  # m


@njit
def share_of_cells(blood: float, alpha: float, beta: float, feed: float, haematocrit: float, later: bool) -> float:
    """Share FQ_E [-] of the cells that enters branch alpha; a scalar, compiled, without checks.

    Parameters
    ----------
    blood : float
        Share FQ_B [-] of the blood that enters alpha.
    alpha, beta, feed : float
        Diameters [um] of the branches and of the feeding vessel.
    haematocrit : float
        Discharge haematocrit [-] of the feeding vessel.
    later : bool
        The law of 2005, else of 1990.
    """
    plasma = (1.0 - haematocrit) / feed
    if later:
        square = (alpha / beta) ** 2
        a = -13.29 * (square - 1.0) / (square + 1.0) * plasma
        x0 = 0.964 * plasma
    else:
        a = -6.96 * math.log(alpha / beta) / feed
        x0 = 0.4 / feed
    # Below about 1 um X0 passes one half: then the branch with less blood is below it and gets no cell.
    if blood <= x0 or 1.0 - blood <= x0:
        if blood == 0.5:
            return 0.5
        return 0.0 if blood < 0.5 else 1.0
    b = 1.0 + 6.98 * plasma
    # logit((FQ_B - X0) / (1 - 2 X0)) without the quotient
    x = a + b * math.log((blood - x0) / (1.0 - blood - x0))
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


@njit
def _every(blood: Any, alpha: Any, beta: Any, feed: Any, haematocrit: Any, later: bool, out: Any) -> None:
    for i in range(len(out)):
        out[i] = share_of_cells(blood[i], alpha[i], beta[i], feed[i], haematocrit[i], later)


def cell_scale(cell_volume: float) -> float:
    """(92 fL / `cell_volume`)^(1/3) [-]: diameters in units of human red cells; `cell_volume` [m3].

    Raises
    ------
    InputError
        Where the volume is not a positive number.
    """
    if not (cell_volume > 0.0 and math.isfinite(cell_volume)):
        raise InputError(f"phase separation: cell volume {cell_volume} m3 is not positive. Example: 92 fL")
    return (CELL_VOLUME / cell_volume) ** (1.0 / 3.0)


def check_law(law: str) -> None:
    """Raise `InputError` for a law that is neither "1990" nor "2005"."""
    if law not in LAWS:
        allowed = ", ".join(f"'{name}'" for name in LAWS)
        raise InputError(f"phase separation: unknown law '{law}'. Allowed: {allowed}")


def cell_share(
    blood: ArrayLike,
    alpha: ArrayLike,
    beta: ArrayLike,
    feed: ArrayLike,
    haematocrit: ArrayLike,
    law: SplitLaw = "2005",
    *,
    cell_volume: float | None = None,
) -> NDArray[np.float64]:
    """Share FQ_E [-] of the red cells that enters branch alpha; the arrays are broadcast against each other.

    Parameters
    ----------
    blood : array
        Share FQ_B [-] of the blood that enters alpha, 0..1.
    alpha, beta, feed : array
        Diameters [m] of the branches and of the feeding vessel.
    haematocrit : array
        Discharge haematocrit [-] of the feeding vessel, from 0 to below 1.
    law : "1990" or "2005"
    cell_volume : float, optional
        Volume of a red cell [m3]. The laws were measured in rats with the diameters as they are, and that is the
        default. A volume scales the diameters by (92 fL / volume)^(1/3), as viscosity does, for who holds that the
        limits are set by the size of the cell.

    Raises
    ------
    InputError
        For a share, diameter, haematocrit or volume that cannot be, or an unknown law.
    """
    check_law(law)
    scale = 1.0 if cell_volume is None else cell_scale(cell_volume)
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (blood, alpha, beta, feed, haematocrit)))
    share, a, b, f, h = arrays
    if not np.all((share >= 0.0) & (share <= 1.0)):
        raise InputError("phase separation: the share of the blood is not a number from 0 to 1")
    for name, d in (("alpha", a), ("beta", b), ("feed", f)):
        if not np.all((d > 0.0) & np.isfinite(d)):
            raise InputError(f"phase separation: diameter {name} is not a positive number")
    if not np.all((h >= 0.0) & (h < 1.0)):
        raise InputError("phase separation: the haematocrit is not a number from 0 to below 1")
    out = np.empty(share.size)
    um = [np.ravel(d) * (scale / UM) for d in (a, b, f)]
    _every(np.ravel(share), *um, np.ravel(h), law == "2005", out)
    return out.reshape(share.shape)
