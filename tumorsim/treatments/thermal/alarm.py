"""The alarm at the walls of neighbours: when heating stops, and what is heated after that.

Where an organ lies near, a thermocouple at its wall ends heating at `heat.alarm_temperature`, or at
`heat.alarm_temperature_operated` where there has been surgery (practice of the PLA General Hospital, recalled). Here
it lies at the hottest piece of every wall and is read every `ablation.alarm_every`. When a wall reaches the
temperature of the alarm, all points that are on are stopped, and what was left of their time is not given. The points
that have not begun go on, in their order and with the gaps between them, once every wall is below that temperature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.organ_place import in_words
from tumorsim.anatomy.organs import Walls
from tumorsim.lattice import Lattice
from tumorsim.state import ORGANS

if TYPE_CHECKING:
    from tumorsim.fields.bioheat_session import Session

Floats = NDArray[np.float64]

ON, OPERATED, OFF = "on", "operated", "off"
ALARMS = (ON, OPERATED, OFF)
_SAME = 1e-6  # s: two times that differ by rounding alone


@dataclass(frozen=True)
class Reached:
    """A wall that reached the temperature of the alarm: ``at`` [s] of the session, which, and how hot [degC]."""

    at: float
    organ: str
    celsius: float


class Timed(Protocol):
    """What a course needs to know of a burn: its ``start`` and ``duration`` [s]."""

    @property
    def start(self) -> float: ...  # noqa: D102

    @property
    def duration(self) -> float: ...  # noqa: D102


class Thermocouples:
    """Reads walls while a session runs, and ends the interval when there is reason to.

    Parameters
    ----------
    walls : Walls
        In the patient's coordinates, where they are during the session.
    lattice : Lattice
        That the session is solved on; walls beyond it stay cold.
    centre : (3,)
        Where its middle lies in the patient's coordinates [m].
    limit : float
        Temperature of the alarm [degC].
    heeded : bool
        False: what is reached is written down and heating goes on.

    Attributes
    ----------
    reached : list of Reached
        Each time that heating made a wall reach the temperature; without heed only the first.
    cooled : float or None
        When the last wait ended with all walls below the temperature [s]; None: it did not.
    """

    def __init__(self, walls: Walls, lattice: Lattice, centre: Floats, limit: float, heeded: bool) -> None:
        self.limit, self.heeded = limit, heeded
        self.reached: list[Reached] = []
        self.cooled: float | None = None
        self._heating, self._waiting = False, False
        shape = np.array(lattice.shape)
        at = (walls.points - centre) / lattice.spacing + (shape - 1) / 2
        near = np.all((at > -0.5) & (at < shape - 0.5), axis=1)
        at = np.clip(at[near], 0, shape - 1)
        low = np.minimum(at.astype(np.int64), np.maximum(shape - 2, 0))
        part = at - low
        self._organ = walls.organ[near]
        corners = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
        places = np.minimum(low[:, None, :] + corners, shape - 1)
        self._weight = np.where(corners == 1, part[:, None, :], 1.0 - part[:, None, :]).prod(axis=2)
        sites = (places[..., 0] * shape[1] + places[..., 1]) * shape[2] + places[..., 2]
        self._sites, self._of = np.unique(sites, return_inverse=True)
        self._of = self._of.reshape(sites.shape)

    def heat(self) -> None:
        """Heating begins, or goes on with other points."""
        self._heating, self._waiting = True, False

    def wait(self) -> None:
        """Heating rests until walls are cool."""
        self._heating, self._waiting, self.cooled = False, True, None

    def rest(self) -> None:
        """No more is heated."""
        self._heating, self._waiting = False, False

    def __call__(self, session: Session) -> None:
        """Read the walls of a session that runs."""
        if not len(self._organ) or not (self._heating or self._waiting):
            return
        celsius = session.temperature_at(self._sites)
        hot = bool(celsius.max() >= self.limit)  # between sites no wall is hotter than the hottest of them
        walls = (celsius[self._of] * self._weight).sum(axis=1) if hot else np.zeros(1)
        n = int(walls.argmax())
        alarm = bool(walls[n] >= self.limit)
        if self._waiting and not alarm:
            self.cooled = session.time
            session.stop()
        elif self._heating and alarm and (self.heeded or not self.reached):
            self.reached.append(Reached(session.time, ORGANS[int(self._organ[n])], float(walls[n])))
            if self.heeded:
                self._heating = False
                session.stop()


class Course:
    """Which burns are on from when to when, as far as walls let them.

    Iterating gives seconds and the numbers of the burns that are on, none while walls cool; it must be run through
    as the session runs.

    Parameters
    ----------
    burns : sequence
        With ``start`` and ``duration`` [s].
    walls : Thermocouples, optional
        None: all is given as planned.
    most : float
        Time of the session [s] by which all must be over: a point that would end later after a wait is not begun.
    longest : float
        Longest wait for walls to cool [s]; then the rest is not begun.

    Attributes
    ----------
    given : list of float
        Seconds that each burn was really on.
    stopped : dict
        Number of a burn to what stopped it.
    """

    def __init__(
        self,
        burns: Sequence[Timed],
        walls: Thermocouples | None = None,
        most: float = math.inf,
        longest: float = 7200.0,
    ) -> None:
        self._start = [float(b.start) for b in burns]
        self._duration = [float(b.duration) for b in burns]
        self._walls, self._most, self._longest = walls, most, longest
        self.given = [0.0] * len(burns)
        self.stopped: dict[int, Reached] = {}

    def __iter__(self) -> Iterator[tuple[float, list[int]]]:
        left, now = list(range(len(self.given))), 0.0
        while left:
            on = [n for n in left if self._start[n] <= now + _SAME]
            ends = [self._start[n] + self._duration[n] for n in on]
            until = min(ends + [self._start[n] for n in left if n not in on])
            before = 0 if self._walls is None else len(self._walls.reached)
            if self._walls is not None and on:
                self._walls.heat()
            yield until - now, on
            walls = self._walls
            alarm = walls.reached[-1] if walls is not None and walls.heeded and len(walls.reached) > before else None
            now = until if alarm is None else alarm.at
            for n in on:
                self.given[n] = min(now - self._start[n], self._duration[n])
                if self.given[n] >= self._duration[n] - _SAME:
                    self.given[n] = self._duration[n]
                    left.remove(n)
                elif alarm is not None:
                    self.stopped[n] = alarm
                    left.remove(n)
            if walls is not None and alarm is not None and left:
                walls.wait()
                yield self._longest, []
                walls.rest()
                if walls.cooled is None:  # a wall that stays hot lets nothing more be heated
                    break
                now = walls.cooled
                later = now - min(self._start[n] for n in left)
                for n in left:
                    self._start[n] += later
                left = [n for n in left if self._start[n] + self._duration[n] <= self._most + _SAME]
        if self._walls is not None:
            self._walls.rest()


def short_of(
    burns: Sequence[Timed], given: Sequence[float], stopped: Mapping[int, Reached], ignored: Sequence[Reached]
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """What a session's audit says of points that were not given in full, as plain data and in words.

    ``point`` counts from 1; ``given_s`` of its time; ``at_s`` of the session, ``wall`` and ``wall_degc`` are None for
    a point that was not begun, for want of time after walls had cooled.
    """
    told: list[dict[str, Any]] = []
    words: list[str] = []
    for n, (b, seconds) in enumerate(zip(burns, given, strict=True)):
        alarm = stopped.get(n)
        if alarm is None and seconds > 0.0:
            continue
        item: dict[str, Any] = {"point": n + 1, "given_s": round(seconds, 3)}
        if alarm is None:
            item |= {"at_s": None, "wall": None, "wall_degc": None}
            words.append(f"point {n + 1} was not begun: walls took too long to cool")
        else:
            item |= {"at_s": round(alarm.at, 3), "wall": alarm.organ, "wall_degc": round(alarm.celsius, 2)}
            words.append(
                f"point {n + 1} was stopped after {seconds:.4g} of {b.duration:.4g} s: the wall of the "
                f"{in_words(alarm.organ)} had {alarm.celsius:.3g} degC"
            )
        told.append(item)
    if ignored:
        first = ignored[0]
        words.append(
            f"the wall of the {in_words(first.organ)} reached {first.celsius:.3g} degC after {first.at:.4g} s of the "
            "session, and heating went on"
        )
    return told, tuple(words)
