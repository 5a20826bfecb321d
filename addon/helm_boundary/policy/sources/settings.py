"""Settings of the default policy: a misspelt one must not silently do nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import jsonschema

from helm_boundary.policy.errors import PolicyError

from .default_folder import default_policy_folder

SCHEMA = "settings/data.schema.json"
# A rule says its id in its reason; one that makes its id up says it in its METADATA.
STATED = re.compile(r'"rule":\s*"([^"]+)"|^#\s+id:\s*\[?([^\]\n]+)', re.MULTILINE)


def check_settings(data: Mapping[str, Any], modules: Iterable[str]) -> None:
    """Refuse a setting that the default policy's topics don't have: PolicyError."""
    schema = json.loads((default_policy_folder() / SCHEMA).read_bytes())
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(data)
    )
    if error is not None:
        path = ".".join(("data", *map(str, error.absolute_path)))
        raise PolicyError(f"{path}: {_shortly(error)} (see {SCHEMA} of the default policy)")
    _check_rules(data, set(_rule_ids(modules)))


def _shortly(error: jsonschema.ValidationError) -> str:
    if error.validator == "enum":
        choices: Any = error.validator_value
        return f"expected one of {', '.join(map(json.dumps, choices))}"
    return str(error.message)[:200]


def _rule_ids(modules: Iterable[str]) -> Iterable[str]:
    for text in modules:
        for match in STATED.finditer(text):
            yield from (name.strip() for name in (match[1] or match[2]).split(","))


def _check_rules(data: Mapping[str, Any], known: set[str]) -> None:
    settings = {"data.rules": data.get("rules", {})}
    for kind in ("principals", "groups"):
        for name, one in data.get(kind, {}).items():
            settings[f"data.{kind}.{name}.rules"] = one.get("rules", {})
    for place, rules in settings.items():
        for rule in rules:
            if rule not in known:
                near = get_close_matches(rule, known, 1)
                hint = f": did you mean {near[0]}?" if near else ""
                raise PolicyError(f"{place}.{rule}: no rule has that id{hint}")
