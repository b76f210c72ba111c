"""The house rules that a machine can check: imports, sizes, first lines, what must not be in a tracked file, locks."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 60

# Who may import whom among our own packages (DESIGN §4).
PACKAGES = {
    "media_contracts": set(),
    "analysis_worker": {"media_contracts"},
    "model_simulator": {"media_contracts"},
    "analysis_devstack": {"media_contracts"},
    "media_analysis": {"media_contracts", "analysis_worker", "model_simulator", "analysis_devstack"},
}
# What the contracts stand on, beside the standard library: other teams install them.
CONTRACTS_DEPENDENCIES = {"pydantic", "pydantic_core", "cloudevents"}
# The worker's borders: library → the modules (or packages of that name) that alone may import it.
KAFKA_BORDER = {"analysis_worker.kafka", "analysis_worker.app"}
BORDERS = {
    "minio": {"analysis_worker.object_store"},
    "urllib3": {"analysis_worker.object_store"},
    "httpx": {"analysis_worker.object_store", "analysis_worker.provider.model_api", "analysis_worker.transport"},
    "httpx_aiohttp": {"analysis_worker.transport"},
    "aiohttp": {"analysis_worker.transport"},
    "faststream": KAFKA_BORDER,
    "aiokafka": KAFKA_BORDER,
}
STAGES = {"receive", "recall", "plan", "fetch", "ask", "validate", "record", "publish"}
STAGES_IMPORTER = "analysis_worker.pipeline"

# Written in pieces, so that this file does not find itself.
FORBIDDEN_TEXT = {
    "the path of a machine": re.compile(r"(?<![\w.$}~-])/(?:work|Users|home/[a-z]\w*)" + "/"),
    "a home folder": re.compile("/ro" + "ot/"),
    "an index address": re.compile("(?:index" + "-url|find" + r"-links)[\s=]+\S*//|https?://\S+/simple\b"),
    "a credential in an address": re.compile(r"https?://[^\s/'\"<>{}$]+:[^\s/'\"<>{}$]+" + "@"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """One module of ours: its dotted name and its text."""

    name: str
    text: str

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def part(self) -> str:
        """The name below the package: `plan` for `analysis_worker.plan` and `analysis_worker.plan.media` alike."""
        return [*self.name.split("."), ""][1]

    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def imported(self) -> set[str]:
        """Every absolute name that is imported, also for typing and inside functions."""
        names = set()
        for node in ast.walk(self.tree()):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        return names

    def _absolute(self, node: ast.ImportFrom) -> str:
        above = self.name.split(".")[: -node.level] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])


def modules() -> list[Module]:
    folders = [*(ROOT / "services").iterdir(), ROOT / "contracts" / "media_contracts"]
    return [
        Module(name=_dotted(path, folder.parent), text=path.read_text(encoding="utf-8"))
        for folder in folders
        if folder.name in PACKAGES
        for path in sorted(folder.rglob("*.py"))
    ]


def _dotted(path: Path, above: Path) -> str:
    return ".".join(path.relative_to(above).with_suffix("").parts).removesuffix(".__init__")


def faults_of(module: Module) -> list[str]:
    """Every broken rule of one module, as sentences."""
    return [*_package_faults(module), *_border_faults(module), *_stage_faults(module), *_shape_faults(module)]


def _package_faults(module: Module) -> list[str]:
    tops = {name.partition(".")[0] for name in module.imported()}
    ours = tops & PACKAGES.keys() - PACKAGES[module.package] - {module.package}
    found = [f"{module.name} imports {other}" for other in sorted(ours)]
    if module.package == "media_contracts":
        foreign = tops - set(sys.stdlib_module_names) - CONTRACTS_DEPENDENCIES - {"media_contracts"}
        found += [f"{module.name} imports {other}, which the contracts do not depend on" for other in sorted(foreign)]
    return found


def _border_faults(module: Module) -> list[str]:
    if module.package != "analysis_worker":
        return []
    tops = {name.partition(".")[0] for name in module.imported()}
    own = f"analysis_worker.{module.part}"
    return [
        f"{module.name} imports {library}, which is for {', '.join(sorted(allowed))}"
        for library, allowed in BORDERS.items()
        if library in tops and not {own, module.name} & allowed
    ]


def _stage_faults(module: Module) -> list[str]:
    if module.package != "analysis_worker" or f"analysis_worker.{module.part}" == STAGES_IMPORTER:
        return []
    met = {stage for stage in STAGES for name in module.imported() if _is_stage(name, stage)}
    return [f"{module.name} imports the stage {stage}" for stage in sorted(met - {module.part})]


def _is_stage(name: str, stage: str) -> bool:
    return name == f"analysis_worker.{stage}" or name.startswith(f"analysis_worker.{stage}.")


def _shape_faults(module: Module) -> list[str]:
    lines = len(module.text.splitlines())
    found = [f"{module.name} has {lines} lines"] if lines > MAX_MODULE_LINES else []
    tree = module.tree()
    if not (ast.get_docstring(tree) or "").partition("\n")[0].strip():
        found.append(f"{module.name} does not say what goes in and what comes out")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                found.append(f"{module.name}.{node.name} has {length} lines")
    return found


def text_faults(path: str, text: str) -> list[str]:
    return [
        f"{path}:{number} holds {what}: {line.strip()[:120]}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FORBIDDEN_TEXT.items()
        if pattern.search(line)
    ]


def locked(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """A lock file's packages: name → (version, hashes)."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", "\n" + text.replace("\\\n", " "))
    found = {}
    for entry in entries:
        if match := re.match(r"([A-Za-z0-9._-]+)==(\S+)", entry.strip()):
            found[match[1]] = (match[2], frozenset(re.findall(r"--hash=(\S+)", entry)))
    return found


