"""Mistakes that people make in their first policy: each is named, with file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from helm_boundary.policy.authoring.check import check_policy

REASON = '{"rule": "x.a", "code": "POLICY_VIOLATION", "message": "m", "finality": "ungranted"}'

MISTAKES = {
    "a misspelt setting": (
        "data.yaml", "tools:\n  alow: [Bash]\n",
        "data.yaml:2: data.tools.alow: is no setting: did you mean allow?",
    ),
    "a misspelt name at the top": (
        "data.yaml", "tool:\n  allow: [Bash]\n",
        "data.yaml:1: data.tool is read by no rule: did you mean tools?",
    ),
    "a constraint with other names": (
        "data.yaml", "tools:\n  arguments:\n    Bash: [{arg: command}]\n",
        "data.yaml:3: data.tools.arguments.Bash.0.arg: is no setting: there are argument",
    ),
    "a tab": (
        "data.yaml", "tools:\n\tallow: [Bash]\n",
        "data.yaml:2: not the YAML we take: the line begins with a tab: indent it with spaces",
    ),
    "a rule that there isn't": (
        "data.yaml", "rules:\n  tools.unlistd: observe\n",
        "data.yaml:2: data.rules.tools.unlistd: no rule has that id: did you mean tools.unlisted?",
    ),
    "a pattern that RE2 doesn't have": (
        "detectors.yaml", "detectors:\n  - name: personal.x\n    pattern: '(?<=a)b'\n",
        "detectors.yaml:2: detector personal.x: pattern is not one that RE2 can run",
    ),
    "a package next to the topics": (
        "x/x.rego", f"package helm.rule.x\ndeny contains {REASON} if input.phase == \"request\"\n",
        "x.rego:1: package helm.rule.x belongs to the default policy: write rules in package",
    ),
    "a detector that there isn't": (
        "x/x.rego",
        f"package helm.rules.x\ndeny contains {REASON} if {{\n\tsome f in input.findings\n"
        '\tf.detector == "personal.emial"\n}\n',
        "x.rego:4: no detector is called personal.emial, so this never holds: did you mean "
        "personal.email?",
    ),
    "a pattern in a rule": (
        "x/x.rego",
        f'package helm.rules.x\ndeny contains {REASON} if regex.match("(", input.model)\n',
        "x.rego:2: the pattern is not one that RE2 can run, so nothing is decided: missing )",
    ),
    "both phases at once": (
        "x/x.rego",
        f'package helm.rules.x\ndeny contains {REASON} if {{\n\tinput.phase == "response"\n'
        '\tinput.phase == "request"\n}\n',
        "x.rego:4: input.phase is one of request and response, and this rule wants both",
    ),
    "a member that there isn't": (
        "x/x.rego",
        f'package helm.rules.x\ndeny contains {REASON} if input.request.modle == "a"\n',
        "x.rego:2: input.request.modle is never in the input document: see input.schema.json",
    ),
    "a reason without a code": (
        "x/x.rego",
        'package helm.rules.x\ndeny contains {"rule": "x.a", "message": "m"} if input.n == 1\n',
        "x.rego:2: deny lacks code, finality",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str, tmp_path: Path) -> None:
    """By its file and its line, with what to do about it."""
    name, text, said = MISTAKES[mistake]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    found = [each.message for each in check_policy([tmp_path]).found]
    assert any(said in each for each in found), found


def test_what_is_right_is_not_named(tmp_path: Path) -> None:
    """Rules for each phase in one topic, patterns that RE2 has, detectors that there are."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "x.rego").write_text(
        f'package helm.rules.x\n\ndeny contains {REASON} if {{\n\tinput.phase == "request"\n'
        "\tis_string(input.model)\n\tregex.match(`\\ba+$`, input.model)\n}\n\n"
        f'deny contains {REASON} if {{\n\tinput.phase == "response"\n'
        '\tsome f in input.findings\n\tf.detector == "personal.email"\n}\n'
    )
    assert {each.level for each in check_policy([tmp_path]).found} <= {"warning"}
    found = " ".join(each.message for each in check_policy([tmp_path]).found)
    assert "never" not in found
    assert "RE2" not in found
