"""How long the first run on a fresh installation takes: nothing compiled, nothing kept from before.

    python experiments/performance/first_run.py

Runs `tumorsim run small` in an own process with an empty folder for compiled code. The target is under 120 s. Time is
of the wall clock, which other work on the machine lengthens; the processor's time stands beside it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET = 120.0  # s


def first_run() -> tuple[float, float]:
    """Seconds of the wall clock, and of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        own = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
        own["TUMORSIM_CACHE"] = str(Path(folder, "cache"))
        start = "import sys; from tumorsim.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", start, "run", "small", "--out", str(Path(folder, "out"))]
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, env=own, check=True, stdout=subprocess.DEVNULL)
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    wall, processor = first_run()
    print(f"first run of `small`: {wall:.0f} s, of the processor {processor:.0f} s; target {TARGET:.0f} s")
