"""A policy's sources, written into a folder as OPA reads them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_boundary.policy.rego.builtins import UNREPEATABLE

from .opa_program import OpaProgram, run_opa

CAPABILITIES = "capabilities.json"  # beside the folder that OPA reads, not in it


@dataclass(frozen=True, slots=True)
class OpaSources:
    """What was written: the folder OPA reads, and each module's own path by its file there."""

    folder: Path
    files: Mapping[str, str]

    @property
    def capabilities(self) -> Path:
        """The file that says which built-ins a policy may call."""
        return self.folder.parent / CAPABILITIES

    def own_path(self, file: str) -> str:
        """Return the path that whoever wrote a module knows it by."""
        return self.files.get(Path(file).name, file)

    def named(self, text: str) -> str:
        """Return OPA's words with our files' names replaced by the policy's own."""
        places = re.compile(rf"(?:\S*/)?({'|'.join(map(re.escape, self.files)) or '$^'})(?=:\d)")
        return places.sub(lambda found: self.files[found[1]], text)


def write_sources(
    within: Path, opa: OpaProgram, modules: Mapping[str, str], data: str
) -> OpaSources:
    """Write modules (by path) and data (JSON text) below a folder of ours: one bundle.

    Beside it is written what they may call.
    """
    folder = within / "policy"
    folder.mkdir()
    files: dict[str, str] = {}
    for number, (path, text) in enumerate(modules.items()):
        name = f"{number}.rego"
        (folder / name).write_text(text, encoding="utf-8")
        files[name] = path
    (folder / "data.json").write_text(data, encoding="utf-8")
    sources = OpaSources(folder, files)
    sources.capabilities.write_text(json.dumps(_capabilities(opa)), encoding="utf-8")
    return sources


def _capabilities(opa: OpaProgram) -> Mapping[str, Any]:
    """Return what OPA has, without what makes a verdict depend on more than the document."""
    said = run_opa(opa.path, "capabilities", "--current").stdout
    found: dict[str, Any] = json.loads(said)
    kept = [known for known in found["builtins"] if known["name"] not in UNREPEATABLE]
    return found | {"builtins": kept, "allow_net": []}


def check_sources(opa: OpaProgram, sources: OpaSources, *strict: str) -> Sequence[str]:
    """Return what ``opa check`` (``--strict``) says against the sources, by file and line."""
    bounded = ["--capabilities", str(sources.capabilities)]
    done = run_opa(opa.path, "check", *strict, *bounded, "--format", "json", str(sources.folder))
    command = " ".join(("opa check", *strict))
    return () if done.returncode == 0 else list(_errors(done, sources, command))


def _errors(
    done: subprocess.CompletedProcess[str], sources: OpaSources, command: str
) -> Iterator[str]:
    said = done.stderr or done.stdout
    try:
        errors = json.loads(said)["errors"]
    except (ValueError, KeyError, TypeError):
        errors = [{"message": sources.named(said.strip()[:500])}]
    for error in errors:
        place = error.get("location") or {}
        where = f"{sources.own_path(place['file'])}:{place['row']}: " if "file" in place else ""
        yield f"{where}{error.get('message')} ({command})"
