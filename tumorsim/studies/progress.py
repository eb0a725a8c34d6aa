"""Progress of a run or a study on a terminal, with the time that is left."""

from __future__ import annotations

import sys
from typing import Any


class Progress:
    """A callable ``progress(stage, done, total)`` to hand to a run or a study; a context manager.

    On a terminal it draws one bar a stage on stderr, with the time left. Elsewhere (a log file) it writes
    one line when a stage begins. ``total = 0`` is a stage of unknown length.
    """

    def __init__(self) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
            )
            self._bars = Bars(*columns, console=Console(stderr=True), transient=True)
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def __call__(self, stage: str, done: float, total: float) -> None:
        """Show that ``done`` of ``total`` of a stage is done."""
        if self._bars is None:
            if stage not in self._tasks:
                self._tasks[stage] = None
                print(stage, file=sys.stderr, flush=True)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total or None)
        self._bars.update(self._tasks[stage], completed=done, total=total or None)
