"""A folder opened for reading."""

import subprocess
import sys

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.report.results import Results
from tumorsim.studies import store


def test_a_folder_opens(study):
    assert list(study.arms) == ["untreated", "tace_lobar", "tace_superselective"]
    assert study.pairs["untreated vs tace_lobar"]["better"] == "tace_lobar"
    assert study.manifest["seed"] == 7 and study.excluded == [6]
    assert set(study.series["patient"]) == set(range(8))


def test_curves_leave_out_who_is_left_out(study):
    table = study.curves()["tace_superselective"]
    assert list(table.columns) == [0, 1, 2, 3, 4, 5, 7]
    assert table.iloc[-1][3] == 0 and table.index[0] == 0
    with pytest.raises(InputError, match="Did you mean 'viable_cells'"):
        study.curves("viable_cell")


def test_every_outcome_is_a_row(study):
    frame = study.to_frame()
    row = frame[(frame.arm == "tace_superselective") & (frame.reading == "horizon") & (frame.quantity == "p0")]
    assert row[["mean", "n"]].to_numpy().tolist() == [[pytest.approx(1 / 7), 7]]
    assert "perfusion.tumour.arterial" in set(frame.quantity)
    later = frame[frame.reading == "after last treatment"]
    assert set(later.arm) == {"tace_lobar", "tace_superselective"}
    assert frame.to_csv()  # plain columns


def test_a_snapshot_is_arrays_or_nothing(study, synthetic, write):
    assert study.snapshot("tace_lobar")["density_z"].shape == (30, 30)
    bare = write([synthetic.record("tae", 1)], kind="run")
    assert bare.snapshot("tae") is None


def test_what_is_no_folder_of_results_is_said(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        Results.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match="not there"):
        Results.open(tmp_path)
    store.ResultFolder.begin(tmp_path / "half")
    with pytest.raises(InputError, match="did not finish"):
        Results.open(tmp_path / "half")


def test_it_says_in_words_what_came_out(study, single):
    said = repr(study)
    assert "No living cell was left in 1 of 7 patients" in said
    assert "1 of 8 patients left out of every arm" in said
    assert "in this one patient" in repr(single)
    assert "<li>" in study._repr_html_()


def test_the_figure_has_zeros_at_its_foot(study):
    figure = study.plot()
    named = {trace.name for trace in figure.data if trace.name}
    assert named == set(study.arms)
    assert figure.layout.yaxis.ticktext[0] == "0"
    foot = figure.layout.yaxis.tickvals[0]
    assert min(np.min(trace.y) for trace in figure.data) == pytest.approx(foot)
    assert "liver killed" in study.plot("liver_killed").layout.yaxis.title.text.lower()


def test_reading_loads_neither_a_model_nor_a_plot_library():
    code = (
        "import sys; import tumorsim.report.results, tumorsim.report.html; "
        "print([m for m in ('plotly', 'matplotlib', 'mesa', 'numba', 'tumorsim.model') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
