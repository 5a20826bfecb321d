"""The policy that the boundary is shipped with: its detectors and rules, asked about texts."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

from helm_boundary.calls.call import Text
from helm_boundary.policy.decision import Decision, parse_decision
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.engines.evaluator import Evaluator
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.sources.policy import read_policy

POLICY = read_policy([])
DETECTORS = compile_detectors(POLICY.detectors_text)


@functools.cache
def evaluator() -> Evaluator:
    """Compile it, once for all who ask."""
    return Evaluator(POLICY.modules, json.dumps(POLICY.data))


def judge_texts(texts: Sequence[Text]) -> Decision:
    """Return its decision on a chat's request that has these texts."""
    findings = [
        {
            "detector": f.detector,
            "pointer": f.pointer,
            "start": f.start,
            "end": f.end,
            "role": f.role,
        }
        for f in DETECTORS.scan(texts)
    ]
    told = [{"pointer": each.pointer, "role": each.role, "text": each.text} for each in texts]
    document = {**SAMPLES["a chat request"], "texts": told, "findings": findings}
    answer = evaluator().judge(json.dumps(document, ensure_ascii=False).encode())
    return parse_decision(json.loads(answer))
