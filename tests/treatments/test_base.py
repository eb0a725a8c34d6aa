from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tumorsim.errors import InputError
from tumorsim.scenario import Scenario, schema
from tumorsim.treatments import base
from tumorsim.treatments.base import Kind, kind_named, registry, unknown_kind
from tumorsim.treatments.spec import Spec


class Song(Spec):
    """A treatment of another package."""

    verses: int = 3

    def describe(self) -> str:
        return f"{self.verses} verses"


KIND = Kind("song", Song, "tests.nowhere:Song", "a song")


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[list]:
    points: list = []
    monkeypatch.setattr(base, "entry_points", lambda group: points if group == "tumorsim.treatments" else [])
    caches = (registry, schema.item_model, schema.file_model)
    for cache in caches:
        cache.cache_clear()
    yield points
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def test_both_embolisations_are_there_and_lead_to_their_physics() -> None:
    assert list(registry()) == ["tae", "tace", "hydrodissection", "microwave", "radiofrequency", "seeds"]
    assert kind_named("tace").read_after == 28 * 86_400
    assert issubclass(kind_named("tae").load(), base.Treatment)


def test_a_treatment_of_another_package_is_one_entry_point(plug_in: list) -> None:
    plug_in.append(SimpleNamespace(value="other:KIND", load=lambda: KIND))
    data = {
        "name": "x",
        "until": "2 d",
        "tissue": {"tumour": {"diameter": "2 cm"}},
        "treatments": [{"at": "1 d", "song": {"verses": 4}}],
    }
    (event,) = Scenario.from_dict(data).treatments
    assert event.spec == Song(verses=4) and event.definition is KIND
    assert "song" in schema.json_schema()["$defs"]["TreatmentItem"]["properties"]
    data["treatments"] = [{"at": "1 d", "song": {"verse": 4}}]
    with pytest.raises(InputError, match=r"treatments\.0\.song\.verse: unknown key\. Did you mean 'verses'"):
        Scenario.from_dict(data)


def test_a_plug_in_that_cannot_be_used_says_so(plug_in: list) -> None:
    def broken() -> Kind:
        raise ImportError("no module")

    plug_in.append(SimpleNamespace(value="other:KIND", load=broken))
    with pytest.raises(InputError, match=r"plug-in other:KIND cannot be loaded: no module"):
        registry()
    plug_in[:] = [SimpleNamespace(value="other:KIND", load=lambda: Kind("tace", Song, "a:b", "again"))]
    with pytest.raises(InputError, match="the name 'tace' is already in use"):
        registry()
    plug_in[:] = [SimpleNamespace(value="other:KIND", load=lambda: "song")]
    with pytest.raises(InputError, match="not a Kind"):
        registry()


def test_unknown_kinds_are_named_with_the_nearest_or_as_later() -> None:
    assert "Did you mean 'tace'?" in unknown_kind("taces")
    assert "not in this version" in unknown_kind("ethanol")
    with pytest.raises(InputError, match="unknown treatment 'x'"):
        kind_named("x")
