"""The two kernels, compiled around the rule of the package or around a user's own."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from tumorsim._jit import njit
from tumorsim.cells.lifecycle import many_cells
from tumorsim.cells.single import one_cell


def kernels(rule: Callable[..., Any] | None = None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The two kernels for a rule: `many_cells` and `one_cell`.

    Without a rule they are the package's, whose compiled code is kept between runs. With a user's own ``rule``
    (see `rule.py`) the same code is compiled around it, anew in every process.
    """
    if rule is None:
        return many_cells, one_cell
    own = rule if hasattr(rule, "py_func") else njit(rule, cache=False)
    return around(many_cells, own), around(one_cell, own)


def around(kernel: Any, own_rule: Any) -> Callable[..., Any]:
    """A kernel compiled anew around a user's rule, in the place of the name ``cell_rule``."""
    own_rule = own_rule if hasattr(own_rule, "py_func") else njit(own_rule, cache=False)
    source = kernel.py_func
    names = {**source.__globals__, "cell_rule": own_rule}
    rebuilt = types.FunctionType(source.__code__, names, source.__name__, source.__defaults__, source.__closure__)
    compiled: Callable[..., Any] = njit(rebuilt, cache=False)
    return compiled
