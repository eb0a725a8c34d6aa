"""Every array that changes in a run: one place that names, saves, loads, forks and hashes them.

What is fixed for a run (lattice, vessel graph, parameters) and what is a record of it (event log, schedule,
burden) is not state. Two forms of storage: many cells a site, as counts in four slots; one cell a site, as
one byte of phase.

Slots: 0 proliferating oxic, 1 proliferating hypoxic, 2 quiescent oxic, 3 quiescent hypoxic.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tumorsim import migration
from tumorsim.errors import InputError

SCHEMA_VERSION = 4
SLOTS = 4
CAUSES = ("ischaemia", "starvation", "turnover", "lineage extinction")  # every state has these; treatments add theirs
RESERVE = ("liver_lost", "liver_recovered", "albumin", "rest_lost")  # m3, m3, kg/m3, m3 (beyond the box)
DRUGS = ("doxorubicin", "epirubicin", "cisplatin", "mitomycin")  # columns of what vessels hold of drugs

ORGANS = ("gallbladder", "bowel", "stomach", "diaphragm", "bile_duct")  # beside the tumour; rows of fluid
FLUIDS = ("ascites saline", "ascites dextrose", "pleura saline", "pleura dextrose")  # columns of fluid
WALL_DOSES = ("omega", "cem43", "temperature")  # columns of wall_dose: -, s at 43 degC, highest degC (0: never heated)

# codes of edge_state, then of compartment
OPEN, EMBOLISED, COAGULATED, DORMANT, THROMBOSED = range(5)
LIVER, OUTSIDE = 0, 255
FIRST_SATELLITE, LAST_SATELLITE = 200, 254

# phase codes of one cell a site: slot + 1, or one of these
EMPTY, DYING, DEBRIS = 0, 5, 6
DOOMED_ONCE_MORE, DOOMED = 7, 8  # lethally hit: divides once more, or dies at its next mitosis


@dataclass(frozen=True)
class ArraySpec:
    """What one array is.

    Attributes
    ----------
    axis : str
        ``site``, ``site_slot`` (n, 4), ``site_doomed`` (n, 2), ``site_trait`` (n, 4 or 1, traits), ``site_cause``
        (n, causes), ``edge``, ``edge_drug`` (n, 4), ``node``, ``exchange``, ``cause``, ``reserve``, ``organ``,
        ``organ_fluid`` (organs, 4), ``wall_dose`` (n, 3) or ``scalar`` (an int attribute).
    form : str
        Storage that has it: ``both``, ``many`` (counts) or ``one`` (one cell a site).
    fill : float
        Value at the start.
    """

    name: str
    dtype: str
    unit: str
    axis: str
    meaning: str
    form: Literal["both", "many", "one"] = "both"
    fill: float = 0


# The order of this table is the order of the hash: append only, and raise SCHEMA_VERSION.
ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec("compartment", "u1", "-", "site", "0 liver, 1-199 tumour, 200-254 satellite, 255 no tissue"),
    ArraySpec("viable", "i4", "cells", "site_slot", "cells able to divide", "many"),
    ArraySpec("dying", "i4", "cells", "site", "cells dead but not yet debris", "many"),
    ArraySpec("debris", "f4", "cells", "site", "debris, in volumes of a cell", "many"),
    ArraySpec("phase", "u1", "-", "site", "0 empty, 1-4 slot + 1, 5 dying, 6 debris", "one"),
    ArraySpec("deaths", "i4", "cells", "site_cause", "deaths booked so far"),
    ArraySpec("nadir", "i4", "cells", "site", "least viable since the last treatment delivered"),
    ArraySpec("liver_hazard", "f8", "-", "site", "cumulative hazard of the liver in the site"),
    ArraySpec("q_arterial", "f4", "1/s", "site", "arterial perfusion"),
    ArraySpec("q_portal", "f4", "1/s", "site", "portal perfusion"),
    ArraySpec("q_extrahepatic", "f4", "1/s", "site", "perfusion by extrahepatic arteries"),
    ArraySpec("po2", "f4", "mmHg", "site", "mean oxygen tension of the tissue"),
    ArraySpec("share10", "f4", "-", "site", "share of the tissue below 10 mmHg"),
    ArraySpec("share2p5", "f4", "-", "site", "share of the tissue below 2.5 mmHg"),
    ArraySpec("share0p5", "f4", "-", "site", "share of the tissue below 0.5 mmHg"),
    ArraySpec("anoxic_lag", "f8", "-", "site", "share of the tissue anoxic and past the latency"),
    ArraySpec("edge_state", "u1", "-", "edge", "0 open, 1 embolised, 2 coagulated, 3 dormant, 4 thrombosed"),
    ArraySpec("edge_open", "f8", "-", "edge", "share of the conductance that is left", fill=1),
    ArraySpec("edge_beads", "i8", "beads", "edge", "beads lodged in the vessel"),
    ArraySpec("edge_flow", "f8", "m3/s", "edge", "blood flow, positive from tail to head"),
    ArraySpec("node_pressure", "f8", "Pa", "node", "blood pressure"),
    ArraySpec("step_index", "i8", "-", "scalar", "base steps done"),
    ArraySpec("now", "i8", "s", "scalar", "time"),
    ArraySpec("edge_patent", "f8", "-", "edge", "share left by anatomy: thrombus in it, or dormant", fill=1),
    ArraySpec("edge_solid", "f8", "-", "edge", "share closed for good by lodged beads"),
    ArraySpec("edge_gelatin", "f8", "-", "edge", "gelatin held, in shares of what closes the vessel; it dissolves"),
    ArraySpec("edge_oil", "f8", "m3", "edge", "oil held in the vessel and the bed it leads to"),
    ArraySpec("edge_tone", "f8", "-", "edge", "conductance by tone; arteries widen when portal blood fails", fill=1),
    ArraySpec("edge_payload", "f8", "kg", "edge_drug", "drug held by what lodged in the vessel"),
    ArraySpec("vegf", "f8", "-", "exchange", "VEGF of the tissue of an exchange node, relative to baseline", fill=1),
    ArraySpec("untreated_hypoxia", "f8", "-", "exchange", "share of hypoxic living cells before treatment"),
    ArraySpec("doomed", "i4", "cells", "site_doomed", "lethally hit: will divide once more, will not", "many"),
    ArraySpec("peak", "i4", "cells", "site", "most viable that a treatment found: far below it, a nest"),
    ArraySpec("frailty", "f8", "-", "site_trait", "mean frailty of the living, by slot and part", fill=1),
    ArraySpec("volume", "f4", "-", "site", "share of its volume that resorption has left the site", fill=1),
    ArraySpec("reserve", "f8", "-", "reserve", "liver function, see RESERVE"),
    ArraySpec("fluid", "f8", "m", "organ_fluid", "layer of fluid at an organ as it was at fluid_at, see FLUIDS"),
    ArraySpec("fluid_at", "i8", "s", "organ", "when fluid was last given at the organ"),
    ArraySpec("wall_dose", "f8", "-", "wall_dose", "heat that pieces of organs' walls have had, see WALL_DOSES"),
    ArraySpec("coagulated", "f4", "-", "site", "share of the site's capillaries that heat has closed for good"),
    ArraySpec("heat_damage", "f8", "-", "site", "Arrhenius integral of all sessions of heat, by the set of liver"),
)


@dataclass(frozen=True)
class Sizes:
    """Lengths of the axes, and whether a site holds one cell or counts."""

    sites: int
    edges: int = 0
    nodes: int = 0
    exchange: int = 0
    one_cell: bool = False
    traits: int = 0
    walls: int = 0

    def shape(self, axis: str, causes: int) -> tuple[int, ...]:
        """Shape of an array on an axis."""
        shapes: dict[str, tuple[int, ...]] = {
            "site": (self.sites,),
            "site_slot": (self.sites, SLOTS),
            "site_doomed": (self.sites, 2),
            "site_trait": (self.sites, 1 if self.one_cell else SLOTS, self.traits),
            "site_cause": (self.sites, causes),
            "edge": (self.edges,),
            "edge_drug": (self.edges, len(DRUGS)),
            "node": (self.nodes,),
            "exchange": (self.exchange,),
            "cause": (causes,),
            "reserve": (len(RESERVE),),
            "organ": (len(ORGANS),),
            "organ_fluid": (len(ORGANS), len(FLUIDS)),
            "wall_dose": (self.walls, len(WALL_DOSES)),
            "scalar": (),
        }
        return shapes[axis]


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


def nbytes(sizes: Sizes, causes: int = len(CAUSES)) -> int:
    """Memory that a state of these sizes takes [bytes]."""
    form = "one" if sizes.one_cell else "many"
    there = (spec for spec in ARRAYS if spec.form in ("both", form))
    return sum(math.prod(sizes.shape(spec.axis, causes)) * np.dtype(spec.dtype).itemsize for spec in there)
