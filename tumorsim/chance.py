"""All chance of the program: draws that are functions of what they are for, with no generator and no state.

A draw is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011) of

    key     = (seed, patient)                                             each 0 .. 2**32 - 1
    counter = (entity low 32 bits, entity high 32 bits, step, purpose << 16 | slot << 8 | index)

so two arms of a study that ask the same question get the same answer, whatever either asked before. The
layout has a version: changing it changes every result. Counts are quantiles of the draw, never sums of
trials, so that more hazard with the same luck never leaves more survivors.

Every scalar function gives the same bits compiled and in plain Python: words are unsigned 64-bit numbers
masked to 32 bits, which never overflow.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import njit
from tumorsim._quantiles import binomial_quantile, normal_quantile, poisson_quantile
from tumorsim.errors import InputError

__all__ = [
    "LAYOUT_VERSION",
    "Purpose",
    "binomial_quantile",
    "binomials",
    "entities_of_edges",
    "entity_of_edge",
    "entity_of_name",
    "normal_quantile",
    "normals",
    "philox4x32",
    "poisson_quantile",
    "uniform",
    "uniform2",
    "uniform4",
    "uniforms",
]

LAYOUT_VERSION = 1


class Purpose(IntEnum):
    """What a draw is for. Numbers are part of the layout: append, never change."""

    SURVIVAL = 1
    CAUSE = 2
    BIRTH = 3
    PHASE = 4
    SIDE = 5
    ADMIT = 6
    FRONT = 7
    DYING = 8
    TREE = 16
    SEPTA = 17
    SATELLITE = 18
    CAPSULE = 19
    SEGMENT = 20
    MISSED_FEEDER = 32
    AIM = 33
    BEAD = 34
    BEAD_LODGE = 35
    REGISTRATION = 36
    BOOTSTRAP = 48
    LEARN = 64
    PARASITE = 37
    COLLATERAL = 38
    GELATIN = 39
    OIL = 40
    THROMBUS = 41
    REFLUX = 42
    LOBES = 43
    NODULES = 44
    INFILTRATION = 45
    TRAIT_PATIENT = 46
    TRAIT_REGION = 47
    LATENT_NUMBER = 50
    LATENT_PLACE = 51
    HYDRODISSECTION = 54
    SEED_MIGRATION = 60
    SEED_LOSS = 61


# --- Philox4x32-10 ---------------------------------------------------------------------------------------

_LOW = np.uint64(0xFFFFFFFF)
_S8, _S12, _S16, _S20, _S32 = (np.uint64(n) for n in (8, 12, 16, 20, 32))
_MULTIPLY_0, _MULTIPLY_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_TO_52 = 1.0 / 4503599627370496.0  # 2**-52
_TO_32 = 1.0 / 4294967296.0  # 2**-32


@njit(inline="always")
def _double(high: Any, low: Any) -> float:
    # 52 bits and a half: an odd multiple of 2**-53, so never 0 or 1, and 1 - u is exact
    return (float((high << _S20) | (low >> _S12)) + 0.5) * _TO_52


@njit
def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Philox4x32 with 10 rounds: four words from a counter of four words and a key of two (all uint64)."""
    for _ in range(10):
        a = _MULTIPLY_0 * c0
        b = _MULTIPLY_1 * c2
        c0 = (b >> _S32) ^ c1 ^ k0
        c2 = (a >> _S32) ^ c3 ^ k1
        c1 = b & _LOW
        c3 = a & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@njit
def _words(seed: Any, patient: Any, purpose: Any, entity: Any, slot: Any, step: Any, index: Any) -> Any:
    who = np.uint64(entity)
    what = (np.uint64(purpose) << _S16) | (np.uint64(slot) << _S8) | np.uint64(index)
    return philox4x32(
        who & _LOW,
        who >> _S32,
        np.uint64(step) & _LOW,
        what & _LOW,
        np.uint64(seed) & _LOW,
        np.uint64(patient) & _LOW,
    )


@njit
def uniform(seed: Any, patient: Any, purpose: Any, entity: Any, slot: Any, step: Any, index: Any = 0) -> float:
    """One uniform number in (0, 1), an odd multiple of 2**-53.

    Parameters
    ----------
    seed, patient : int
        0 .. 2**32 - 1.
    purpose : Purpose
        What the draw is for.
    entity : int
        Site number, or 64-bit hash of an edge or a name.
    slot, index : int
        0 .. 255.
    step : int
        Base step, 0 .. 2**32 - 1.
    """
    w0, w1, _, _ = _words(seed, patient, purpose, entity, slot, step, index)
    return _double(w0, w1)


@njit
def uniform2(seed: Any, patient: Any, purpose: Any, entity: Any, slot: Any, step: Any, index: Any = 0) -> Any:
    """Two uniform numbers in (0, 1) for the price of one; the first equals `uniform`."""
    w0, w1, w2, w3 = _words(seed, patient, purpose, entity, slot, step, index)
    return _double(w0, w1), _double(w2, w3)


