"""Where births go that found no room in their own site: to neighbours, then to the free front.

Three passes, each reading what the one before left and writing only its own sites:

1. `reach_of_shell`: which compartment may push cells into a liver site beside it.
2. `from_neighbours`: a site with overflow splits it over its neighbours with room, in proportion to face
   permeability x room; a target admits its offers in keyed order until it is full.
3. `onto_front`: what is left of a compartment is spread over its free front in proportion to room and
   support (`lean_on_faces`): sites of the compartment with room, and liver sites beside an established one
   (so the front stays one site thick).

Cells are whole and conserved: shares are rounded by one keyed draw a source, so that they add up and are
exact in the mean. What finds no room at all is not born.

Arrays ``room`` and ``overflow`` [site] are cells; ``room`` is the capacity in liver and 0 outside tissue.
``box`` is ``(nx, ny, nz)``; barriers are ``(capsule_site, perm_capsule, perm_septum, perm_wall)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tumorsim._jit import njit
from tumorsim.anatomy.capsule import face_permeability as _face_permeability
from tumorsim.chance import Purpose, uniform
from tumorsim.fields.faces import neighbours

ADMIT, FRONT = int(Purpose.ADMIT), int(Purpose.FRONT)
OUTSIDE = 255
COMPARTMENTS = 256

face_permeability = njit(_face_permeability)


@njit
def shell_of(compartment: Any, sites: Any, mark: Any, nx: Any, ny: Any, nz: Any) -> Any:
    """Liver sites beside ``sites`` that are not marked yet, sorted; marks them."""
    found = np.empty(sites.size * 6, dtype=np.int64)
    n = 0
    for m in range(sites.size):
        for there in neighbours(sites[m], nx, ny, nz):
            if there >= 0 and compartment[there] == 0 and mark[there] == 0:
                mark[there] = 1
                found[n] = there
                n += 1
    return np.sort(found[:n])


@njit
def open_sites(sites: Any, room: Any) -> Any:
    """The given sites that have room, in their order."""
    found = np.empty(sites.size, dtype=np.int64)
    n = 0
    for m in range(sites.size):
        if room[sites[m]] > 0:
            found[n] = sites[m]
            n += 1
    return found[:n].copy()


@njit
def reach_of_shell(
    shell: Any, compartment: Any, room: Any, most_room: float, capsule_site: Any, perm_capsule: float,
    perm_septum: float, perm_wall: float, nx: Any, ny: Any, nz: Any, label: Any, weight: Any,
) -> None:  # fmt: skip
    """For each liver site of ``shell`` the compartment that may grow into it, and through what.

    ``label[m]`` is the compartment with the greatest permeability over faces to established sites (room at
    most ``most_room``), the lowest number at a tie, or 0; ``weight[m]`` is that permeability, at most 1.
    """
    for m in range(shell.size):
        site = shell[m]
        label[m] = 0
        weight[m] = 0.0
        for there in neighbours(site, nx, ny, nz):
            if there < 0 or room[there] > most_room:
                continue
            own = compartment[there]
            if own == 0 or own == OUTSIDE:
                continue
            through = face_permeability(
                own, 0, capsule_site[there], capsule_site[site], perm_capsule, perm_septum, perm_wall
            )
            if through > weight[m] or (through == weight[m] and through > 0.0 and own < label[m]):
                weight[m] = through
                label[m] = own


@njit
def lean_on_faces(
    targets: Any, compartment: Any, room: Any, most_room: float, nx: Any, ny: Any, nz: Any, label: Any, weight: Any
) -> None:
    """Multiply each target's ``weight`` by the root of the number of its faces to established sites of ``label``.

    A front along the lattice has one free site an area h^2, with one such face; a front across a diagonal
    has fewer (cos of the slope), each with two or three. With the root, all fronts advance at the same speed
    and a ball stays a ball; with equal weights it becomes an octahedron.
    """
    for m in range(targets.size):
        faces = 0
        for there in neighbours(targets[m], nx, ny, nz):
            if there >= 0 and compartment[there] == label[m] and room[there] <= most_room:
                faces += 1
        if faces > 1:
            weight[m] *= math.sqrt(faces)


@njit(inline="always")
def _offered(
    source: Any, to: int, seed: Any, patient: Any, step: Any, compartment: Any, room: Any, overflow: Any,
    capsule_site: Any, perm_capsule: float, perm_septum: float, perm_wall: float, nx: Any, ny: Any, nz: Any,
) -> Any:  # fmt: skip
    """Cells that ``source`` offers across its face ``to``."""
    before = 0.0
    own = 0.0
    total = 0.0
    around = neighbours(source, nx, ny, nz)
    for d in range(6):
        there = around[d]
        if there < 0 or room[there] <= 0:
            continue
        through = face_permeability(
            compartment[source], compartment[there], capsule_site[source], capsule_site[there],
            perm_capsule, perm_septum, perm_wall,
        )  # fmt: skip
        wish = through * room[there]
        if d < to:
            before += wish
        elif d == to:
            own = wish
        total += wish
    if own <= 0.0:
        return 0
    amount = int(overflow[source])
    if own == total:
        return amount
    u = uniform(seed, patient, ADMIT, source, 0, step)
    low = min(amount, int(amount * (before / total) + u))
    return min(amount, int(amount * ((before + own) / total) + u)) - low


@njit
def from_neighbours(
    targets: Any, seed: Any, patient: Any, step: Any, compartment: Any, room: Any, overflow: Any,
    capsule_site: Any, perm_capsule: float, perm_septum: float, perm_wall: float, nx: Any, ny: Any, nz: Any,
    label: Any, admitted: Any,
) -> Any:  # fmt: skip
    """What each of ``targets`` admits from its neighbours' overflow, into ``admitted``.

    A liver site that admits cells gets the compartment that brought most, in ``label``. Returns the cells
    admitted by compartment of their source, (256,) int64.
    """
    taken = np.zeros(COMPARTMENTS, dtype=np.int64)
    offers = np.zeros(6, dtype=np.int64)
    owners = np.zeros(6, dtype=np.int64)
    for m in range(targets.size):
        site = targets[m]
        admitted[m] = 0
        total = 0
        around = neighbours(site, nx, ny, nz)
        for d in range(6):
            offers[d] = 0
            there = around[d]
            if there < 0 or overflow[there] <= 0:
                continue
            owners[d] = compartment[there]
            offers[d] = _offered(
                there, d ^ 1, seed, patient, step, compartment, room, overflow,
                capsule_site, perm_capsule, perm_septum, perm_wall, nx, ny, nz,
            )  # fmt: skip
            total += offers[d]
        if total == 0:
            continue
        if total > room[site]:
            _admit(offers, int(room[site]), uniform(seed, patient, ADMIT, site, 1, step))
        for d in range(6):
            admitted[m] += offers[d]
            if offers[d] > 0:
                taken[owners[d]] += offers[d]
        if compartment[site] == 0:
            most = 0
            for d in range(6):
                brought = 0
                for e in range(6):
                    if offers[e] > 0 and owners[e] == owners[d]:
                        brought += offers[e]
                if offers[d] > 0 and (brought > most or (brought == most and owners[d] < label[m])):
                    most = brought
                    label[m] = owners[d]
    return taken


@njit
def _admit(offers: Any, room: Any, u: float) -> None:
    """Cut the offers to the room: faces are served in an order drawn by ``u`` (one of 720)."""
    order = int(u * 720.0)
    waiting = np.array([0, 1, 2, 3, 4, 5])
    for n in range(6, 0, -1):
        pick = order % n
        order //= n
        d = waiting[pick]
        waiting[pick] = waiting[n - 1]
        offers[d] = min(offers[d], room)
        room -= offers[d]


@njit
def onto_front(
    pool: Any, targets: Any, label: Any, weight: Any, space: Any, admitted: Any, seed: Any, patient: Any, step: Any
) -> Any:
    """Spread each compartment's ``pool`` (256,) over the targets that carry its label, in proportion to room.

    ``space`` is the room left of each target, ``weight`` the permeability on the way to it times
    `lean_on_faces`; both the cells placed (added to ``admitted``) and the order of the remainder (one each)
    are keyed. Returns the cells that found no room.
    """
    blocked = 0
    mine = np.empty(targets.size, dtype=np.int64)
    keys = np.empty(targets.size)
    for compartment in range(1, OUTSIDE):
        left = pool[compartment]
        if left <= 0:
            continue
        n = 0
        for m in range(targets.size):
            if label[m] == compartment and space[m] > 0 and weight[m] > 0.0:
                mine[n] = m
                n += 1
        turn = 0
        while left > 0 and n > 0:
            total = 0.0
            for a in range(n):
                total += space[mine[a]] * weight[mine[a]]
            placed = 0
            for a in range(n):
                m = mine[a]
                share = min(int(left * (space[m] * weight[m] / total)), space[m], left - placed)
                admitted[m] += share
                space[m] -= share
                placed += share
            left -= placed
            n = _still_open(mine, n, space)
            if placed == 0 and left > 0 and n > 0:
                for a in range(n):
                    m = mine[a]
                    u = uniform(seed, patient, FRONT, targets[m], compartment, step, turn)
                    keys[a] = -math.log(u) / (space[m] * weight[m])
                turn += 1
                served = _smallest(keys, n, min(left, n))
                for a in range(n):
                    if served[a]:
                        admitted[mine[a]] += 1
                        space[mine[a]] -= 1
                        left -= 1
                n = _still_open(mine, n, space)
        blocked += left
    return blocked


@njit
def _still_open(mine: Any, n: Any, space: Any) -> Any:
    kept = 0
    for a in range(n):
        if space[mine[a]] > 0:
            mine[kept] = mine[a]
            kept += 1
    return kept


@njit
def _smallest(keys: Any, n: Any, wanted: Any) -> Any:
    """Mark the ``wanted`` smallest of ``keys[:n]``; equal keys are served in their order."""
    served = np.zeros(n, dtype=np.uint8)
    limit = np.partition(keys[:n], wanted - 1)[wanted - 1]
    given = 0
    for a in range(n):
        if keys[a] < limit:
            served[a] = 1
            given += 1
    for a in range(n):
        if given < wanted and keys[a] == limit:
            served[a] = 1
            given += 1
    return served


@njit
def beside(
    mothers: Any, seed: Any, patient: Any, step: Any, compartment: Any, room: Any, phase: Any, code: Any,
    nx: Any, ny: Any, nz: Any,
) -> Any:  # fmt: skip
    """One cell of phase ``code`` beside each of ``mothers``, where a face leads to room in its own compartment.

    In the order of ``mothers``, one cell a site; the face is drawn. Returns how many found a place.
    """
    placed = 0
    free = np.empty(6, dtype=np.int64)
    for m in range(mothers.size):
        site = mothers[m]
        n = 0
        for there in neighbours(site, nx, ny, nz):
            if there >= 0 and room[there] > 0 and compartment[there] == compartment[site]:
                free[n] = there
                n += 1
        if n > 0:
            u = uniform(seed, patient, ADMIT, site, 2, step)
            there = free[min(int(u * n), n - 1)]
            phase[there] = code
            room[there] = 0
            placed += 1
    return placed
