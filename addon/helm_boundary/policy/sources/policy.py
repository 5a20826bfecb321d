"""A policy: what the folders and bundles given make over the default one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helm_boundary.calls.volatile import Volatile
from helm_boundary.commands.asked import ShellError, command_reader
from helm_boundary.policy.detectors.detector_file import merge_detectors
from helm_boundary.policy.errors import PolicyError

from .bundle import is_bundle
from .data_place import place_of
from .default_folder import default_policy_folder
from .dormant_topics import awake
from .folder import Part, read_part
from .kept import is_kept, read_statement
from .merging import merge, refuse_overlap
from .settings import check_budgets, check_settings
from .unread_members import unread_members
from .volatile_members import volatile_members

_READS = r"""\binput\s*(?:\.\s*{0}\b|\[\s*["`]{0}["`]\s*\]|,\s*(?:\[\s*)?["`]{0}["`])"""
SECTIONS = ("budgets", "groups", "limits", "mcp", "prices", "tools")
"""The data that the boundary itself reads: budgets, servers' names, which tools are shells."""
_COMMENT = re.compile(r"#.*")
RULE = re.compile(r"^(?!package\b|import\b|default\b|else\b)[A-Za-z_]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that decides.

    ``uri`` says where it came from, ``digest`` (hex SHA-256) what it is: the same modules, data
    and detectors have the same digest wherever they are. ``modules`` maps a file's path to its
    Rego text, ``detectors_text`` is JSON text (which is YAML). ``rules`` counts the rules,
    ``volatile`` is what makes no difference to a person's grant of a request, and
    ``without_detectors`` are the bundles that bring no detectors.
    ``stated`` is what the digest is the SHA-256 of; ``named_modules`` are the modules by the names
    there. An OPA server's policy has neither.
    """

    uri: str
    digest: str
    modules: Mapping[str, str]
    data: Mapping[str, Any]
    detectors_text: bytes
    rules: int
    volatile: tuple[Volatile, ...] = ()
    without_detectors: Sequence[str] = ()
    stated: str = ""
    named_modules: Mapping[str, str] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    """The members of the input that no rule looks into; none where that isn't known."""

    @property
    def own_data(self) -> dict[str, Any]:
        """The part of the data that the boundary itself reads, and all that it may read.

        A policy that was read while running has no other: its workers have the rest.
        """
        return {name: self.data[name] for name in SECTIONS if name in self.data}


def read_policy(folders: Sequence[Path], *, key: Path | None = None) -> Policy:
    """Read the policy that the folders (or bundles) make over the default one.

    A folder that defines ``data.helm.decision`` starts afresh: nothing of what came before it
    but the detectors and what is volatile stays. Any other folder extends: its modules are added,
    its data merged key by key (its lists replace lists), its detectors added or replaced by name.
    With a ``key`` each must be a bundle that is signed with it.

    Raises PolicyError, naming the file, for anything missing, empty, unreadable or ambiguous.
    """
    if len(folders) == 1 and is_kept(folders[0]):
        return _read_kept(folders[0], key)
    parts = [read_part(default_policy_folder())]
    parts += [read_part(folder, key=key) for folder in folders]
    start = max(i for i, part in enumerate(parts) if i == 0 or part.decides)
    effective = parts[start:]
    for part in effective[1:]:
        _refuse_main(part)
    data: Mapping[str, Any] = {}
    for part in effective:
        data = merge(data, part.data)
    if start == 0:
        modules_text = [text for part in effective for text in part.modules.values()]
        check_settings(data, modules_text, folders)
    _check_shells(data, folders)
    check_budgets(data, folders)
    refuse_overlap(data, {p: f for part in effective for f, p in part.packages.items()})
    detectors = merge_detectors([part.detectors for part in parts if part.detectors])
    modules = {path: text for part in effective for path, text in part.modules.items()}
    named = {
        f"{number}/{part.names[path]}": text
        for number, part in enumerate(effective)
        for path, text in part.modules.items()
    }
    stated = _state(named, data, detectors)
    return Policy(
        uri=" ".join(part.uri for part in parts[1:]) or "helm-boundary:default",
        digest=hashlib.sha256(stated.encode()).hexdigest(),
        modules=modules,
        data=data,
        detectors_text=detectors,
        rules=sum(len(RULE.findall(text)) for text in modules.values()),
        volatile=volatile_members(data, parts[0].data, folders),
        without_detectors=[
            part.uri
            for folder, part in zip(folders, parts[1:], strict=True)
            if is_bundle(folder) and part.detectors is None
        ],
        stated=stated,
        named_modules=named,
        unread=unread_members(awake(modules, data).values()),
    )


def _read_kept(path: Path, key: Path | None) -> Policy:
    """Read a policy that decided earlier, whole as it was."""
    if key is not None:
        raise PolicyError(f"{path}: it isn't signed, and helm_policy_key asks for that")
    said, modules, stated = read_statement(path)
    return Policy(
        uri=f"kept:{path.stem}",
        digest=path.stem,
        modules=modules,
        data=said["data"],
        detectors_text=said["detectors"].encode(),
        rules=sum(len(RULE.findall(text)) for text in modules.values()),
        volatile=volatile_members(said["data"], read_part(default_policy_folder()).data),
        stated=stated,
        named_modules=modules,
        unread=unread_members(awake(modules, said["data"]).values()),
    )


def mentions_models(policy: Policy) -> bool:
    """Tell whether any rule reads ``input.models``: all models that may run, not one."""
    return _mentions(policy, "models")


def mentions_unclaimed(policy: Policy) -> bool:
    """Tell whether any rule reads ``input.unclaimed``: members that nobody knows."""
    return _mentions(policy, "unclaimed")


def mentions_budgets(policy: Policy) -> bool:
    """Tell whether any rule reads ``input.budgets``: the balances that a call counts in."""
    return _mentions(policy, "budgets")


def _mentions(policy: Policy, member: str) -> bool:
    reads = re.compile(_READS.format(member))
    return any(reads.search(_COMMENT.sub("", text)) for text in policy.modules.values())


def _check_shells(data: Mapping[str, Any], folders: Sequence[Path]) -> None:
    """Refuse a policy whose rules would wait in vain for the commands of a shell."""
    try:
        command_reader(data)
    except ShellError as error:
        place = place_of(folders, ("tools", "shell"))
        raise PolicyError(f"{place}: {error}" if place else str(error)) from None


def _refuse_main(part: Part) -> None:
    for path, package in part.packages.items():
        if package.split(".")[0] == "helm" and not package.startswith("helm.rules."):
            line = next(
                number
                for number, said in enumerate(part.modules[path].split("\n"), 1)
                if said.strip().startswith("package")
            )
            raise PolicyError(
                f"{path}:{line}: package {package} belongs to the default policy: write rules in "
                "package helm.rules.<topic>, or define data.helm.decision to replace it whole"
            )


def _state(named: Mapping[str, str], data: Mapping[str, Any], detectors: bytes) -> str:
    """Write what the digest is of: the hash of each module by its name, data and detectors."""
    modules = sorted(
        (name, hashlib.sha256(text.encode()).hexdigest()) for name, text in named.items()
    )
    whole = {"modules": modules, "data": data, "detectors": detectors.decode()}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
