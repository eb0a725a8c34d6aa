"""tumorsim: which tumour cells are left after which treatments, where, and why.

>>> import tumorsim as ts
>>> ts.load("tace_lobar").name
'TACE lobar'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# The public face. Names are fetched when first used, so that `import tumorsim` is instant.
_FACE = {
    "InputError": "tumorsim.errors",
    "Results": "tumorsim.report.results",
    "Scenario": "tumorsim.scenario",
    "TumorModel": "tumorsim.model",
    "compare": "tumorsim.face",
    "examples": "tumorsim.face",
    "explain": "tumorsim.face",
    "load": "tumorsim.face",
    "run": "tumorsim.face",
}

if TYPE_CHECKING:
    from tumorsim.errors import InputError as InputError
    from tumorsim.face import compare as compare
    from tumorsim.face import examples as examples
    from tumorsim.face import explain as explain
    from tumorsim.face import load as load
    from tumorsim.face import run as run
    from tumorsim.model import TumorModel as TumorModel
    from tumorsim.report.results import Results as Results
    from tumorsim.scenario import Scenario as Scenario

__all__ = [*_FACE, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _FACE:
        from importlib import import_module

        value = getattr(import_module(_FACE[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'tumorsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
