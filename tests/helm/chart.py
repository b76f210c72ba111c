"""Values in, the chart's rendered documents out, through the Helm SDK; and the supported installs with their golden renders.

After an intended change of the chart: `.venv/bin/python -m tests.helm.chart` writes the golden renders anew; read the diff.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "analysis-worker"
GOLDEN = CHART / "ci" / "rendered"
INSTALLS = tuple(sorted(path.name.removesuffix("-values.yaml") for path in CHART.glob("ci/*-values.yaml")))


def install_values(install: str) -> dict[str, Any]:
    """The values of one supported install."""
    values: dict[str, Any] = yaml.safe_load((CHART / "ci" / f"{install}-values.yaml").read_text())
    return values


def default_values() -> dict[str, Any]:
    """values.yaml as it is read by Helm."""
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return values


def changed(values: dict[str, Any], **by_path: Any) -> dict[str, Any]:
    """A deep copy of the values with some of them replaced; `a__b` is the path a.b."""
    copy: dict[str, Any] = deepcopy(values)
    for path, value in by_path.items():
        *parents, last = path.split("__")
        place = copy
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return copy


def render_text(values: dict[str, Any], *, release: str = "demo") -> dict[str, str]:
    """Template file name → its rendered text, the empty ones left out."""
    with Chart.load(CHART) as chart:
        texts = chart.render(values, name=release, namespace="analysis")
    return {Path(path).name: text for path, text in sorted(texts.items()) if text.strip()}


def render(values: dict[str, Any], *, release: str = "demo") -> dict[str, dict[str, Any]]:
    """Kind → document; the chart makes at most one of each."""
    documents: dict[str, dict[str, Any]] = {}
    for name, text in render_text(values, release=release).items():
        for document in yaml.safe_load_all(text) if name.endswith(".yaml") else ():
            assert document["kind"] not in documents, f"two of kind {document['kind']}"
            documents[document["kind"]] = document
    return documents


def golden(install: str) -> str:
    """One install as a single text, as `helm template` prints it."""
    texts = render_text(install_values(install))
    return "".join(f"---\n# {name}\n{text.strip()}\n" for name, text in texts.items() if name.endswith(".yaml"))


def environment(documents: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What the worker's container sees; a variable from a secret reads `secret:NAME/KEY`."""
    seen: dict[str, str] = dict(documents["ConfigMap"]["data"])
    for entry in container(documents)["env"] or ():
        source = entry["valueFrom"]["secretKeyRef"]
        seen[entry["name"]] = f"secret:{source['name']}/{source['key']}"
    return seen


def pod(documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The pod's spec."""
    spec: dict[str, Any] = documents["Deployment"]["spec"]["template"]["spec"]
    return spec


def container(documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The worker's container; there is no other."""
    only: dict[str, Any]
    (only,) = pod(documents)["containers"]
    return only


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in INSTALLS:
        (GOLDEN / f"{each}.yaml").write_text(golden(each))
