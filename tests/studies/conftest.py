"""The made-up runs, as a fixture (test folders are no packages, so they cannot import each other)."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def synthetic():
    path = Path(__file__).parents[1] / "synthetic_records.py"
    spec = importlib.util.spec_from_file_location("synthetic_records", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
