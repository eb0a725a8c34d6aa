"""What a scenario will cost: sites, cells, memory and time, before anything is made."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_SITES = 2_000_000_000


@dataclass(frozen=True)
class Estimate:
    """Numbers for one patient of a scenario.

    Attributes
    ----------
    sites, tumour_sites : int
        Sites of the box and of the tumour.
    cells : float
        Tumour cells at the start.
    memory : float
        Bytes.
    seconds : float
        Time on one core once compiled, trees included.
    """

    sites: int
    tumour_sites: int
    cells: float
    memory: float
    seconds: float


def estimate(
    sites: int,
    tumour_volume: float,
    spacing: float,
    capacity: int,
    steps: int,
    grown: bool,
    parameters: Mapping[str, float],
) -> Estimate:
    """Estimate a patient from the number of sites and the tumour's volume [m3] (in a slab, of its slice)."""
    tumour_sites = max(1, math.ceil(tumour_volume / spacing**3)) if tumour_volume > 0.0 else 0
    one_cell = capacity == 1
    bytes_site = parameters["scenario.bytes_one_cell" if one_cell else "scenario.bytes_site"]
    seconds = sites * parameters["scenario.seconds_site"] + steps * (
        tumour_sites * parameters["scenario.seconds_tumour_site"] + parameters["scenario.seconds_step"]
    )
    seconds += parameters["scenario.seconds_trees"] if grown else 0.0
    return Estimate(
        sites=sites,
        tumour_sites=tumour_sites,
        cells=float(tumour_sites) * capacity,
        memory=parameters["scenario.bytes_program"] + sites * bytes_site,
        seconds=seconds,
    )


def available_memory() -> float | None:
    """Bytes that a new program could use, or None where the system does not say."""
    found: list[float] = []
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(float(line.split()[1]) * 1024)
    if not found:
        with suppress(AttributeError, ValueError, OSError):  # not on Windows
            found.append(float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    with suppress(OSError, ValueError):  # a container may hold less than the machine
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text().strip()
        if limit != "max":
            found.append(max(0.0, float(limit) - float(used)))
    return min(found) if found else None


def bytes_text(count: float) -> str:
    """``1.2 GB``, ``80 MB``."""
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{max(1.0, count / 1e6):.0f} MB"


def count_text(count: float) -> str:
    """``7.8 million``, ``343,000``."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if count >= size:
            scaled = count / size
            return f"{scaled:,.0f} {word}" if scaled >= 100 else f"{scaled:.3g} {word}"
    return f"{count:,.0f}"
