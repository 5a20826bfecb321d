"""Settings of the default policy: a misspelt one must not silently do nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import jsonschema

from helm_boundary.policy.errors import PolicyError

from .data_patterns import check_patterns
from .data_place import Keys, named, place_of
from .default_folder import default_policy_folder
from .top_names import check_top_names

SCHEMA = "settings/data.schema.json"
DETECTORS = "detectors"
"""What else may be at the top of data: the detectors, which are taken out before."""
# A rule says its id in its reason; one that makes its id up says it in its METADATA.
STATED = re.compile(r'"rule":\s*"([^"]+)"|^#\s+id:\s*\[?([^\]\n]+)', re.MULTILINE)
_STATED_PLACE = re.compile(r"data\.([^:\s]+)")

KINDS = {
    "array": "a list",
    "object": "an object",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def check_settings(
    data: Mapping[str, Any], modules: Iterable[str], folders: Sequence[Path] = ()
) -> None:
    """Refuse a setting that the default policy's topics don't have: PolicyError.

    ``folders`` are those that the data came from, in which its line is looked for.
    """
    schema = json.loads((default_policy_folder() / SCHEMA).read_bytes())
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(data)
    )
    if error is not None:
        path, said = _said(error)
        raise PolicyError(f"{named(path, folders)}: {said} (see {SCHEMA} of the default policy)")
    texts = list(modules)
    check_top_names(data, {*schema["properties"], DETECTORS}, texts, folders)
    check_patterns(data, folders)
    _check_rules(data, set(_rule_ids(texts)), folders)


def check_budgets(data: Mapping[str, Any], folders: Sequence[Path] = ()) -> None:
    """Refuse budgets, limits and prices that can't be kept: PolicyError.

    The boundary keeps them itself, also where the default policy was replaced. ``folders`` are
    those that the data came from.
    """
    if not (data.get("budgets") or data.get("limits") or data.get("prices")):
        return  # and nothing of them is imported
    from helm_boundary.budgets.definition_data import read_definitions
    from helm_boundary.budgets.prices import read_prices

    try:
        read_definitions(data)
        read_prices(data, tables=False)
    except PolicyError as error:
        path = _STATED_PLACE.match(str(error))
        place = place_of(folders, path[1].split(".")) if path else None
        raise PolicyError(f"{place}: {error}" if place else str(error)) from None


def _said(error: jsonschema.ValidationError) -> tuple[Keys, str]:
    """Return where a setting is wrong, and how."""
    path: list[str | int] = list(error.absolute_path)
    wanted: Any = error.validator_value
    if error.validator == "enum":
        return path, f"expected one of {', '.join(map(json.dumps, wanted))}"
    if error.validator == "type":
        kinds = " or ".join(
            KINDS[kind] for kind in ([wanted] if isinstance(wanted, str) else wanted)
        )
        return path, f"expected {kinds}, found {_kind(error.instance)}"
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "additionalProperties" and isinstance(instance, Mapping):
        known = schema.get("properties", {})
        name = next(name for name in instance if name not in known)
        near = get_close_matches(str(name), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return [*path, name], f"is no setting: {hint}"
    return path, str(error.message)[:200]


def _kind(value: Any) -> str:
    kinds: Sequence[tuple[type, str]] = (
        (bool, "boolean"),
        (str, "string"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (dict, "object"),
    )
    return KINDS[next((name for kind, name in kinds if isinstance(value, kind)), "null")]


def _rule_ids(modules: Iterable[str]) -> Iterable[str]:
    for text in modules:
        for match in STATED.finditer(text):
            yield from (name.strip() for name in (match[1] or match[2]).split(","))


def _check_rules(data: Mapping[str, Any], known: set[str], folders: Sequence[Path]) -> None:
    settings: dict[tuple[str, ...], Any] = {("rules",): data.get("rules", {})}
    for kind in ("principals", "groups"):
        for name, one in data.get(kind, {}).items():
            settings[kind, name, "rules"] = one.get("rules", {})
    for place, rules in settings.items():
        for rule in rules:
            if rule not in known:
                near = get_close_matches(rule, known, 1)
                hint = f": did you mean {near[0]}?" if near else ""
                raise PolicyError(f"{named([*place, rule], folders)}: no rule has that id{hint}")
