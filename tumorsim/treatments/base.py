"""What every treatment is, and the one list of those there are.

A treatment is two things: a *plan*, made from images alone, and its *delivery* to the tissue. A new
treatment is a module of its own with a `Kind` (its keys in a scenario file, and where its physics is),
and one line in `BUILT_IN`, or, from another package, one entry point in the group
``tumorsim.treatments`` that names a `Kind` or a tuple of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar

from tumorsim.errors import InputError, nearest
from tumorsim.treatments.spec import Spec

if TYPE_CHECKING:
    from tumorsim.outcomes.imaging import Image
    from tumorsim.outcomes.reserve import Condition
    from tumorsim.outcomes.residue import Attempt

BUILT_IN = (
    "tumorsim.treatments.embolisation_spec:KINDS",
    "tumorsim.treatments.hydrodissection_spec:KINDS",
    "tumorsim.treatments.thermal.spec:KINDS",
    "tumorsim.treatments.seeds.spec:KINDS",
)
ENTRY_POINTS = "tumorsim.treatments"

# Kinds the design has and this version has not: refused by name rather than as a misspelling.
LATER = (
    "ethanol",
    "infusion",
    "immunotherapy",
    "herbal",
)

_DAY = 86_400


@dataclass(frozen=True)
class Kind:
    """One treatment kind as a scenario file names it.

    Parameters
    ----------
    name : str
        The key of a treatment item (``tace``).
    spec : type[Spec]
        Its keys.
    treatment : str
        ``"module:Class"`` of the `Treatment` that plans and delivers it; imported only by a run.
    title : str
        Its name in words.
    read_after : int
        Seconds after the last treatment at which the result is read (28 d; 180 d for seeds).
    needs_feeders : bool
        It goes through arteries of the liver that feed the tumour; a spheroid, a cord or a network has none.
    needs_liver : bool
        It is given in liver, which these have not either.
    on_bench : bool
        It can be tried on a bench: in a block of liver without a tumour.
    """

    name: str
    spec: type[Spec]
    treatment: str
    title: str
    read_after: int = 28 * _DAY
    needs_feeders: bool = False
    needs_liver: bool = False
    on_bench: bool = False

    def load(self) -> type[Treatment]:
        """The class that plans and delivers this kind."""
        module, _, name = self.treatment.partition(":")
        return getattr(import_module(module), name)


@dataclass(frozen=True)
class Plan:
    """What the operator means to do, decided from images alone; all but ``sites`` is plain data.

    Attributes
    ----------
    sites : ndarray of bool, shape (n_sites,), or None
        The plan's zone: planned log-kill is 9 inside, 0 outside. None: no zone could be planned.
    prescribed : mapping
        Plain values for the schedule audit.
    details : mapping
        Whatever `deliver` needs (edges, positions).
    """

    sites: Any
    prescribed: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """What was really given.

    ``changed`` is False where no array changed: such an event is logged and nothing else happens.
    ``received`` is the zone really reached (bool, shape (n_sites,)) or None. ``refused``: the patient must not have
    it, so that nothing was begun. ``partly``: less than was prescribed; notes say what was not given.
    """

    delivered: Mapping[str, Any]
    changed: bool
    received: Any = None
    burden: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refused: bool = False
    partly: bool = False


class Treatment(ABC):
    """One treatment of one patient: made from its spec, then `plan`, then `deliver`.

    A treatment writes fields, vessel state and dose; it never imports cells and kills nothing itself.
    ``causes`` are the causes of death its hazards are booked under, beyond those always there. Those of them in
    ``mitotic`` leave lethal lesions: what they hit is doomed, and dies when it comes to divide. ``traits`` says
    which trait of a cell a cause bears, where it bears one: ``radiosensitivity``, ``drug_sensitivity`` or
    ``heat_sensitivity``; its hazard is then one on a cell of mean sensitivity. One that only
    ``prepares`` another kills nothing and touches neither blood nor cells: to them it is as if it had not been.
    """

    causes: ClassVar[tuple[str, ...]] = ()
    mitotic: ClassVar[tuple[str, ...]] = ()
    traits: ClassVar[Mapping[str, str]] = {}
    prepares: ClassVar[bool] = False

    def __init__(self, spec: Any, *, kind: str, name: str | None = None, occurrence: int = 1) -> None:
        self.spec = spec
        self.kind = kind
        self.name = name or kind  # with the occurrence, the key of the operator's luck
        self.occurrence = occurrence

    @property
    def reads_baseline(self) -> bool:
        """Whether `plan` is to be given the image before the first step too, as ``baseline``."""
        return False

    def contraindications(self, condition: Condition, images: Image, patient: Any) -> tuple[str, ...]:
        """Why this patient must not have it now, one phrase each; those of its keys, and what images add."""
        return tuple(self.spec.contraindications(condition, patient.parameters))

    @abstractmethod
    def plan(self, images: Any, **context: Any) -> Plan:
        """Choose target and amount from images (with registration error), never from cell state."""

    @abstractmethod
    def deliver(self, plan: Plan, patient: Any, **context: Any) -> Delivery:
        """Carry the plan out on the patient's vessels and fields, operator error included.

        ``context`` has the ``state``, the time ``at`` [s], and ``pulse``, which imposes a hazard in the current step.
        """

    @abstractmethod
    def attempt(self, plan: Plan, delivery: Delivery, patient: Any, state: Any) -> Attempt:
        """What it means for every site now: the data from which reasons of survival are read."""


def _listed(where: str, found: Any) -> list[Kind]:
    kinds = [found] if isinstance(found, Kind) else list(found)
    if not all(isinstance(kind, Kind) for kind in kinds):
        raise InputError(f"treatment plug-in {where}: names something that is not a Kind.")
    return kinds


@lru_cache(maxsize=1)
def registry() -> dict[str, Kind]:
    """Every treatment kind there is, by name: those built in, then those of other packages.

    Raises
    ------
    InputError
        If a plug-in cannot be loaded or takes a name that is in use.
    """
    found: list[tuple[str, Kind]] = []
    for reference in BUILT_IN:
        module, _, name = reference.partition(":")
        found += [(module, kind) for kind in _listed(module, getattr(import_module(module), name))]
    for point in entry_points(group=ENTRY_POINTS):
        try:
            loaded = point.load()
        except Exception as error:
            raise InputError(f"treatment plug-in {point.value} cannot be loaded: {error}") from error
        found += [(point.value, kind) for kind in _listed(point.value, loaded)]
    kinds: dict[str, Kind] = {}
    for where, kind in found:
        if kind.name in kinds or kind.name in ("at", "id"):
            raise InputError(f"treatment plug-in {where}: the name '{kind.name}' is already in use.")
        kinds[kind.name] = kind
    return kinds


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises
    ------
    InputError
        If there is none; the message names the nearest and all there are.
    """
    kinds = registry()
    if name not in kinds:
        raise InputError(unknown_kind(name))
    return kinds[name]


def unknown_kind(name: str) -> str:
    """The message for a kind this version does not have."""
    kinds = registry()
    available = ", ".join(kinds)
    if name in LATER:
        return f"is not in this version of tumorsim. Available treatments: {available}."
    return f"unknown treatment '{name}'.{nearest(name, kinds)} Available treatments: {available}."
