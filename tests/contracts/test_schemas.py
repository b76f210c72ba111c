"""Pure: the committed schemas are the code's, and a change that breaks somebody is found."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from media_contracts import schemas, topics
from media_contracts.schema_changes import find_breaking_changes

SCHEMAS = Path(__file__).parents[2] / "contracts" / "schemas"


def test_the_committed_schemas_are_those_of_the_code_and_break_no_release(capsys):
    assert schemas.main(["--check"]) == 0, capsys.readouterr().err


def test_every_release_is_kept_with_every_event():
    released = sorted(path.name for path in SCHEMAS.glob("released/0.1.0/*"))
    assert released == sorted(schemas.build_schemas())


@pytest.mark.parametrize("name", sorted(schemas.build_schemas()))
def test_a_schema_is_json_schema_2020_12_and_open_for_new_fields(name):
    schema = schemas.build_schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert '"additionalProperties": false' not in json.dumps(schema)


def test_drift_is_found(tmp_path, capsys):
    schemas.main(["--write", "--directory", str(tmp_path)])
    path = tmp_path / f"{topics.PROGRESS}.schema.json"
    path.write_text(path.read_text().replace("From 1 within", "From 0 within"))
    assert schemas.main(["--check", "--directory", str(tmp_path)]) == 1
    assert f"{path.name} differs from the code" in capsys.readouterr().err


def test_a_break_of_a_release_is_found(tmp_path, capsys):
    schemas.main(["--write", "--directory", str(tmp_path)])
    released = schemas.build_schema(topics.PROGRESS)
    released["properties"]["mood"] = {"type": "string"}
    (tmp_path / "released" / "0.0.9").mkdir(parents=True)
    (tmp_path / "released" / "0.0.9" / f"{topics.PROGRESS}.schema.json").write_text(json.dumps(released))
    assert schemas.main(["--check", "--directory", str(tmp_path)]) == 1
    assert "breaks release 0.0.9: removed field at /mood" in capsys.readouterr().err


OLD = {
    "$defs": {
        "Part": {
            "type": "object",
            "properties": {"kind": {"enum": ["a", "b"], "type": "string"}, "size": {"type": "integer", "minimum": 0}},
            "required": ["kind"],
        }
    },
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^a", "maxLength": 9},
        "part": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}], "default": None},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "maxItems": 3},
        "map": {"type": "object", "additionalProperties": {"type": "number"}, "propertyNames": {"maxLength": 5}},
        "mode": {"type": "string", "default": "auto"},
        "any": {},
    },
    "required": ["id"],
}


def change(edit):
    new = copy.deepcopy(OLD)
    edit(new, new["properties"], new["$defs"]["Part"])
    return new


def drop(name):
    return lambda _schema, fields, _part: fields.pop(name)


def put(name, **changes):
    return lambda _schema, fields, _part: fields[name].update(changes)


def replace(name, value):
    return lambda _schema, fields, _part: fields.__setitem__(name, value)


def of_part(name, **changes):
    return lambda _schema, _fields, part: part["properties"][name].update(changes)


def require(*names):
    return lambda schema, _fields, _part: schema.update(required=list(names))


BREAKS_WRITERS = [
    (drop("mode"), "removed field", "/mode"),
    (lambda _schema, _fields, part: part["properties"].pop("size"), "removed field", "/parts/(items)/size"),
    (require("id", "mode"), "newly required", "/mode"),
    (lambda _schema, _fields, part: part.update(required=["kind", "size"]), "newly required", "/part/size"),
    (replace("part", {"$ref": "#/$defs/Part"}), "narrowed type", "/part"),
    (put("id", type="integer"), "narrowed type", "/id"),
    (replace("any", {"type": "string"}), "narrowed type", "/any"),
    (of_part("kind", enum=["a"]), "narrowed values", "/part/kind"),
    (of_part("size", minimum=1), "narrowed values", "/parts/(items)/size"),
    (put("id", maxLength=8), "narrowed values", "/id"),
    (put("id", pattern="^b"), "narrowed values", "/id"),
    (put("parts", maxItems=2), "narrowed values", "/parts"),
    (put("parts", minItems=1), "narrowed values", "/parts"),
    (put("mode", format="date-time"), "narrowed values", "/mode"),
    (put("mode", enum=["auto"]), "narrowed values", "/mode"),
    (put("map", additionalProperties={"type": "integer"}), "narrowed type", "/map/(additionalProperties)"),
    (put("mode", default="live"), "changed default", "/mode"),
]
BREAKS_READERS = [
    (drop("mode"), "removed field", "/mode"),
    (require(), "no longer certain", "/id"),
    (put("mode", type="integer"), "narrowed type", "/mode"),
    (replace("mode", {"anyOf": [{"type": "string"}, {"type": "null"}], "default": "auto"}), "narrowed type", "/mode"),
    (of_part("kind", enum=["a", "b", "c"]), "narrowed values", "/part/kind"),
    (of_part("size", minimum=-1), "narrowed values", "/part/size"),
    (put("id", maxLength=10), "narrowed values", "/id"),
    (replace("parts", {"type": "array", "items": {"$ref": "#/$defs/Part"}}), "narrowed values", "/parts"),
    (put("map", additionalProperties={"type": "string"}), "narrowed type", "/map/(additionalProperties)"),
]
HARMLESS_FOR_WRITERS = [
    replace("new", {"type": "string"}),
    require(),
    of_part("kind", enum=["a", "b", "c"]),
    of_part("size", minimum=-1),
    of_part("size", type="number"),
    put("id", maxLength=10),
    replace("mode", {"anyOf": [{"type": "string"}, {"type": "null"}], "default": "auto"}),
    replace("mode", {"default": "auto"}),
    put("mode", description="other words", title="Other", examples=["live"]),
]
HARMLESS_FOR_READERS = [
    replace("new", {"type": "string"}),
    require("id", "mode"),
    of_part("kind", enum=["a"]),
    put("id", maxLength=8),
    replace("part", {"$ref": "#/$defs/Part"}),
    replace("any", {"type": "string"}),
    put("mode", default="live"),
]


@pytest.mark.parametrize(("edit", "kind", "path"), BREAKS_WRITERS)
def test_a_change_that_refuses_what_was_allowed_breaks_writers(edit, kind, path):
    found = find_breaking_changes(OLD, change(edit), written_by="others")
    assert (kind, path) in [(item.kind, item.path.replace("~1", "/")) for item in found]


@pytest.mark.parametrize(("edit", "kind", "path"), BREAKS_READERS)
def test_a_change_that_sends_what_was_impossible_breaks_readers(edit, kind, path):
    found = find_breaking_changes(OLD, change(edit), written_by="us")
    assert (kind, path) in [(item.kind, item.path.replace("~1", "/")) for item in found]


@pytest.mark.parametrize("edit", HARMLESS_FOR_WRITERS)
def test_a_change_that_allows_more_is_harmless_for_writers(edit):
    assert find_breaking_changes(OLD, change(edit), written_by="others") == []


@pytest.mark.parametrize("edit", HARMLESS_FOR_READERS)
def test_a_change_that_promises_more_is_harmless_for_readers(edit):
    assert find_breaking_changes(OLD, change(edit), written_by="us") == []


@pytest.mark.parametrize("name", sorted(schemas.build_schemas()))
@pytest.mark.parametrize("written_by", ["others", "us"])
def test_a_schema_breaks_nobody_by_staying_as_it_is(name, written_by):
    schema = schemas.build_schemas()[name]
    assert find_breaking_changes(schema, schema, written_by=written_by) == []


def all_fields(schema):
    return [(None, field) for field in schema["properties"]] + [
        (name, field) for name, model in schema["$defs"].items() for field in model.get("properties", {})
    ]


@pytest.mark.parametrize(("name", "written_by"), [(topics.REQUESTED, "others"), (topics.COMPLETED, "us")])
def test_no_field_of_ours_can_be_removed_unnoticed(name, written_by):
    schema = schemas.build_schema(name)
    for model, field in all_fields(schema):
        new = copy.deepcopy(schema)
        del (new["$defs"][model] if model else new)["properties"][field]
        found = find_breaking_changes(schema, new, written_by=written_by)
        assert any(item.kind == "removed field" and item.path.endswith("/" + field) for item in found), (model, field)
