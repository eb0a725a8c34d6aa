"""The sites across the faces of a site, for compiled kernels (`Lattice.neighbours` is the same in NumPy)."""

from __future__ import annotations

from typing import Any

from tumorsim._jit import njit


@njit(inline="always")
def neighbours(site: Any, nx: Any, ny: Any, nz: Any) -> Any:
    """Sites across the faces -x, +x, -y, +y, -z, +z, -1 where the box ends; opposites differ in bit 0."""
    layer = ny * nz
    i = site // layer
    rest = site - i * layer
    j = rest // nz
    k = rest - j * nz
    return (
        site - layer if i > 0 else -1,
        site + layer if i < nx - 1 else -1,
        site - nz if j > 0 else -1,
        site + nz if j < ny - 1 else -1,
        site - 1 if k > 0 else -1,
        site + 1 if k < nz - 1 else -1,
    )
