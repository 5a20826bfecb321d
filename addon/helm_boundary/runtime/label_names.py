"""The names that metrics may have as labels: those that a policy itself writes, and no others.

A client chooses its models, and a rule may build its id out of what a client sent. So a label is a
name that stands in the policy, or `other`: a flood of made-up names makes no new series.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from helm_boundary.evaluation.judge import BOUNDARY_RULE
from helm_boundary.policy.sources.policy import Policy

_ID = re.compile(r'"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"')
_METADATA_ID = re.compile(r"^#\s+(?:id:\s*|-\s+)(\S.*)$", re.MULTILINE)
_CODE = re.compile(r'"([A-Z][A-Z0-9_]{2,})"|^#\s+code:\s*([A-Z][A-Z0-9_]{2,})\s*$', re.MULTILINE)
_NAME = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)+")
MOST = 2_000


def label_names(policy: Policy) -> dict[str, list[str]]:
    """Return the rules, codes, models and beginnings of models' names that a policy writes."""
    return _names(policy.digest, _Held(policy))


class _Held:
    """A policy that counts as equal to any other, beside its digest."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)


@lru_cache(maxsize=4)
def _names(_: str, held: _Held) -> dict[str, list[str]]:
    text = "\n".join(held.policy.modules.values())
    rules = {BOUNDARY_RULE, *_ID.findall(text)}
    for listed in _METADATA_ID.findall(text):
        rules |= set(_NAME.findall(listed))
    codes = {one or other for one, other in _CODE.findall(text)}
    models = held.policy.data.get("models")
    models = models if isinstance(models, dict) else {}
    return {
        "rules": sorted(rules)[:MOST],
        "codes": sorted(codes)[:MOST],
        "models": _texts(models.get("allow")),
        "prefixes": _texts(models.get("allow_prefixes")),
    }


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, list) else []
    return [text for text in found if isinstance(text, str) and len(text) < 200][:MOST]
