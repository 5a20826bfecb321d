"""Names that a new topic may have: not those of the language, nor of what is there already."""

from __future__ import annotations

import json
import re

from helm_boundary.policy.detectors.detector_file import MEMBERS
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.folder import read_part
from helm_boundary.policy.sources.settings import SCHEMA

NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
KEYWORDS = frozenset(
    {
        "as", "contains", "data", "default", "else", "every", "false", "if", "import", "in",
        "input", "not", "null", "package", "rego", "some", "true", "with",
    }
)  # fmt: skip
TOPICS = "helm.rules."


def refuse_name(name: str) -> None:
    """Raise PolicyError for a name that no new topic may have, with the reason."""
    why = _fault(name)
    if why is not None:
        raise PolicyError(f"{name!r}: {why}: choose another name")


def _fault(name: str) -> str | None:
    if not NAME.fullmatch(name):
        return "a topic's name is lower case letters, digits and _"
    if name in KEYWORDS:
        return "is a word of Rego's own"
    if name == "helm":
        return "data.helm is the default policy's own"
    if name.endswith("_test"):
        return f"{name}.rego would be read as a test"
    if f"{TOPICS}{name}" in read_part(default_policy_folder()).packages.values():
        return f"the default policy has a topic {name}, which yours would be merged into"
    if name in MEMBERS:
        return f"data.{name} is what detectors.yaml says"
    settings = json.loads((default_policy_folder() / SCHEMA).read_bytes())["properties"]
    if name in settings:
        return f"data.{name} has settings of the default policy, where the topic's own would be"
    return None
