"""Compiled kernels: one way to compile them, one way to spread them over threads.

Kernels are serial loops over a range ``[lo, hi)`` that release the interpreter lock. Threads take whole
blocks, each site is written by exactly one block, and per-block results are returned in block order, so
the number of threads cannot change a bit.

Numba's cache does not notice a change in a function that a cached kernel calls. The cache folder is
therefore named by a hash of all package sources: any change makes a new one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

BLOCKS = 1024  # fixed, so that block boundaries do not depend on the number of threads
SERIAL_BELOW = 100_000  # sites; below this a second thread costs more than it brings


def source_hash(root: Path | None = None) -> str:
    """SHA-256 (16 hex digits) of every ``.py`` file of the package, in path order."""
    root = root or Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Folder of compiled code for exactly these sources (``TUMORSIM_CACHE`` moves its root)."""
    base = os.environ.get("TUMORSIM_CACHE")
    root = Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tumorsim"
    return root / source_hash()


# Numba reads this once, when it is imported.
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))

import numba  # noqa: E402


def njit(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """``numba.njit`` with the project's settings: cached, lock released, IEEE arithmetic."""
    settings: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": False, "error_model": "numpy"}
    settings.update(options)
    if function is None:
        return lambda f: numba.njit(f, **settings)
    return numba.njit(function, **settings)


def compiled_before() -> bool:
    """True where this version of the sources has been compiled on this machine before."""
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    return folder.exists() and any(folder.rglob("*.nbi"))


@lru_cache(maxsize=8)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix="tumorsim")


def chunked(kernel: Callable[..., Any], n: int, threads: int, *args: Any) -> list[Any]:
    """Call ``kernel(lo, hi, *args)`` over fixed blocks of ``range(n)``; results in block order.

    The boundaries depend on ``n`` only. With one thread, or few sites, the same blocks run in turn.
    """
    if n <= 0:
        return []
    count = 1 if n < SERIAL_BELOW else min(BLOCKS, 64)
    edges = [n * i // count for i in range(count + 1)]
    spans = [(lo, hi) for lo, hi in pairwise(edges) if hi > lo]
    if threads <= 1 or len(spans) == 1:
        return [kernel(lo, hi, *args) for lo, hi in spans]
    return list(_pool(threads).map(lambda span: kernel(span[0], span[1], *args), spans))


def spread(kernel: Callable[..., Any], blocks: int, threads: int, *args: Any) -> None:
    """Call ``kernel(lo, hi, *args)`` over ``range(blocks)``, a run of whole blocks for each thread.

    For kernels whose blocks write to places of their own, so that who does which changes no bit.
    """
    edges = [blocks * i // threads for i in range(threads + 1)]
    list(_pool(threads).map(lambda span: kernel(span[0], span[1], *args), pairwise(edges)))
