"""The yardstick: a 7-point stencil over float32, on one core.

    python experiments/performance/stencil.py

Machines differ, and so does what else they do: every number of these experiments is given beside this one,
timed in the same process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tumorsim._jit import njit


@njit
def seven_points(a: Any, b: Any) -> None:
    """One explicit step of diffusion from ``a`` to ``b``, both float32 of shape (nx, ny, nz)."""
    nx, ny, nz = a.shape
    for i in range(1, nx - 1):
        for j in range(1, ny - 1):
            for k in range(1, nz - 1):
                around = a[i - 1, j, k] + a[i + 1, j, k] + a[i, j - 1, k] + a[i, j + 1, k]
                around += a[i, j, k - 1] + a[i, j, k + 1]
                b[i, j, k] = a[i, j, k] + np.float32(0.1) * (around - np.float32(6.0) * a[i, j, k])


def best(call: Callable[[], Any], repeats: int) -> float:
    """Shortest of several processor times of ``call`` [s]; a first call, which compiles, does not count."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def stencil(repeats: int = 15) -> float:
    """Sites a second."""
    a = np.ones((128, 128, 128), np.float32)
    b = a.copy()
    return a.size / best(lambda: seven_points(a, b), repeats)


if __name__ == "__main__":
    print(f"stencil {stencil():.3g} sites/s")
