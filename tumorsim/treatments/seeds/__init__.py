"""Permanent seeds: what one gives (AAPM TG-43U1), the dose of many, and the figures of an implant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tumorsim.treatments.seeds.source import SeedSource

__all__ = ["SeedSource"]


def __getattr__(name: str) -> Any:
    """`SeedSource` when it is first asked for: keys are read without what its kernels take to load."""
    if name == "SeedSource":
        from tumorsim.treatments.seeds.source import SeedSource

        return SeedSource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
