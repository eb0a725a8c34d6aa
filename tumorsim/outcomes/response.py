"""Response of target lesions by size: mRECIST (Lencioni and Llovet 2010) and RECIST 1.1 (Eisenhauer 2009).

Target lesions are the two largest (RECIST 1.1: at most two in one organ) of those that the image before the first
treatment shows with at least 10 mm. Of each the longest diameter is measured, and the sum of both is compared:

* mRECIST: the diameter of what enhances, here the longest of the enhancing regions of the lesion. (Criteria say to
  leave out necrosis between; of a ring that enhances all round, the diameter across is measured.)
* RECIST 1.1: the whole lesion, dead or alive, whichever phase shows it: what was outlined before treatment, and
  what joins it now, as enhancing tumour or as a mass in place of liver.

CR: nothing enhances (RECIST: what is left could not be seen); PD: the sum is 20 % above the smallest so far
(RECIST: and by 5 mm), or a new region of 10 mm enhances away from what was outlined before; PR: 30 % below the first;
else SD. The first that fits of CR without a new region, PD, PR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.outcomes.outline import Present, enclosed, regions

CATEGORIES = ("CR", "PR", "SD", "PD")
TARGETS = 2  # by definition (RECIST 1.1, of one organ)
LESS, MORE, LEAST_RISE = 0.30, 0.20, 5e-3  # by definition of PR, PD, and PD of RECIST 1.1 [m]
_EXACT = 1e-9  # m; a limit that is met to rounding is met


@dataclass(frozen=True)
class Sizes:
    """Diameters on one image [m].

    ``viable`` and ``whole`` are the longest diameters of any enhancing region and of any target lesion as a whole;
    ``viable_sum`` and ``whole_sum`` the sums over the target lesions. ``new`` is True where a new region enhances.
    """

    viable: float
    whole: float
    viable_sum: float
    whole_sum: float
    new: bool = False


@dataclass(frozen=True, eq=False)
class Baseline:
    """What the image before the first treatment shows: outlines, (sites,) bool; the largest lesion first.

    ``targets`` are those that are followed by size, ``outline`` is all that was outlined; ``sizes`` are theirs.
    """

    targets: tuple[NDArray[np.bool_], ...]
    outline: NDArray[np.bool_]
    sizes: Sizes


def baseline_of(
    present: Present, visible: NDArray[np.bool_], mass: NDArray[np.bool_], *, gap: float, measurable: float
) -> Baseline:
    """Outline the lesions of the first image.

    Parameters
    ----------
    present : Present
        Where tissue is at that time.
    visible : array of bool, shape (sites,)
        What enhances.
    mass : array of bool, shape (sites,)
        What has taken the place of liver.
    gap, measurable : float
        Gap that a lesion may have, and longest diameter from which one is a target [m].
    """
    label, count = regions(present.lattice, visible, gap)
    found = []
    for number in range(1, count + 1):
        mine = label == number
        found.append((present.longest(mine), enclosed(present.lattice, mine, gap)))
    found.sort(key=lambda pair: -pair[0])  # stable: equals in order of their sites
    outline = np.zeros(present.lattice.n_sites, dtype=bool)
    for _, mask in found:
        outline |= mask
    targets = tuple(mask for size, mask in found if size >= measurable)[:TARGETS]
    return Baseline(targets, outline, _sizes(present, visible, mass, targets, outline, gap, measurable))


def measure(
    present: Present,
    visible: NDArray[np.bool_],
    mass: NDArray[np.bool_],
    baseline: Baseline,
    *,
    gap: float,
    measurable: float,
) -> Sizes:
    """Diameters of an image, lesion by lesion; as `baseline_of`.

    An enhancing region belongs to the first target lesion that it comes within ``gap`` of, before or now. One that
    is at no outline of the first image is new.
    """
    return _sizes(present, visible, mass, baseline.targets, baseline.outline, gap, measurable)


def _sizes(
    present: Present,
    visible: NDArray[np.bool_],
    mass: NDArray[np.bool_],
    targets: tuple[NDArray[np.bool_], ...],
    outline: NDArray[np.bool_],
    gap: float,
    measurable: float,
) -> Sizes:
    lattice = present.lattice
    label, count = regions(lattice, visible, gap)
    length = [present.longest(label == number) for number in range(1, count + 1)]
    beside = [_within(present, mask, gap) for mask in targets]
    known = _within(present, outline, gap)
    owner = np.full(count, -1)
    new = False
    for number in range(1, count + 1):
        mine = label == number
        owners = [k for k, near in enumerate(beside) if (near & mine).any()]
        if owners:
            owner[number - 1] = owners[0]
        elif length[number - 1] >= measurable and not (known & mine).any():
            new = True
    alive = [max((d for d, k in zip(length, owner, strict=True) if k == t), default=0.0) for t in range(len(beside))]
    own = [np.isin(label, np.flatnonzero(owner == t) + 1) & (label > 0) for t in range(len(beside))]
    lump = ndimage.label(mass.reshape(lattice.shape))[0].ravel()
    whole = []
    for mask, mine in zip(targets, own, strict=True):
        joined = np.unique(lump[mask & mass])
        whole.append(present.longest(mask | mine | np.isin(lump, joined[joined > 0])))
    return Sizes(max(length, default=0.0), max(whole, default=0.0), sum(alive), sum(whole), new)


def mrecist(first: float, sums: Sequence[float], new: bool) -> str | None:
    """Category of the last of ``sums`` [m] of enhancing diameters; None without a target lesion.

    Parameters
    ----------
    first : float
        Sum before treatment [m].
    sums : sequence of float
        Of the images since, the one to judge last.
    new : bool
        Whether a new region enhances on it.
    """
    return _category(first, sums, new, gone=0.0, rise=0.0)


def recist(first: float, sums: Sequence[float], new: bool, *, unseen: float) -> str | None:
    """Category of the last of ``sums`` [m] of whole diameters; as `mrecist`.

    ``unseen`` [m]: a lesion up to this could not be told from liver any more.
    """
    return _category(first, sums, new, gone=unseen, rise=LEAST_RISE)


def _category(first: float, sums: Sequence[float], new: bool, *, gone: float, rise: float) -> str | None:
    if first <= 0.0 or not sums:
        return None
    now, nadir = sums[-1], min(first, *sums)
    if now <= gone and not new:
        return "CR"
    if new or (now >= (1.0 + MORE) * nadir - _EXACT and now - nadir >= max(rise - _EXACT, _EXACT)):
        return "PD"
    return "PR" if now <= (1.0 - LESS) * first + _EXACT else "SD"


def _within(present: Present, mask: NDArray[np.bool_], gap: float) -> NDArray[np.bool_]:
    """Sites with a gap of at most ``gap`` [m] to those of a mask, (sites,)."""
    lattice = present.lattice
    if not mask.any():
        return mask
    away = ndimage.distance_transform_edt(~mask.reshape(lattice.shape)).ravel()
    return np.asarray(away <= gap / lattice.spacing + 1.0 + 1e-9)
