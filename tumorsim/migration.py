"""States saved by earlier versions, brought up to this one: a chain of small steps, each from a version to the next.

Every step says in one line what it filled in, and that line goes with the run from then on (`Old.notes`): nothing is
filled silently. What cannot be known is refused with the reason, or stands as NaN and keeps the run from going on.
A step is history: names and columns are those of its two versions and do not follow later changes.

Version 1: cells, oxygen, and beads in arteries.
Version 2: what vessels hold and do by themselves (beads, gelatin, oil, drug, tone, VEGF).
Version 3: death by lineage extinction, doomed cells, nests, frailty, shrinkage, reserve of the liver.
Version 4: fluid between the liver and organs beside it, heat on their walls.
Version 5: permanent implants, and heat near them in time.

Numbers of a run that goes on from an older state need not equal those of the program that saved it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError

Arrays = Mapping[str, NDArray[Any]]

#: From version 2 on a saved run can go on; before, vessels were grown by rules that are gone.
GOES_ON_FROM = 2
GROWN_OTHERWISE = (
    "its vessels were grown by rules that this program no longer has, so it cannot go on; its arrays can be read "
    "(State.load), and its scenario can be run again"
)


class OlderVersion(UserWarning):
    """Something saved by an earlier version was opened; the text says what was filled in."""


@dataclass(frozen=True)
class Old:
    """What stands in a file of a saved state.

    Attributes
    ----------
    version : int
        Of the state schema.
    sizes : mapping
        Lengths of the axes.
    causes : tuple of str
        Causes of death, a column of ``deaths`` each.
    arrays : mapping
        Name to array.
    records : mapping or None
        The records of the run, or None for a state without a run.
    notes : tuple of str
        What was filled in, one line a step.
    as_at_start, unknown : tuple of str
        Arrays that stand as at the start of any run, and arrays that are not known (NaN): whoever makes the state
        knows their lengths.
    """

    version: int
    sizes: Mapping[str, Any]
    causes: tuple[str, ...]
    arrays: Arrays
    records: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    as_at_start: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def need(self, *names: str) -> None:
        """Refuse a file that lacks arrays of its own version: InputError with their names."""
        missing = [name for name in names if name not in self.arrays]
        if missing:
            raise InputError(
                f"state of version {self.version} without {', '.join(missing)}: what stood there cannot be known"
            )


def from_1(old: Old) -> Old:
    """Version 1 to 2: what vessels hold.

    In version 1 only beads closed a vessel, so ``edge_solid`` is what ``edge_open`` lacks of 1, exactly; there was
    no thrombus and no dormant vessel (``edge_patent`` 1), no gelatin, no oil, no answer of arteries
    (``edge_tone`` 1), and VEGF stood at its baseline (``vegf`` 1). The hypoxia of the untreated tumour was not kept:
    ``untreated_hypoxia`` is NaN, and such a run cannot go on.

    Raises
    ------
    InputError
        Where a drug was given: in which vessel it was held was not written. Where beads lie in vessels and no
        records say whether they carried a drug.
    """
    old.need("edge_open", "edge_beads", "edge_state")
    if np.any(old.arrays["edge_beads"]):
        given = drugs_given(old.records)
        if given is None:
            raise InputError("state of version 1 with beads but no records: whether they held a drug cannot be known")
        if given:
            raise InputError(
                f"state of version 1 after {', '.join(given)} was given: the vessels that hold it were not written"
            )
    edges, rows = int(old.sizes["edges"]), int(old.sizes["exchange"])
    open_share = np.asarray(old.arrays["edge_open"], dtype="<f8")
    filled = {
        "edge_patent": np.ones(edges),
        "edge_solid": 1.0 - open_share,
        "edge_gelatin": np.zeros(edges),
        "edge_oil": np.zeros(edges),
        "edge_tone": np.ones(edges),
        "edge_payload": np.zeros((edges, 4)),
        "vegf": np.ones(rows),
        "untreated_hypoxia": np.full(rows, np.nan),
    }
    note = (
        "state of version 1 opened: what closes a vessel is beads; no thrombus, gelatin, oil or drug, no tone, VEGF at "
        "baseline; hypoxia of the untreated tumour not known (NaN)"
    )
    return replace(old, version=2, arrays={**old.arrays, **filled}, notes=(*old.notes, note))


def from_2(old: Old) -> Old:
    """Version 2 to 3: tissue in depth, none of which a run of version 2 had.

    No death by lineage extinction (a column of zeros, the fourth), and as at the start of any run: no nest, no doomed
    cell, no frailty, nothing resorbed (``volume`` 1). ``reserve`` is not known here (NaN);
    a run that goes on gets the untreated values of its patient (`tumorsim.saving`).
    """
    one_cell = bool(old.sizes.get("one_cell", False))
    old.need("deaths", "phase" if one_cell else "viable", "untreated_hypoxia")
    filled: dict[str, NDArray[Any]] = {"deaths": np.insert(np.asarray(old.arrays["deaths"]), 3, 0, axis=1)}
    records = old.records
    if records is not None:
        totals = [{**t, "deaths": [*t["deaths"][:3], 0, *t["deaths"][3:]]} for t in records["totals"]]
        doomed = [0] * len(records["dying"])
        records = {
            **records,
            "doomed": doomed,
            "totals": totals,
            "notes": [],
            "ledger": None,
        }
    note = (
        "state of version 2 opened: no cell doomed, no nest (what earlier treatments found is not known), no frailty, "
        "volume whole, liver reserve as before treatment, no death by lineage extinction"
    )
    return replace(
        old,
        version=3,
        sizes={**old.sizes, "traits": 0},
        causes=(*old.causes[:3], "lineage extinction", *old.causes[3:]),
        arrays={**old.arrays, **filled},
        records=records,
        notes=(*old.notes, note),
        as_at_start=("peak", "frailty", "volume") if one_cell else ("doomed", "peak", "frailty", "volume"),
        unknown=("reserve",),
    )


def from_3(old: Old) -> Old:
    """Version 3 to 4: organs beside the tumour, which no run of version 3 had: no fluid, no wall; and no heat."""
    old.need("reserve" if "reserve" not in old.unknown else "deaths")
    records = None if old.records is None else {"ledger": None, **old.records}
    return replace(
        old,
        version=4,
        records=records,
        sizes={**old.sizes, "walls": 0},
        notes=(*old.notes, "state of version 3 opened: no organ beside the tumour and no fluid, no heat"),
        as_at_start=(*old.as_at_start, "fluid", "fluid_at", "wall_dose", "coagulated", "heat_damage"),
    )


def from_4(old: Old) -> Old:
    """Version 4 to 5: implants, which no run of version 4 had.

    The thermal dose of heat was not kept: what a session of the last hours would add to radiation from now on is
    left out.
    """
    old.need("heat_damage" if "heat_damage" not in old.as_at_start else "deaths")
    empty = ("implant_rate", "implant_at", "implant_decay", "implant_width", "heated_cem43", "heated_on", "heated_off")
    return replace(
        old,
        version=5,
        sizes={**old.sizes, "implants": 0, "heatings": 0},
        notes=(*old.notes, "state of version 4 opened: no radiation, and no heat near in time to what may come of it"),
        as_at_start=(*old.as_at_start, *empty),
    )


#: version -> the step from it to the next
STEPS: dict[int, Callable[[Old], Old]] = {1: from_1, 2: from_2, 3: from_3, 4: from_4}

CAVEAT = "numbers from here on need not equal those of the program that saved it"


def migrate(old: Old, to: int) -> Old:
    """Bring what a file holds up to version ``to``; the same object where it is of that version.

    Raises
    ------
    InputError
        Where the version is not known, or a step cannot know what it needs.
    """
    if old.version == to:
        return old
    if not isinstance(old.version, int) or old.version > to or old.version not in STEPS:
        older = ", ".join(map(str, sorted(STEPS)))
        newer = " It was saved by a newer program." if isinstance(old.version, int) and old.version > to else ""
        raise InputError(f"state of version {old.version}; this program reads {to} and, filled in, {older}.{newer}")
    first = old.version
    while old.version < to:
        old = STEPS[old.version](old)
    if old.records is not None:
        notes = [*old.records.get("notes", []), f"{'; '.join(old.notes)}; {CAVEAT}"]
        old = replace(old, records={**old.records, "notes": notes, "saved_by_state_version": first})
    return old


def tell(path: object, old: Old) -> None:
    """Say on stderr, in one line, what was filled in; nothing where nothing was."""
    if old.notes:
        warnings.warn(f"{path}: {'; '.join(old.notes)}; {CAVEAT}", OlderVersion, stacklevel=3)


def drugs_given(records: Mapping[str, Any] | None) -> list[str] | None:
    """Names of the drugs that the records of a run of version 1 say were given; None without records."""
    if records is None:
        return None
    found: dict[str, None] = {}
    for done in records["done"]:
        for key, mass in done["delivered"].items():
            if key.endswith("_mg") and done["changed"] and mass:
                found[key.removesuffix("_mg")] = None
    return list(found)
