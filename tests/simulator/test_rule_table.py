"""The table of rules: complete, used, printed, its assumptions written down, and nobody else's."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from media_analysis.simulator import command
from model_simulator.rule_table import load_rules

ROOT = Path(__file__).parent.parent.parent
SERVICES = ROOT / "services"
ASSUMPTIONS = ROOT / "docs" / "provider-assumptions.md"
RULES = load_rules()


def source_of(package: str) -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in sorted((SERVICES / package).rglob("*.py"))}


def test_every_row_says_where_it_was_read_and_how_sure_that_is() -> None:
    for row in RULES.rows.values():
        assert row.source.strip(), row.id
        assert row.basis in {"documented", "observed", "assumed", "invented"}, row.id
        if row.id.startswith("refusal/"):
            assert {"status", "code"} <= row.facts.keys(), row.id
            assert 400 <= row.facts["status"] < 600, row.id


def test_every_general_rule_is_read_by_the_code() -> None:
    code = "\n".join(source_of("model_simulator").values())
    limits = [row_id for row_id in RULES.rows if row_id.startswith("limit/")]
    read = {row_id for row_id in limits if f'"{row_id.removeprefix("limit/")}"' in code}
    assert set(limits) - read == set()


def test_a_row_given_twice_is_found(tmp_path: Path) -> None:
    for path in (SERVICES / "model_simulator" / "rules").glob("*.toml"):
        ids = [row["id"] for row in tomllib.loads(path.read_text(encoding="utf-8"))["rows"]]
        assert len(ids) == len(set(ids)), path.name


class TestPrinted:
    """`media-analysis simulator --rules`."""

    def test_every_row_is_printed_whole(self) -> None:
        result = CliRunner().invoke(command, ["--rules"])
        assert result.exit_code == 0
        for row in RULES.rows.values():
            assert row.id in result.output

    def test_as_json(self) -> None:
        rows = json.loads(CliRunner().invoke(command, ["--rules", "--json"]).output)
        assert {row["id"] for row in rows} == RULES.rows.keys()
        assert rows[0].keys() == {"id", "value", "source", "basis", "facts"}


class TestAssumptions:
    """docs/provider-assumptions.md."""

    def rows(self) -> list[list[str]]:
        lines = ASSUMPTIONS.read_text(encoding="utf-8").splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]
        assert all(len(row) == 4 for row in cells)
        return cells

    def test_it_lists_exactly_the_assumed_rows(self) -> None:
        listed = [row_id for row in self.rows() for row_id in re.findall(r"`([^`]+)`", row[0])]
        assumed = {row.id for row in RULES.rows.values() if row.basis == "assumed"}
        assert sorted(listed) == sorted(assumed)

    def test_each_names_a_test_that_exists(self) -> None:
        tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
        named = {name for row in self.rows() for name in re.findall(r"`(test_\w+)`", row[3])}
        missing = {name for name in named if f"def {name}(" not in tests}
        assert all(re.search(r"`test_\w+`", row[3]) for row in self.rows())
        assert missing == set()


class TestSharesNothing:
    """Two readings of the provider's pages are worth something only while neither copies the other."""

    @pytest.mark.parametrize(
        ("package", "other"), [("model_simulator", "analysis_worker"), ("analysis_worker", "model_simulator")]
    )
    def test_no_import(self, package: str, other: str) -> None:
        for path, text in source_of(package).items():
            for node in ast.walk(ast.parse(text)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not any(name.partition(".")[0] == other for name in names), path

    def test_no_data_file(self) -> None:
        def data(package: str) -> dict[bytes, Path]:
            paths = (path for path in (SERVICES / package).rglob("*") if path.is_file())
            return {
                path.read_bytes().strip(): path
                for path in paths
                if path.suffix not in {".py", ".pyc"} and path.name != "py.typed"
            }

        assert not data("model_simulator").keys() & data("analysis_worker").keys()

    def test_neither_opens_the_others_files(self) -> None:
        for package, other in (("model_simulator", "analysis_worker"), ("analysis_worker", "model_simulator")):
            for path, text in source_of(package).items():
                strings = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
                assert not any(other in value for value in strings if isinstance(value, str)), path

    def test_no_function_is_a_copy(self) -> None:
        def bodies(package: str) -> dict[str, str]:
            found = {}
            for path, text in source_of(package).items():
                for node in ast.walk(ast.parse(text)):
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                        statements = node.body[1:] if ast.get_docstring(node) else node.body
                        if len(statements) > 3:
                            found["\n".join(map(ast.dump, statements))] = f"{path.name}:{node.name}"
            return found

        ours, theirs = bodies("model_simulator"), bodies("analysis_worker")
        assert [(ours[same], theirs[same]) for same in ours.keys() & theirs.keys()] == []
