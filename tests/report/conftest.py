"""The made-up runs, and folders of results made from them."""

import importlib.util
from pathlib import Path

import pytest

from tumorsim.report.results import Results
from tumorsim.studies import store
from tumorsim.studies.manifest import make_manifest
from tumorsim.studies.summary import assemble

LOW = {
    "name": "clocks.ischaemia_latency",
    "value": "12",
    "unit": "h",
    "low": "6",
    "high": "24",
    "confidence": "low",
    "mark": "*",
    "source": "engineering choice",
    "meaning": "time with which anoxic tissue begins to die",
}


@pytest.fixture(scope="session")
def synthetic():
    path = Path(__file__).parents[1] / "synthetic_records.py"
    spec = importlib.util.spec_from_file_location("synthetic_records", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def write(tmp_path_factory):
    """Write records into a new folder and open it."""

    def of(records, name="A study", kind="compare", **kwargs):
        summary = assemble(records, name=name, kind=kind, seed=7, **kwargs)
        manifest = make_manifest(records, summary, parameters=[LOW], command="tumorsim compare")
        return Results.open(store.write_results(tmp_path_factory.mktemp("out"), records, summary, manifest))

    return of


@pytest.fixture(scope="session")
def study(synthetic, write):
    """Three arms, eight patients, one left out, one cleared."""
    return write(synthetic.study(touched=(6,)), name="What embolisation leaves", shared_past=True)


@pytest.fixture(scope="session")
def single(synthetic, write):
    return write([synthetic.record("tace_lobar", 0)], name="tace_lobar", kind="run")
