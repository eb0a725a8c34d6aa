"""Every array that changes in a run: one place that saves, loads, forks and hashes them.

Their names, and the words of the table, come from `tumorsim.arrays`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim import migration
from tumorsim.arrays import (  # noqa: F401 (other rooms take these names from here)
    ARRAYS,
    CAUSES,
    COAGULATED,
    DEBRIS,
    DOOMED,
    DOOMED_ONCE_MORE,
    DORMANT,
    DRUGS,
    DYING,
    EMBOLISED,
    EMPTY,
    FIRST_SATELLITE,
    FLUIDS,
    LAST_SATELLITE,
    LIVER,
    OPEN,
    ORGANS,
    OUTSIDE,
    RESERVE,
    SCHEMA_VERSION,
    SLOTS,
    THROMBOSED,
    WALL_DOSES,
    ArraySpec,
    Sizes,
    nbytes,
)
from tumorsim.errors import InputError


class State:
    """The arrays of one run at one moment, as attributes named in `ARRAYS`.

    Parameters
    ----------
    sizes : Sizes
        Lengths of the axes.
    causes : sequence of str
        Causes of death, a column of ``deaths`` each: `CAUSES`, then those that treatments register.

    Raises
    ------
    InputError
        Where the causes do not begin with `CAUSES` or repeat, or a size is negative.
    """

    compartment: NDArray[np.uint8]
    viable: NDArray[np.int32]
    dying: NDArray[np.int32]
    debris: NDArray[np.float32]
    phase: NDArray[np.uint8]
    deaths: NDArray[np.int32]
    nadir: NDArray[np.int32]
    liver_hazard: NDArray[np.float64]
    q_arterial: NDArray[np.float32]
    q_portal: NDArray[np.float32]
    q_extrahepatic: NDArray[np.float32]
    po2: NDArray[np.float32]
    share10: NDArray[np.float32]
    share2p5: NDArray[np.float32]
    share0p5: NDArray[np.float32]
    anoxic_lag: NDArray[np.float64]
    edge_state: NDArray[np.uint8]
    edge_open: NDArray[np.float64]
    edge_beads: NDArray[np.int64]
    edge_flow: NDArray[np.float64]
    node_pressure: NDArray[np.float64]
    step_index: int
    now: int
    edge_patent: NDArray[np.float64]
    edge_solid: NDArray[np.float64]
    edge_gelatin: NDArray[np.float64]
    edge_oil: NDArray[np.float64]
    edge_tone: NDArray[np.float64]
    edge_payload: NDArray[np.float64]
    vegf: NDArray[np.float64]
    untreated_hypoxia: NDArray[np.float64]
    doomed: NDArray[np.int32]
    peak: NDArray[np.int32]
    frailty: NDArray[np.float64]
    volume: NDArray[np.float32]
    reserve: NDArray[np.float64]
    fluid: NDArray[np.float64]
    fluid_at: NDArray[np.int64]
    wall_dose: NDArray[np.float64]
    coagulated: NDArray[np.float32]
    heat_damage: NDArray[np.float64]
    implant_rate: NDArray[np.float64]
    implant_at: NDArray[np.int64]
    implant_decay: NDArray[np.float64]
    implant_width: NDArray[np.float64]
    heated_cem43: NDArray[np.float32]
    heated_on: NDArray[np.int64]
    heated_off: NDArray[np.int64]

    def __init__(self, sizes: Sizes, causes: Sequence[str] = CAUSES) -> None:
        self.sizes = sizes
        self.causes = tuple(causes)
        problems = []
        if self.causes[: len(CAUSES)] != CAUSES or len(set(self.causes)) != len(self.causes):
            problems.append(f"state: causes must begin with {CAUSES} and differ, got {self.causes}")
        problems += [f"state: {name} must be 0 or more, got {n}" for name, n in asdict(sizes).items() if n < 0]
        if problems:
            raise InputError(problems)
        for spec in self.specs():
            if spec.axis == "scalar":
                setattr(self, spec.name, int(spec.fill))
            else:
                shape = sizes.shape(spec.axis, len(self.causes))
                # zeros come from the system untouched: a large state costs memory only where it is written
                make = np.zeros(shape, spec.dtype) if spec.fill == 0 else np.full(shape, spec.fill, spec.dtype)
                setattr(self, spec.name, make)

    def __repr__(self) -> str:
        return f"State({self.sizes}, step_index={self.step_index}, now={self.now})"

    def specs(self) -> Iterator[ArraySpec]:
        """The arrays this state has, in schema order."""
        form = "one" if self.sizes.one_cell else "many"
        return (spec for spec in ARRAYS if spec.form in ("both", form))

    def cause(self, name: str) -> int:
        """Column of a cause in ``deaths``; KeyError where it was not registered."""
        if name not in self.causes:
            raise KeyError(f"no cause {name!r}; this state has {', '.join(self.causes)}")
        return self.causes.index(name)

    def viable_cells(self) -> NDArray[np.int32]:
        """Viable cells of every site, (sites,), in either form of storage."""
        if self.sizes.one_cell:
            return ((self.phase > EMPTY) & (self.phase < DYING)).astype(np.int32)
        return self.viable.sum(axis=1, dtype=np.int32)

    def register(self, causes: Iterable[str]) -> None:
        """Add causes that are not there yet, with no deaths; those of treatments stand in order of name.

        So the same causes have the same columns whichever came first.
        """
        if not (new := set(causes) - set(self.causes)):
            return
        ordered = (*CAUSES, *sorted({*self.causes[len(CAUSES) :], *new}))
        deaths = np.zeros((len(self.deaths), len(ordered)), dtype=self.deaths.dtype)
        for column, cause in enumerate(self.causes):
            deaths[:, ordered.index(cause)] = self.deaths[:, column]
        self.deaths, self.causes = deaths, ordered

    def remember(self, traits: int) -> None:
        """Give every site the memory of its cells' frailty, of so many parts, where it has none yet."""
        if self.sizes.traits == 0:
            self.sizes = replace(self.sizes, traits=traits)
            self.frailty = np.ones(self.sizes.shape("site_trait", 0))

    def add_implant(self, rate: ArrayLike, at: int, decay: float, width: ArrayLike | None = None) -> None:
        """Put in permanent sources that share their time and their decay.

        Sources of one time and decay are one implantation. A rate that is 0 everywhere leaves the state as it was.

        Parameters
        ----------
        rate : array, shape (sites,)
            Dose rate when they are put in [Gy/s].
        at : int
            When that is [s], 0 or more.
        decay : float
            Decay constant [1/s], 0 or more.
        width : array, shape (sites,), optional
            Half the width of the dose rates within each site [Gy/s], at most the rate; default 0.

        Raises
        ------
        InputError
            With everything that is impossible.
        """
        field = np.asarray(rate, dtype=np.float64)
        problems = self._field_problems("dose rate of an implantation", field, "Gy/s")
        wide = np.zeros(field.shape) if width is None else np.asarray(width, dtype=np.float64)
        if width is not None:
            problems += self._field_problems("width of dose rates of an implantation", wide, "Gy/s")
        if not problems and np.any(wide > field):
            problems.append("state: the width of dose rates of an implantation is above the rate itself")
        problems += _time_problems("time of an implantation", at)
        if not 0.0 <= decay < np.inf:
            problems.append(f"state: the decay constant of an implantation must be 0 or more, got {decay} 1/s")
        if problems:
            raise InputError(problems)
        if not field.any():
            return
        same = np.flatnonzero((self.implant_at == at) & (self.implant_decay == decay))
        if len(same):
            self.implant_rate[same[0]] += field
            self.implant_width[same[0]] += wide  # at most: where two sources fall in opposite ways it is less
            return
        self.sizes = replace(self.sizes, implants=self.sizes.implants + 1)
        self.implant_rate = np.concatenate([self.implant_rate, field[None]])
        self.implant_width = np.concatenate([self.implant_width, wide[None]])
        self.implant_at = np.append(self.implant_at, np.int64(at))
        self.implant_decay = np.append(self.implant_decay, np.float64(decay))

    def add_heating(self, cem43: ArrayLike, begin: int, end: int) -> None:
        """Remember a session of heat for what it does to radiation near it in time.

        Heat that is 0 everywhere leaves the state as it was.

        Parameters
        ----------
        cem43 : array, shape (sites,)
            Thermal dose of the whole session, as time at 43 degC [s].
        begin, end : int
            When heating began and ended [s].

        Raises
        ------
        InputError
            With everything that is impossible.
        """
        field = np.asarray(cem43, dtype=np.float32)
        problems = self._field_problems("thermal dose of a session", field, "s")
        problems += _time_problems("begin of a session of heat", begin) + _time_problems("its end", end)
        if not problems and begin > end:
            problems.append(f"state: a session of heat must end after it begins, got {begin} to {end} s")
        if problems:
            raise InputError(problems)
        if not field.any():
            return
        self.sizes = replace(self.sizes, heatings=self.sizes.heatings + 1)
        self.heated_cem43 = np.concatenate([self.heated_cem43, field[None]])
        self.heated_on = np.append(self.heated_on, np.int64(begin))
        self.heated_off = np.append(self.heated_off, np.int64(end))

    def keep_heatings(self, kept: NDArray[np.bool_]) -> None:
        """Forget sessions of heat but those in ``kept`` (heatings,)."""
        if not kept.all():
            self.sizes = replace(self.sizes, heatings=int(kept.sum()))
            self.heated_cem43 = self.heated_cem43[kept]
            self.heated_on, self.heated_off = self.heated_on[kept], self.heated_off[kept]

    def _field_problems(self, what: str, field: NDArray[Any], unit: str) -> list[str]:
        if field.shape != (self.sizes.sites,):
            return [f"state: {what} must have the shape ({self.sizes.sites},) of the sites, got {field.shape}"]
        wrong = np.flatnonzero(~((field >= 0.0) & (field < np.inf)))
        first = f"{field[wrong[0]]:g} {unit} in site {wrong[0]}" if len(wrong) else ""
        return [f"state: {what} must be 0 or more everywhere, got {first}"] * bool(len(wrong))

    @property
    def nbytes(self) -> int:
        """Memory of the arrays [bytes]."""
        return nbytes(self.sizes, len(self.causes))

    def fork(self) -> State:
        """A copy that shares nothing with this state."""
        twin = State.__new__(State)
        twin.sizes, twin.causes = self.sizes, self.causes
        for spec in self.specs():
            value = getattr(self, spec.name)
            setattr(twin, spec.name, value if spec.axis == "scalar" else value.copy())
        return twin

    def _little_endian(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Arrays in schema order as stored and hashed; refuses an array that left its type or shape."""
        for spec in self.specs():
            dtype = np.dtype(spec.dtype).newbyteorder("<")
            value = np.asarray(getattr(self, spec.name), dtype if spec.axis == "scalar" else None)
            due = (np.dtype(spec.dtype), self.sizes.shape(spec.axis, len(self.causes)))
            if (value.dtype, value.shape) != due:
                raise TypeError(f"state: {spec.name} is {value.dtype} {value.shape}, not {due[0]} {due[1]}")
            yield spec.name, np.asarray(value, dtype=dtype, order="C")

    def hash(self) -> str:
        """SHA-256 (hex) of the bytes of all arrays, little-endian, in schema order."""
        digest = hashlib.sha256()
        for _, array in self._little_endian():
            digest.update(array.reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    def save(self, path: str | os.PathLike[str], records: str = "") -> None:
        """Write to a file (npz, not compressed, no pickle); the file is whole or not there.

        ``records`` is text that travels with the state and is no part of it or of its hash.
        """
        target = Path(path)
        head = {"tumorsim_state": SCHEMA_VERSION, "sizes": asdict(self.sizes), "causes": list(self.causes)}
        header = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
        text = np.frombuffer(records.encode(), dtype=np.uint8)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, header=header, records=text, **dict(self._little_endian()))  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    @staticmethod
    def load_records(path: str | os.PathLike[str]) -> str:
        """The text that was saved with a state, as this version would have written it; errors as `load`."""
        try:
            return _read(path, arrays=False)[1]
        except InputError:
            raise
        except FileNotFoundError:
            raise InputError(f"{path}: there is no such file") from None
        except BAD_FILE as error:
            raise InputError(f"{path}: not a saved tumorsim run, or damaged ({error})") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> State:
        """Read a state from a file.

        One of an earlier version is brought up to this one (`tumorsim.migration`), and a warning says what was
        filled in.

        Raises
        ------
        InputError
            Where the file is not there, is no saved state, is damaged, is of a newer version, or is of an older one
            and something in it cannot be known.
        """
        try:
            old, _ = _read(path)
            state = cls(Sizes(**old.sizes), old.causes)
            for spec in state.specs():
                if spec.name in old.unknown:
                    getattr(state, spec.name)[...] = np.nan
                elif spec.name not in old.as_at_start:
                    state._take(spec, old.arrays[spec.name], path)
        except InputError:
            raise
        except FileNotFoundError:
            raise InputError(f"{path}: there is no such file") from None
        except BAD_FILE as error:
            raise InputError(f"{path}: not a saved tumorsim state, or damaged ({error})") from None
        migration.tell(path, old)
        return state

    def _take(self, spec: ArraySpec, stored: NDArray[Any], path: object) -> None:
        dtype, shape = np.dtype(spec.dtype), self.sizes.shape(spec.axis, len(self.causes))
        if stored.shape != shape or stored.dtype != dtype.newbyteorder("<"):
            raise InputError(f"{path}: {spec.name} is {stored.dtype} {stored.shape}, not {dtype} {shape}")
        setattr(self, spec.name, int(stored) if spec.axis == "scalar" else stored.astype(dtype, copy=False))


def _time_problems(what: str, at: Any) -> list[str]:
    whole = isinstance(at, (int, np.integer)) and not isinstance(at, bool)
    return [] if whole and at >= 0 else [f"state: {what} must be a whole number of seconds, 0 or more, got {at}"]


BAD_FILE = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, BadZipFile)


def _read(path: str | os.PathLike[str], *, arrays: bool = True) -> tuple[migration.Old, str]:
    """What stands in a file, and the records beside it as text, both brought up to this version.

    Without ``arrays`` those of a file of this version are left unread. Raises what numpy and json do where the file
    is none.
    """
    with np.load(path, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile) or "header" not in file.files:
            raise InputError(f"{path}: not a saved tumorsim state")
        head = json.loads(file["header"].tobytes())
        version = head["tumorsim_state"]
        text = bytes(file["records"].tobytes()).decode() if "records" in file.files else ""
        due = set(file.files) - {"header", "records"} if arrays or version != SCHEMA_VERSION else ()
        held = {name: file[name] for name in due}
    old = migration.Old(version, head["sizes"], tuple(head["causes"]), held)
    if version == SCHEMA_VERSION:
        return old, text
    try:
        old = migration.migrate(replace(old, records=json.loads(text) if text else None), SCHEMA_VERSION)
    except InputError as error:
        raise InputError([f"{path}: {problem}" for problem in error.problems]) from None
    return old, json.dumps(old.records) if text else ""