def test_every_module_keeps_the_rules():
    assert [fault for module in modules() for fault in faults_of(module)] == []


def test_the_rules_see_all_our_packages():
    assert {module.package for module in modules()} == PACKAGES.keys()


PLANTED = [
    ("analysis_worker.recall", "from analysis_worker.plan import make_plan", "imports the stage plan"),
    ("analysis_worker.recall", "from analysis_worker import publish", "imports the stage publish"),
    ("analysis_worker.ask.call", "from analysis_worker.fetch.pipe import Pipe", "imports the stage fetch"),
    ("analysis_worker.window", "def f():\n    import analysis_worker.receive", "imports the stage receive"),
    ("analysis_worker.ask", "from .validate import check", "imports the stage validate"),
    ("analysis_worker.app", "import model_simulator.app", "imports model_simulator"),
    ("model_simulator.app", "from analysis_worker import prices", "imports analysis_worker"),
    ("analysis_devstack.stack", "import media_analysis", "imports media_analysis"),
    ("media_contracts.events", "import orjson", "which the contracts do not depend on"),
    ("analysis_worker.ledger", "from minio import Minio", "imports minio"),
    ("analysis_worker.media.probe", "if TYPE_CHECKING:\n    import httpx", "imports httpx"),
    ("analysis_worker.window", "from aiokafka.structs import TopicPartition", "imports aiokafka"),
    ("analysis_worker.publish", "import faststream", "imports faststream"),
    ("analysis_worker.long", "\n" * MAX_MODULE_LINES, "has 301 lines"),
    ("analysis_worker.long", "def f():\n" + "    pass\n" * MAX_FUNCTION_LINES, "f has 61 lines"),
]


@pytest.mark.parametrize(("name", "text", "fault"), PLANTED)
def test_a_planted_violation_is_found(name, text, fault):
    faults = faults_of(Module(name=name, text=f'"""In; out."""\n{text}'))
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("analysis_worker.pipeline", "from analysis_worker import ask, fetch, plan"),
        ("analysis_worker.plan.media", "from analysis_worker.plan.limits import check"),
        ("analysis_worker.plan", "from analysis_worker.planned import PlannedMedia"),
        ("analysis_worker.kafka.records", "import aiokafka"),
        ("media_analysis.topics", "import aiokafka, analysis_worker.plan, analysis_devstack.topics"),
    ],
)
def test_what_is_allowed_is_not_found(name, text):
    assert faults_of(Module(name=name, text=f'"""In; out."""\n{text}')) == []


def test_a_module_without_a_first_line_is_found():
    assert faults_of(Module(name="analysis_worker.x", text="x = 1")) == [
        "analysis_worker.x does not say what goes in and what comes out"
    ]


def test_no_tracked_file_names_a_machine_or_an_index():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file():
            found += text_faults(name, path.read_bytes().decode("utf-8", errors="ignore"))
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /wo" + "rk/main",
        "see /home/some" + "body/project",
        "/Us" + "ers/somebody/x",
        "HOME=/ro" + "ot/x",
        "pip install --extra-index" + "-url http://x",
        "https://mirror.example/sim" + "ple",
        "https://me:secret" + "@host/x",
    ],
)
def test_a_planted_text_is_found(line):
    assert len(text_faults("planted", line)) == 1


@pytest.mark.parametrize("line", ["https://docs.example/work/flow", "network/", "./work/x", "$HOME/work/x"])
def test_ordinary_text_is_not_found(line):
    assert text_faults("planted", line) == []


def test_the_image_installs_nothing_that_the_full_lock_has_otherwise():
    full, image = (locked((ROOT / f"requirements{kind}.lock").read_text()) for kind in ("", "-image"))
    assert {name: full.get(name) for name in image} == image
    assert 0 < len(image) < len(full)


@pytest.mark.parametrize("kind", ["", "-image", "-dev"])
def test_every_locked_package_has_hashes(kind):
    packages = locked((ROOT / f"requirements{kind}.lock").read_text())
    assert packages
    assert [name for name, (_, hashes) in packages.items() if not hashes] == []


def test_the_tests_packages_are_locked_to_the_products_versions():
    full, dev = (locked((ROOT / f"requirements{kind}.lock").read_text()) for kind in ("", "-dev"))
    assert {name: dev[name] for name in dev.keys() & full.keys()} == {
        name: full[name] for name in dev.keys() & full.keys()
    }
