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
    "a misspelt budget": (
        "data.yaml", "budget:\n  daily: {limit: {calls: 1}}\n",
        "data.yaml:1: data.budget is read by no rule: did you mean budgets?",
    ),
    "a folder of a misspelt name": (
        "group/data.yaml", "a: {principals: [alice]}\n",
        "group: data.group is read by no rule: did you mean groups?",
    ),
    "a star within a model's name": (
        "data.yaml",
        'budgets:\n  daily:\n    match: {models: ["gpt-*-x"]}\n    limit: {calls: 1}\n',
        "data.yaml:3: data.budgets.daily.match.models: 'gpt-*-x' would match nothing",
    ),
    "a backspace for a word's boundary": (
        "data.yaml",
        'tools:\n  arguments:\n    Bash:\n      - argument: command\n        match: "\\bls\\b"\n',
        r"data.yaml:5: data.tools.arguments.Bash.0.match: the pattern '\x08ls\x08' has the control "
        r"character U+0008: YAML reads \b in double quotes as that: use single quotes",
    ),
    "a backspace in a constraint's schema": (
        "data.yaml",
        'tools:\n  arguments:\n    a: [{schema: {properties: {x: {pattern: "\\bls"}}}}]\n',
        "data.yaml:3: data.tools.arguments.a.0.schema.properties.x.pattern: the pattern",
    ),
    "a pattern of a constraint's schema that RE2 doesn't have": (
        "data.yaml",
        "tools:\n  arguments:\n    a: [{schema: {properties: {x: {pattern: '(rm'}}}}]\n",
        "data.yaml:3: data.tools.arguments.a.0.schema.properties.x.pattern: the pattern '(rm' is",
    ),
    "two misspelt names at the top": (
        "data.yaml", "budget: {}\ngroup: {}\n",
        "data.yaml:2: data.group is read by no rule: did you mean groups?",
    ),
    "a backspace in what is volatile": (
        "data.yaml", 'approvals:\n  volatile:\n    - {pointer: /a, pattern: "\\bls"}\n',
        "data.yaml:3: data.approvals.volatile.0.pattern: the pattern '\\x08ls' has the control",
    ),
    "a backspace in a detector": (
        "detectors.yaml", 'detectors:\n  - name: personal.x\n    pattern: "\\bab\\b"\n',
        "detectors.yaml:2: detector personal.x: pattern has the control character U+0008",
    ),
    "a backspace in what is no finding": (
        "detectors.yaml",
        'detectors:\n  - name: personal.x\n    pattern: ab\n    unless: "\\bab"\n',
        "detectors.yaml:2: detector personal.x: unless has the control character U+0008",
    ),
    "a pattern of a constraint that RE2 doesn't have": (
        "data.yaml",
        'tools:\n  arguments:\n    Bash:\n      - {argument: command, never: [ls, "(rm"]}\n',
        "data.yaml:4: data.tools.arguments.Bash.0.never.1: the pattern '(rm' is not one that RE2 "
        "can run: missing )",
    ),
    "a pattern of code that RE2 doesn't have": (
        "data.yaml", "commands: {code: ['(?=a)']}\n",
        "data.yaml:1: data.commands.code.0: the pattern '(?=a)' is not one that RE2 can run",
    ),
    "a finality of one's own": (
        "x/x.rego", 'package helm.rules.x\ndeny contains {"rule": "x.a", "code": "PDP_DENY", '
        '"message": "m", "finality": "ungrantd"} if input.model == "a"\n',
        "x.rego:2: a reason has the finality 'ungrantd', so it would be no decision, which denies: "
        "did you mean ungranted? There are class_forbidden, instance_context,",
    ),
    "a finality of METADATA's own": (
        "x/x.rego", "package helm.rules.x\n# METADATA\n# title: A\n# custom:\n#   finality: never\n"
        f'deny contains {REASON} if input.model == "a"\n',
        "x.rego:6: METADATA has the finality 'never', so it would be no decision, which denies: "
        "expected one of class_forbidden,",
    ),
    "a detector beside the topics": (
        "detectors.yaml", "detectors:\n  - name: secrets.acme\n    pattern: acme-[0-9]{9}\n",
        "detectors.yaml:2: detector secrets.acme: no rule reads what it finds: did you mean "
        "secret.? Rules read hidden., injection., personal., secret.; for other names write",
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


def test_an_unknown_name_at_the_top_is_a_warning(tmp_path: Path) -> None:
    """It may be read by what there will be; one that a rule reads is nobody's slip."""
    (tmp_path / "data.yaml").write_text("weather: {}\n")
    found = check_policy([tmp_path]).found
    assert [(each.level, "data.weather is read by no rule" in each.message) for each in found] == [
        ("warning", True)
    ]
    (tmp_path / "data.yaml").write_text("budget: 3\n")
    (tmp_path / "x").mkdir()
    rule = f"package helm.rules.x\n\ndeny contains {REASON} if count(input.tools) > data.budget\n"
    (tmp_path / "x" / "x.rego").write_text(rule)
    assert {each.level for each in check_policy([tmp_path]).found} == {"warning"}
    assert "data.budget" not in " ".join(each.message for each in check_policy([tmp_path]).found)


@pytest.mark.parametrize(
    "name", ["secret.acme", "personal.acme", "note.ticket", "acme", "team_blue.x"]
)
def test_a_detector_that_a_rule_reads_is_not_named(name: str, tmp_path: Path) -> None:
    """By its whole name, by how it begins, or by its first part."""
    (tmp_path / "detectors.yaml").write_text(
        f"detectors:\n  - name: {name}\n    pattern: acme-[0-9]{{9}}\n"
    )
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "x.rego").write_text(
        f"package helm.rules.x\n\ndeny contains {REASON} if {{\n\tsome f in input.findings\n"
        '\tis_one(f.detector)\n}\n\nis_one("note.ticket") if true\n\n'
        'is_one(x) if split(x, ".")[0] == "acme"\n\nis_one(x) if startswith(x, "team_")\n'
    )
    assert "no rule reads" not in " ".join(each.message for each in check_policy([tmp_path]).found)


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        ("models: {allow: [ours]}\n", 1),
        ("models: {allow: [ours], allow_prefixes: []}\n", 0),
        ("models: {allow_prefixes: [ours]}\n", 0),
        ("tools: {allow: [ours]}\n", 0),
    ],
)
def test_default_beginnings_of_models_beside_a_list_are_noted(
    data: str, notes: int, tmp_path: Path
) -> None:
    """Whoever lists models by name may think that no others are allowed."""
    (tmp_path / "data.yaml").write_text(data)
    said = [each.message for each in check_policy([tmp_path]).found if each.level == "note"]
    assert len(said) == notes
    assert not said or "data.yaml:1: data.models.allow is beside the default policy's" in said[0]
