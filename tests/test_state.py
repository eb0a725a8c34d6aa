"""Every array named once; saved, loaded, forked and hashed bit for bit."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.state import (
    ARRAYS,
    CAUSES,
    DOOMED,
    DOOMED_ONCE_MORE,
    ORGANS,
    RESERVE,
    SCHEMA_VERSION,
    Sizes,
    State,
    nbytes,
)

MANY = Sizes(sites=5, edges=3, nodes=4, exchange=2, traits=2, walls=3, implants=2, heatings=2)
ONE = Sizes(sites=5, edges=3, nodes=4, exchange=2, one_cell=True, traits=2, implants=1)
WITH_DRUG = (*CAUSES, "doxorubicin")


def filled(sizes: Sizes, causes: tuple[str, ...] = WITH_DRUG) -> State:
    """A state in which every element differs."""
    state = State(sizes, causes)
    for number, spec in enumerate(state.specs()):
        if spec.axis == "scalar":
            setattr(state, spec.name, 1000 + number)
        else:
            array = getattr(state, spec.name)
            array[...] = (np.arange(array.size) + number).reshape(array.shape)
    return state


def same(a: State, b: State) -> bool:
    return all(np.array_equal(getattr(a, s.name), getattr(b, s.name)) for s in a.specs())


@pytest.mark.parametrize("sizes", [MANY, ONE], ids=["many", "one"])
def test_arrays_are_as_the_table_says(sizes: Sizes) -> None:
    state = State(sizes, WITH_DRUG)
    for spec in ARRAYS:
        due = spec.form == "both" or (spec.form == "one") == sizes.one_cell
        assert hasattr(state, spec.name) == due, spec.name
        if due and spec.axis != "scalar":
            array = getattr(state, spec.name)
            assert array.dtype == np.dtype(spec.dtype)
            assert array.flags.c_contiguous
            assert np.all(array == spec.fill)
    assert state.deaths.shape == (5, 5)
    assert state.frailty.shape == ((5, 1, 2) if sizes.one_cell else (5, 4, 2))
    assert state.reserve.shape == (len(RESERVE),)
    assert state.fluid.shape == (len(ORGANS), 4) and state.fluid_at.shape == (len(ORGANS),)
    assert state.wall_dose.shape == (sizes.walls, 3)
    assert state.implant_rate.shape == (sizes.implants, 5) and state.implant_at.shape == (sizes.implants,)
    assert state.heated_cem43.shape == (sizes.heatings, 5)
    assert state.step_index == state.now == 0
    assert state.cause("starvation") == 1
    assert state.cause("lineage extinction") == 3
    assert state.cause("doxorubicin") == 4
    with pytest.raises(KeyError, match="ethanol"):
        state.cause("ethanol")
    held = sum(getattr(state, s.name).nbytes for s in state.specs() if s.axis != "scalar") + 16
    assert state.nbytes == nbytes(sizes, 5) == held


def test_table_is_in_order() -> None:
    names = [s.name for s in ARRAYS]
    assert len(set(names)) == len(names)
    assert all(s.unit and s.meaning for s in ARRAYS)
    annotated = [n for n in State.__annotations__ if n in names]
    assert annotated == names


@pytest.mark.parametrize("sizes", [MANY, ONE], ids=["many", "one"])
def test_saved_and_loaded(sizes: Sizes, tmp_path: Path) -> None:
    state = filled(sizes)
    file = tmp_path / "state.npz"
    state.save(file)
    back = State.load(file)
    assert same(state, back)
    assert (back.sizes, back.causes) == (state.sizes, state.causes)
    assert isinstance(back.now, int)
    assert back.hash() == state.hash()
    back.deaths[0, 0] += 1  # what was loaded can be written
    assert back.hash() != state.hash()
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


def test_special_numbers_survive(tmp_path: Path) -> None:
    state = State(MANY)
    state.edge_flow[:] = (-0.0, np.nan, 5e-324)
    state.now = 2**62
    state.save(tmp_path / "s.npz")
    back = State.load(tmp_path / "s.npz")
    assert back.edge_flow.tobytes() == state.edge_flow.tobytes()
    assert back.now == 2**62
    assert back.hash() == state.hash()


def test_fork_shares_nothing() -> None:
    state = filled(MANY)
    before = state.hash()
    twin = state.fork()
    assert twin.hash() == before
    for spec in state.specs():
        if spec.axis != "scalar":
            assert not np.shares_memory(getattr(state, spec.name), getattr(twin, spec.name))
            getattr(twin, spec.name)[...] += 1
    twin.now += 1
    assert state.hash() == before
    assert twin.hash() != before


@pytest.mark.parametrize("sizes", [MANY, ONE], ids=["many", "one"])
def test_hash_sees_every_element(sizes: Sizes) -> None:
    state = filled(sizes)
    seen = {state.hash()}
    for spec in state.specs():
        if spec.axis == "scalar":
            twin = state.fork()
            setattr(twin, spec.name, 0)
            seen.add(twin.hash())
            continue
        for element in range(getattr(state, spec.name).size):
            twin = state.fork()
            getattr(twin, spec.name).reshape(-1)[element] += 100
            assert twin.hash() not in seen
            seen.add(twin.hash())


def test_hash_is_stable() -> None:
    """The same on every machine and from version to version; a change means a new SCHEMA_VERSION."""
    assert SCHEMA_VERSION == 5
    assert filled(MANY).hash() == "c1f45c719918367175584cb76fcc1a2b2d4e558ce0e140eb74b5d399e3ba0a74"
    assert filled(ONE).hash() == "b210af15997194b69a348f63962413b6a070f180c62622e1758774505031d9b4"


def test_hash_is_that_of_the_little_endian_bytes() -> None:
    import hashlib

    state = filled(MANY)
    raw = b""
    for spec in state.specs():
        value = getattr(state, spec.name)
        raw += (
            value.to_bytes(8, "little", signed=True)
            if spec.axis == "scalar"
            else value.astype(np.dtype(spec.dtype).newbyteorder("<")).tobytes()
        )
    assert state.hash() == hashlib.sha256(raw).hexdigest()


def test_an_array_that_left_its_type_is_refused() -> None:
    for wrong in (np.zeros(5, np.float64), np.zeros(6, np.float32)):
        state = State(MANY)
        state.po2 = wrong  # type: ignore[assignment]
        with pytest.raises(TypeError, match="po2"):
            state.hash()


def test_causes_and_sizes_are_checked() -> None:
    for causes in (("heat",), ("starvation", "ischaemia", "turnover"), (*CAUSES, "heat", "heat")):
        with pytest.raises(InputError, match="causes"):
            State(MANY, causes)
    with pytest.raises(InputError, match="edges"):
        State(Sizes(1, -1))


# --- files that are no state -----------------------------------------------------------------------------


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


def header(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


WRONG = {
    "empty": (b"", "not a saved"),
    "text": (b"now: 5\n", "not a saved"),
    "other_npz": (npz(x=np.zeros(3)), "not a saved"),
    "no_json": (npz(header=header("{")), "not a saved"),
    "other_json": (npz(header=header("[1]")), "not a saved"),
    "newer": (npz(header=header('{"tumorsim_state": 99, "sizes": {}, "causes": []}')), "version 99"),
    "no_version": (npz(header=header('{"tumorsim_state": "2", "sizes": {}, "causes": []}')), "version 2; this program"),
    "before_the_first": (npz(header=header('{"tumorsim_state": 0, "sizes": {}, "causes": []}')), "version 0"),
    "older_no_arrays": (
        npz(header=header('{"tumorsim_state": 2, "sizes": {"sites": 1}, "causes": ["ischaemia"]}')),
        "version 2 without deaths, viable",
    ),
    "no_arrays": (
        npz(header=header(json.dumps({"tumorsim_state": SCHEMA_VERSION, "sizes": {"sites": 1}, "causes": CAUSES}))),
        "damaged",
    ),
    "pickle": (npz(header=np.array([{"a": 1}], dtype=object)), "not a saved"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_file(name: str, tmp_path: Path) -> None:
    content, says = WRONG[name]
    file = tmp_path / f"{name}.npz"
    file.write_bytes(content)
    with pytest.raises(InputError, match=says) as error:
        State.load(file)
    assert f"{name}.npz" in str(error.value)


def test_missing_file_and_single_array(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        State.load(tmp_path / "none.npz")
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(InputError, match="not a saved"):
        State.load(tmp_path / "a.npy")


def test_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "state.npz"
    filled(MANY).save(file)
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        at = archive.getinfo("viable.npy").header_offset + 200
    content[at] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        State.load(file)


def test_array_of_another_shape(tmp_path: Path) -> None:
    file = tmp_path / "state.npz"
    filled(MANY).save(file)
    with np.load(file) as stored:
        arrays = dict(stored)
    arrays["po2"] = arrays["po2"][:-1]
    np.savez(file, **arrays)
    with pytest.raises(InputError, match=r"po2 is float32 \(4,\), not float32 \(5,\)"):
        State.load(file)


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "state.npz"
    state = filled(MANY)
    state.save(file)
    before = file.read_bytes()
    state.po2 = np.zeros(99, np.float32)
    with pytest.raises(TypeError):
        state.save(file)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


def test_nothing_is_pickled(tmp_path: Path) -> None:
    file = tmp_path / "state.npz"
    filled(ONE).save(file)
    with np.load(file, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "uif" for name in stored.files)


@pytest.mark.parametrize("sizes", [MANY, ONE], ids=["many", "one"])
def test_viable_cells_in_either_form(sizes: Sizes) -> None:
    state = State(sizes)
    if sizes.one_cell:
        state.phase[:] = [0, 1, 4, 5, 6]
        assert state.viable_cells().tolist() == [0, 1, 1, 0, 0]
        state.phase[3:] = [DOOMED_ONCE_MORE, DOOMED]  # lethally hit: not able to divide for long, so not viable
        assert state.viable_cells().tolist() == [0, 1, 1, 0, 0]
    else:
        state.viable[:] = np.arange(20).reshape(5, 4)
        assert state.viable_cells().tolist() == [6, 22, 38, 54, 70]


def test_causes_enter_with_their_deaths_and_stand_in_one_order() -> None:
    one, other = State(MANY), State(MANY)
    one.register(["heat"])
    one.deaths[:, one.cause("heat")] = np.arange(5)
    one.register(c for c in ("acid", "heat"))
    other.register(["acid", "heat"])
    assert one.causes == other.causes == (*CAUSES, "acid", "heat")
    assert one.deaths[:, one.cause("heat")].tolist() == list(range(5)) and one.deaths.sum() == 10
    assert one.deaths.dtype == np.int32 and other.deaths.shape == (5, 6)
    before = State(MANY).hash()
    state = State(MANY)
    state.register([])
    assert state.hash() == before


# --- implants and heat near them in time ------------------------------------------------------------------


def test_implants_are_added_saved_and_hashed(tmp_path: Path) -> None:
    state = State(Sizes(sites=3))
    plain, twin = state.hash(), state.fork()
    state.add_implant([1e-6, 0.0, 2e-6], 3_600, 1.35e-7)
    state.add_implant(np.full(3, 5e-7), 7_200, 1.35e-7)
    state.add_heating([60.0, 0.0, 1.0], 100, 700)
    assert state.sizes == Sizes(sites=3, implants=2, heatings=1)
    assert state.implant_at.tolist() == [3_600, 7_200] and state.implant_rate.shape == (2, 3)
    assert state.hash() != plain == twin.hash() and twin.sizes.implants == 0
    state.save(tmp_path / "state.npz")
    back = State.load(tmp_path / "state.npz")
    assert same(state, back) and back.hash() == state.hash() == state.fork().hash() and back.sizes == state.sizes
    assert state.nbytes - State(Sizes(sites=3)).nbytes == 2 * (6 * 8 + 16) + 3 * 4 + 16
    state.keep_heatings(np.array([False]))
    assert state.sizes.heatings == 0 and state.heated_cem43.shape == (0, 3) and state.hash() != back.hash()


def test_one_time_and_one_decay_are_one_implantation_and_nothing_is_none() -> None:
    state = State(Sizes(sites=2))
    before = state.hash()
    state.add_implant(np.zeros(2), 5, 1e-7)
    state.add_heating(np.zeros(2), 5, 6)
    assert state.hash() == before and state.sizes == Sizes(sites=2)
    state.add_implant([1.0, 2.0], 5, 1e-7)
    twin = state.fork()
    state.add_implant([0.5, 0.0], 5, 1e-7, width=[0.25, 0.0])
    state.add_implant([0.5, 0.0], 5, 2e-7)
    assert state.implant_width.tolist() == [[0.25, 0.0], [0.0, 0.0]]
    assert state.implant_rate.tolist() == [[1.5, 2.0], [0.5, 0.0]] and twin.implant_rate.tolist() == [[1.0, 2.0]]


def test_impossible_implants_are_refused_all_at_once() -> None:
    state = State(Sizes(sites=2))
    for rate, says in (
        (np.ones(3), "shape"),
        (np.ones((2, 1)), "shape"),
        ([1.0, -1.0], "-1 Gy/s in site 1"),
        ([np.nan, 1.0], "nan Gy/s in site 0"),
        ([1.0, np.inf], "inf Gy/s in site 1"),
    ):
        with pytest.raises(InputError, match=says):
            state.add_implant(rate, 0, 1e-7)
    with pytest.raises(InputError) as caught:
        state.add_implant(np.ones(3), -1, np.nan)
    assert len(caught.value.problems) == 3
    for width, says in (([2.0, 0.0], "above the rate"), ([0.0], "shape"), ([-1.0, 0.0], "-1 Gy/s in site 0")):
        with pytest.raises(InputError, match=says):
            state.add_implant(np.ones(2), 0, 1e-7, width)
    for at in (0.5, "now", True, None):
        with pytest.raises(InputError, match="whole number of seconds"):
            state.add_implant(np.ones(2), at, 1e-7)  # type: ignore[arg-type]
    for decay in (-1e-7, np.inf):
        with pytest.raises(InputError, match="decay constant"):
            state.add_implant(np.ones(2), 0, decay)
    with pytest.raises(InputError) as caught:
        state.add_heating([1.0, np.nan], 5.0, -1)  # type: ignore[arg-type]
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="must end after it begins"):
        state.add_heating(np.ones(2), 7, 6)
    assert state.sizes == Sizes(sites=2)
