"""Documents to evaluate with: what the boundary makes of a call, in every dialect that has one."""

from __future__ import annotations

import json

import jsonschema
import pytest
from click.testing import CliRunner

from helm_boundary.cli.policy import policy
from helm_boundary.cli.policy_example import DIALECTS
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.replay.examples import EXAMPLES

SCHEMA = json.loads((default_policy_folder() / "input.schema.json").read_bytes())


@pytest.mark.parametrize("phase", ["request", "response"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_example_is_a_document_of_its_dialect(dialect: str, phase: str) -> None:
    """It fits the schema, says what was asked, and a policy has a decision on it."""
    printed = CliRunner().invoke(policy, ["example", "--phase", phase, "--dialect", dialect])
    document = json.loads(printed.output)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["phase"] == phase
    assert document["operation"]["dialect"] == dialect
    assert any("Oslo" in text["text"] for text in document["texts"])
    if dialect != "completions":
        assert [tool["name"] for tool in document["tools"]] == ["get_weather"]
        if phase == "response":
            [call] = document["response"]["tool_calls"]
            assert (call["name"], call["arguments"]) == ("get_weather", {"city": "Oslo"})
    judged = CliRunner().invoke(policy, ["eval", "--input", "-"], input=printed.output)
    assert judged.exit_code in (0, 1), judged.output


def test_every_example_can_be_asked_for() -> None:
    """The command's choices are the examples."""
    assert set(DIALECTS) == set(EXAMPLES)
