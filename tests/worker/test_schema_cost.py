"""What a schema makes of an answer is bounded before it is used: the validator cannot be stopped."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.answers.json_inside import take_json_inside
from analysis_worker.answers.schema_cost import ENDLESS, schema_cost
from analysis_worker.answers.schema_patterns import pattern_steps
from analysis_worker.answers.schemas import compile_schema
from analysis_worker.errors import AnswerNotJson, SchemaInvalid
from analysis_worker.profiles import load_profiles
from analysis_worker.validate import checker

NODE = {"$ref": "#/$defs/n"}


def doubling(levels, keyword):
    """Each definition names the next one twice."""
    names = {f"a{i}": {keyword: [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": names | {f"a{levels}": {"type": "object"}}}


def defined(node):
    return {"$ref": "#/$defs/n", "$defs": {"n": node}}


def expression(*operators):
    """An expression grammar: every alternative names the whole for the same two places."""
    sides = {"left": NODE, "right": NODE}
    return defined(
        {"anyOf": [{"type": "integer"}, *({"properties": {"op": {"const": one}, **sides}} for one in operators)]}
    )


@pytest.mark.parametrize(
    ("schema", "size", "growth"),
    [
        ({"type": "object", "properties": {"a": {}, "b": {"items": {}}}}, 4, 0),
        ({"properties": {"next": {"$ref": "#"}}}, 2, 1),
        (defined({"properties": {"left": NODE, "right": NODE}}), 4, 1),
        (defined({"properties": {"children": {"items": NODE}, "siblings": {"items": NODE}}}), 6, 1),
        (defined({"properties": {"a": NODE}, "additionalProperties": NODE}), 4, 2),
        (expression("+"), 7, 1),
        (expression("+", "-"), 11, 2),
        (expression(*"+-*/"), 19, 4),
        (defined({"allOf": [{"$ref": "#/$defs/m"}] * 3}) | {"$defs": {"n": {"allOf": [{"$ref": "#/$defs/m"}] * 3}, "m": {"items": NODE}}}, 11, 3),
        ({"$ref": "#"}, 1, 0),
        ({"allOf": [{"$ref": "#"}]}, 2, 0),
        ({"const": {"$ref": "#"}, "enum": ["a", 1]}, 1, 0),
        ({"enum": ["a", {"$ref": "#"}, []]}, 21, 0),  # comparing with what is compound costs ten times as much
        ({"properties": {"a": {}}, "unevaluatedProperties": False}, 3, 0),
        ({"items": {"allOf": [{}, {}], "unevaluatedProperties": False}}, 13, 0),
    ],
)  # fmt: skip
def test_size_follows_references_and_growth_counts_those_for_one_place(schema, size, growth):
    cost = schema_cost(schema)
    assert (cost.size, cost.growth) == (size, growth)


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
@pytest.mark.timeout(10)
def test_a_schema_that_references_make_huge_is_refused_at_once(keyword):
    with pytest.raises(SchemaInvalid, match="when its references are followed"):
        compile_schema(doubling(26, keyword))
    with pytest.raises(SchemaInvalid, match="when its references are followed"):
        compile_schema(doubling(600, keyword))
    assert compile_schema(doubling(8, keyword)) is not None


@pytest.mark.timeout(20)
def test_a_schema_that_doubles_with_each_level_takes_answers_of_reasonable_depth_only():
    schema = compile_schema(expression("+", "-"))

    def sum_of(levels):
        value = 1
        for _ in range(levels):
            value = {"op": "+", "left": value, "right": 1}
        return value

    assert schema.faults(sum_of(8)) == ()
    started = time.process_time()
    assert "nests too deep" in schema.faults(sum_of(100))[0].message
    assert time.process_time() - started < 1


@pytest.mark.parametrize("keyword", ["unevaluatedProperties", "unevaluatedItems"])
@pytest.mark.timeout(10)
def test_what_asks_again_at_each_step_what_is_left_over_is_refused_when_it_is_deep(keyword):
    def asking(levels):
        names = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}], keyword: False} for i in range(levels)}
        return {"$ref": "#/$defs/a0", "$defs": names | {f"a{levels}": {"properties": {"a": True}}}}

    assert compile_schema(asking(2)).faults(1) == ()
    with pytest.raises(SchemaInvalid, match="refer less often"):
        compile_schema(asking(16))


@pytest.mark.timeout(10)
def test_definitions_that_lead_back_in_several_ways_without_a_step_down_are_refused():
    web = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{j}"} for j in range(7)]} for i in range(7)}
    with pytest.raises(SchemaInvalid, match="refer less often"):
        compile_schema({"$ref": "#/$defs/a0", "$defs": web})


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("items", "value", "said"),
    [
        ({"anyOf": [{"minimum": 99_999}] * 300}, list(range(1_000)), "too large to list where"),
        ({"not": {"enum": [{"a": i} for i in range(900)]}}, [{"a": -1}] * 10_000, "too large for a schema"),
        ({"allOf": [{"minimum": 0}] * 2_000}, list(range(100_000)), "too large for a schema"),
    ],
)
def test_a_large_answer_to_a_large_schema_ends_in_one_fault_at_once(items, value, said):
    schema = compile_schema({"anyOf": [{"items": items}]})
    started = time.process_time()
    (fault,) = schema.faults(value)
    assert said in fault.message
    assert time.process_time() - started < 1


@pytest.mark.timeout(20)
def test_distinct_items_are_found_in_one_go():
    schema = compile_schema({"uniqueItems": True})
    assert schema.faults([{"a": i} for i in range(50_000)]) == ()


def test_plain_recursion_takes_answers_of_any_depth():
    schema = compile_schema({"properties": {"next": {"$ref": "#"}}, "additionalProperties": False})
    value = {}
    for _ in range(120):
        value = {"next": value}
    assert schema.faults(value) == ()


@pytest.mark.timeout(20)
def test_the_cost_itself_is_bounded_for_chains_rings_and_webs():
    chain = {f"a{i}": {"$ref": f"#/$defs/a{i + 1}"} for i in range(2_000)}
    ring = {f"a{i}": {"items": {"$ref": f"#/$defs/a{(i + 1) % 200}"}} for i in range(200)}
    web = {f"a{i}": {"anyOf": [{"$ref": f"#/$defs/a{j}"} for j in range(40)]} for i in range(40)}
    started = time.process_time()
    assert schema_cost({"$ref": "#/$defs/a0", "$defs": chain}).size == ENDLESS
    assert schema_cost({"$ref": "#/$defs/a0", "$defs": ring}).growth == 1
    assert schema_cost({"$ref": "#/$defs/a0", "$defs": web}).size > 1
    assert time.process_time() - started < 5


@pytest.mark.parametrize("name", load_profiles().names)
def test_our_own_schemas_are_cheap(name):
    cost = load_profiles().get(name).schema.cost
    assert cost.size < 100
    assert cost.growth <= 1


WORDS = st.sampled_from(["$ref", "allOf", "anyOf", "properties", "items", "$defs", "a", "not", "type", "const"])
TARGETS = st.sampled_from(["#", "#/$defs/a", "#/properties/a", "#/allOf/0", "#nowhere", "#/items", "http://x/y", ""])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | TARGETS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, JUNK, max_size=4))
def test_no_schema_makes_it_fail(document):
    cost = schema_cost(document)
    assert cost.size >= 0
    assert cost.growth >= 0


@pytest.mark.timeout(20)
def test_an_answer_of_many_documents_that_do_not_fit_is_looked_at_and_listed_once():
    schema = compile_schema(doubling(11, "anyOf"))
    started = time.process_time()
    with pytest.raises(AnswerNotJson, match="99 JSON documents"):
        take_json_inside("[] " * 99, check=checker(schema))
    assert time.process_time() - started < 1


def chain(refer, *, named=lambda _: {}, length=40):
    """Each definition names the next one twice: two to the power of their number."""
    definitions = {f"a{i}": named(i) | {"allOf": [{"$ref": refer(i + 1)}] * 2} for i in range(length)}
    return {"$ref": refer(0), "$defs": definitions | {f"a{length}": named(length) | {"type": "integer"}}}


DISGUISED = {
    "anchors": chain(lambda i: f"#a{i}", named=lambda i: {"$anchor": f"a{i}"}),
    "dynamic anchors": chain(lambda i: f"#a{i}", named=lambda i: {"$dynamicAnchor": f"a{i}"}),
    "escaped keyword": chain(lambda i: f"#/%24defs/a{i}"),
    "escaped name": chain(lambda i: f"#/$defs/%61{i}"),
    "its own identifier": {"$id": "http://x/root"} | chain(lambda i: f"http://x/root#/$defs/a{i}"),
    "its own name": {"$id": "http://x/root"} | chain(lambda i: f"root#/$defs/a{i}"),
    "an identifier below": {
        "$id": "http://x/root",
        "$ref": "#/$defs/inner",
        "$defs": {f"a{i}": True for i in range(41)} | {"inner": {"$id": "inner"} | chain(lambda i: f"#/$defs/a{i}")},
    },
    "an identifier where no schema is": {
        "$ref": "#/hidden",
        "$defs": {f"a{i}": True for i in range(41)},
        "hidden": {"$id": "http://x/y"} | chain(lambda i: f"#/$defs/a{i}"),
    },
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("schema", DISGUISED.values(), ids=DISGUISED)
def test_no_form_of_reference_hides_what_it_costs(schema):
    with pytest.raises(SchemaInvalid):
        compile_schema(schema)


def test_anchors_are_followed():
    schema = compile_schema({"properties": {"a": {"$ref": "#n"}}, "$defs": {"n": {"$anchor": "n", "type": "integer"}}})
    assert schema.faults({"a": 1}) == ()
    assert [fault.path for fault in schema.faults({"a": "x"})] == ["/a"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"pattern": f"a.{{500}}c{i}"} for i in range(100)]},
        {"patternProperties": {f"a.{{500}}c{i}": True for i in range(100)}},
        {"$defs": {"p": {"pattern": "a.{500}c"}}, "allOf": [{"$ref": "#/$defs/p"}] * 1_000},
        {"pattern": "(?:(?:a?){100}){100}c"},
        {"pattern": "(?:a.{0,500}b.{0,500}){3}c"},
    ],
)
def test_expressions_that_cost_much_for_each_character_are_not_held_against_long_texts(schema):
    value = "ab é" * 10_000
    made = compile_schema(schema)
    started = time.process_time()
    (fault,) = made.faults({value: 1} if "patternProperties" in schema else value)
    assert "too large" in fault.message
    assert time.process_time() - started < 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize("one", [r"\p{L}{100}", "(.{900})", "[^a]{900}", r"[\p{L}]{100}"])
def test_expressions_that_are_huge_when_compiled_are_refused_before(one):
    started = time.process_time()
    with pytest.raises(SchemaInvalid, match="maxLength"):
        compile_schema({"anyOf": [{"pattern": f"{one}{i}"} for i in range(1_000)]})
    assert time.process_time() - started < 1
    assert compile_schema({"anyOf": [{"pattern": f"^{one}$"}] * 100}).faults("é") != ()


def test_the_usual_expressions_take_long_answers():
    schema = compile_schema({"items": {"pattern": r"^[A-Z]{2}\d{3,10}$"}})
    assert schema.faults(["AB1234"] * 100_000) == ()


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        ("", 0),
        ("abc", 3),
        ("a{10}", 10),
        ("a{3,}b", 4),
        ("(ab){2,5}c", 11),
        ("[a-z{]{4}", 4),
        (r"\{{3}", 3),
        ("((((", 0),
    ],
)
def test_repetitions_are_written_out(pattern, steps):
    assert pattern_steps(pattern) == steps