@njit
def uniform4(seed: Any, patient: Any, purpose: Any, entity: Any, slot: Any, step: Any, index: Any = 0) -> Any:
    """Four uniform numbers in (0, 1) of 32 bits each, odd multiples of 2**-33."""
    w0, w1, w2, w3 = _words(seed, patient, purpose, entity, slot, step, index)
    return (
        (float(w0) + 0.5) * _TO_32,
        (float(w1) + 0.5) * _TO_32,
        (float(w2) + 0.5) * _TO_32,
        (float(w3) + 0.5) * _TO_32,
    )


# --- arrays ----------------------------------------------------------------------------------------------


@njit
def _fill(out: Any, seed: Any, patient: Any, purpose: Any, entities: Any, slot: Any, step: Any, index: Any) -> None:
    for i in range(out.size):
        out[i] = uniform(seed, patient, purpose, entities[i], slot, step, index)


@njit
def _fill_binomial(out: Any, u: Any, n: Any, p: Any) -> None:
    for i in range(out.size):
        out[i] = binomial_quantile(u[i], n[i], p[i])


@njit
def _fill_normal(u: Any) -> None:
    for i in range(u.size):
        u[i] = normal_quantile(u[i])


def uniforms(
    seed: int, patient: int, purpose: int, entities: ArrayLike, slot: int = 0, step: int = 0, index: int = 0
) -> NDArray[np.float64]:
    """`uniform` for many entities: ``(n,) -> (n,)``.

    Raises
    ------
    InputError
        Where a part of the key does not fit its field of the layout.
    """
    problems = [
        f"chance: {name} must be 0 to {top}, got {value}"
        for name, value, top in (
            ("seed", seed, 2**32 - 1),
            ("patient", patient, 2**32 - 1),
            ("purpose", purpose, 2**16 - 1),
            ("slot", slot, 255),
            ("step", step, 2**32 - 1),
            ("index", index, 255),
        )
        if not 0 <= value <= top
    ]
    if problems:
        raise InputError(problems)
    who = np.ascontiguousarray(entities, dtype=np.uint64).reshape(-1)
    out = np.empty(who.size)
    _fill(out, int(seed), int(patient), int(purpose), who, int(slot), int(step), int(index))
    return out


def normals(
    seed: int, patient: int, purpose: int, entities: ArrayLike, slot: int = 0, step: int = 0, index: int = 0
) -> NDArray[np.float64]:
    """Standard normal numbers for many entities: ``(n,) -> (n,)``; increasing in the uniform draw."""
    out = uniforms(seed, patient, purpose, entities, slot, step, index)
    _fill_normal(out)
    return out


def binomials(
    seed: int,
    patient: int,
    purpose: int,
    entities: ArrayLike,
    n: ArrayLike,
    p: ArrayLike,
    slot: int = 0,
    step: int = 0,
    index: int = 0,
) -> NDArray[np.int64]:
    """Survivors out of ``n`` with probability ``p`` for many entities: ``(n,) -> (n,) int64``."""
    u = uniforms(seed, patient, purpose, entities, slot, step, index)
    trials = np.ascontiguousarray(np.broadcast_to(np.asarray(n, dtype=np.int64), u.shape))
    chances = np.ascontiguousarray(np.broadcast_to(np.asarray(p, dtype=np.float64), u.shape))
    out = np.empty(u.size, dtype=np.int64)
    _fill_binomial(out, u, trials, chances)
    return out


# --- entities --------------------------------------------------------------------------------------------


def _hash(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(text).digest()[:8], "little"))


def entity_of_name(name: str) -> np.uint64:
    """Entity of a thing that is known by name (a treatment in a study): first 8 bytes of SHA-256."""
    return _hash(b"name:" + name.encode())


def entity_of_edge(a: str | Sequence[float] | NDArray[Any], b: str | Sequence[float] | NDArray[Any]) -> np.uint64:
    """Entity of a vessel by its end nodes: names, or positions [m] to the nanometre.

    The two ends may be given either way round: a vessel turned round in a file is the same vessel.
    """
    first, second = sorted((_end(a), _end(b)))
    return _hash(b"edge:" + first + b"|" + second)


def _end(node: str | Sequence[float] | NDArray[Any]) -> bytes:
    if isinstance(node, str):
        return node.encode()
    position = [float(x) for x in node]
    if len(position) != 3 or not all(math.isfinite(x) for x in position):
        raise InputError(f"chance: an end node is a name or a position of three numbers, got {node}")
    return ",".join(str(round(x * 1e9)) for x in position).encode()


def entities_of_edges(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.uint64]:
    """`entity_of_edge` for arrays of end positions [m]: ``(m, 3), (m, 3) -> (m,) uint64``."""
    return np.array([entity_of_edge(p, q) for p, q in zip(a, b, strict=True)], dtype=np.uint64)
