from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tumorsim.scenario import packaged
from tumorsim.scenario.schema import SCHEMA_FILE, json_schema


def test_the_shipped_schema_is_the_one_the_program_makes() -> None:
    shipped = json.loads((packaged.folder() / SCHEMA_FILE).read_text())
    assert shipped == json_schema(), "write it again: tumorsim schema > scenarios/scenario.schema.json"


def test_every_shipped_scenario_names_it_on_line_one() -> None:
    for path in packaged.folder().glob("*.yaml"):
        assert path.read_text().splitlines()[0] == f"# yaml-language-server: $schema={SCHEMA_FILE}"


def test_it_describes_values_as_they_are_written() -> None:
    schema = json_schema()
    text = json.dumps(schema)
    assert '"null"' not in text and "0.0001" not in text
    assert schema["additionalProperties"] is False and set(schema["required"]) == {"name", "until", "tissue"}
    item = schema["$defs"]["TreatmentItem"]
    kinds = ("tae", "tace", "hydrodissection", "microwave", "radiofrequency", "seeds")
    assert set(item["properties"]) == {"at", "id", *kinds}
    assert item["oneOf"] == [{"required": [kind]} for kind in kinds]


def test_shipped_scenarios_fit_and_broken_ones_do_not() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    for path in Path(packaged.folder()).glob("*.yaml"):
        data = YAML(typ="safe", pure=True).load(path.read_text())
        validator.validate(data)
        if "bench" in data["tissue"]:
            data["tissue"]["bench"] = "in vitro"
        else:
            data["tissue"]["tumour"]["diameter"] = 42
        assert not validator.is_valid(data)
