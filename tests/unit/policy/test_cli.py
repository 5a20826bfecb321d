"""The commands of a policy author: each command's output and its exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.policy import policy
from helm_boundary.policy.authoring.bench import sample
from helm_boundary.policy.engines.worker_process import worker_environment
from support.verifiers import opa

SOUND = """# METADATA
# title: No cats
# custom:
#   id: cats.none
#   code: POLICY_VIOLATION
#   finality: instance_parameter
#   severity: low
deny contains {
	"rule": "cats.none",
	"code": "POLICY_VIOLATION",
	"message": "No cats.",
	"finality": "instance_parameter",
} if input.model == "cat"
"""


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(policy, [str(argument) for argument in arguments], input=stdin)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.output.splitlines()]


def write(folder: Path, rule: str, test: str | None = None) -> Path:
    (folder / "cats").mkdir(parents=True, exist_ok=True)
    (folder / "cats" / "cats.rego").write_text(f"package helm.rules.cats\n\n{rule}")
    if test is not None:
        text = f"package cats_test\n\nimport data.helm.rules.cats\n\n{test}\n"
        (folder / "cats" / "cats_test.rego").write_text(text)
    return folder


def test_the_shipped_policy_is_sound() -> None:
    """Not one warning."""
    result = run("check", "--strict", "--json")
    assert [line for line in lines(result) if line["level"] != "note"] == []
    assert result.exit_code == 0, result.output


def test_check_notes_a_rule_that_makes_each_call_pay(tmp_path: Path) -> None:
    """It is right, and costs more than one that names what it looks into."""
    costly = SOUND.replace("if input.model", "if json.marshal(input)")
    result = run("check", write(tmp_path, costly))
    assert "note: " in result.output
    assert "cats.rego: takes the whole of input" in result.output
    assert result.exit_code == 0
    assert "takes the whole" not in run("check", write(tmp_path, SOUND)).output


def test_check_is_sound_without_opa(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says in a line what is missing, and only who requires it is refused."""
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("check")
    assert result.exit_code == 0
    assert "note: no `opa` on PATH, so there is no second opinion" in result.output
    refused = run("check", "--require-opa")
    assert refused.exit_code == 2
    assert "name it with --opa FILE" in refused.output


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("echo Version: 0.61.0", "is OPA 0.61.0, expected 1.0 or later"),
        ("echo hello", "expected OPA"),
        ("exit 1", "expected OPA"),
    ],
)
def test_an_opa_that_is_none_is_refused(tmp_path: Path, program: str, says: str) -> None:
    """Instead of a second opinion that nobody gave."""
    other = tmp_path / "opa"
    other.write_text(f"#!/bin/sh\n{program}\n")
    result = run("check", "--opa", other)
    assert "can't be run as OPA" in result.output
    assert result.exit_code == 2
    other.chmod(0o700)
    assert says in run("check", "--opa", other).output


def test_check_says_what_opa_says(tmp_path: Path) -> None:
    """By the policy's own files; what no policy may call is refused there as well."""
    unused = SOUND.replace("if input", "if { some x in [1]; x == x; y := 1; input").rstrip() + " }"
    result = run("check", "--opa", opa(), write(tmp_path, unused))
    assert re.search(r"cats\.rego:15: assigned var y unused \(opa check --strict\)", result.output)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (SOUND.replace("if input", "if {{ input"), "cats.rego:"),
        (SOUND.replace("input.model", "input.modle"), "input.modle is never in the input"),
        (SOUND.replace("POLICY_VIOLATION", "NO_CATS"), "'NO_CATS' is not in HELM's registry"),
        (SOUND.replace("# METADATA", "#"), "cats.rego:10: deny has no METADATA"),
        (SOUND.replace("severity: low", "severity: mild"), "custom.severity must be one of"),
        (
            SOUND.replace("#   finality: instance_parameter\n", ""),
            "METADATA has no custom.finality",
        ),
        (SOUND.replace("id: cats.none", "id: cats.some"), "its METADATA says 'cats.some'"),
        (SOUND.replace("# title: No cats", "# title: [no"), "METADATA is"),
        ("import data.models\n\n" + SOUND, "data.models is imported and not used"),
        (SOUND, "has no tests: write cats_test.rego beside it"),
        ('deny contains "no cats" if input.model == "cat"', "cats.rego:3: deny lacks an object"),
        (SOUND.replace('\t"finality": "instance_parameter",\n', ""), "10: deny lacks finality"),
        (
            SOUND + "\nfew if not input.parameters.n > 3\n",
            "cats.rego:17: input.parameters.n may be",
        ),
    ],
)
def test_check_names_file_line_and_remedy(tmp_path: Path, rule: str, says: str) -> None:
    """Errors end with 1, and with --strict warnings do too."""
    result = run("check", "--strict", write(tmp_path, rule))
    assert says in result.output
    assert result.exit_code == 1, result.output


def test_check_warns_without_strict(tmp_path: Path) -> None:
    """A rule without tests is worth a word, not a refusal."""
    result = run("check", write(tmp_path, SOUND))
    assert "warning:" in result.output
    assert result.exit_code == 0


BORROWED = """test_long if {
	count(cats.deny) == 0 with input as {"model": limits.of(2)}
}"""
LIMITS = """package limits

of(n) := n * unit

unit := 10
"""


def borrowing(folder: Path, test: str) -> Path:
    """Return a rule that needs what its test's document is computed from."""
    rule = SOUND.replace('input.model == "cat"', "input.model > data.limits.of(1)")
    (folder / "limits.rego").write_text(LIMITS)
    return write(folder, rule, f"import data.limits\n\n{test}")


@pytest.mark.parametrize(("command", "code"), [("test", 2), ("check", 1)])
def test_a_test_whose_with_value_spoils_its_statement_is_refused(
    tmp_path: Path, command: str, code: int
) -> None:
    """It would pass here and fail in OPA: named by file and line, with what to write instead."""
    result = run(command, borrowing(tmp_path, BORROWED))
    assert "cats_test.rego:8: this with computes its value from data.limits.unit" in result.output
    assert "write x := … before the statement" in result.output
    assert result.exit_code == code


def test_a_test_that_computes_its_with_value_first_runs(tmp_path: Path) -> None:
    """What the message says to do works, and the test fails as it should."""
    before = BORROWED.replace("\tcount", "\tx := limits.of(2)\n\tcount").replace(
        "limits.of(2)}", "x}"
    )
    result = run("test", borrowing(tmp_path, before))
    assert "0 passed, 1 failed" in result.output
    assert run("check", tmp_path).exit_code == 0


def test_a_helper_in_with_is_accepted(tmp_path: Path) -> None:
    """Most tests make their document with one."""
    test = 'test_no if count(cats.deny) == 1 with input as made("cat")\n\nmade(x) := {"model": x}'
    assert run("test", write(tmp_path, SOUND, test)).exit_code == 0


def test_check_reads_the_tests_too(tmp_path: Path) -> None:
    """One that the engine can't read is an error, not a warning less."""
    result = run("check", write(tmp_path, SOUND, "test_a if {"))
    assert "cats_test.rego:" in result.output
    assert result.exit_code == 1


def test_check_refuses_a_test_package_inside_a_topic(tmp_path: Path) -> None:
    """A test package below helm.rules would be evaluated as a topic."""
    folder = write(tmp_path, SOUND, "test_a if true")
    test = folder / "cats" / "cats_test.rego"
    test.write_text(test.read_text().replace("package cats_test", "package helm.rules.cats_test"))
    assert "call it cats_test, outside of helm" in run("check", folder).output


def test_check_finds_everything_at_once(tmp_path: Path) -> None:
    """All problems, so that they can be mended in one go."""
    rule = 'deny contains {"a": nosuch(1)} if input.modle\n\ndeny contains 1 if data.nosuch\n'
    found = lines(run("check", "--json", write(tmp_path, rule)))
    assert sum(line["level"] == "error" for line in found) >= 3


def test_check_names_an_unusable_detector(tmp_path: Path) -> None:
    """A detector that RE2 can't run is an error with its name."""
    (tmp_path / "detectors.yaml").write_text("detectors: [{name: secret.mine, pattern: '(?=a)'}]")
    result = run("check", tmp_path)
    assert "detector secret.mine" in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("tool: {allow: [Bash]}", "data.yaml:1: data.tool is read by no rule: did you mean tools?"),
        ("\nallow: [Bash]", "data.yaml:2: data.allow is read by no rule"),
        ("models: {allow: [o3]}", ""),
        ("own: 1", ""),
    ],
)
def test_check_names_data_that_nobody_reads(tmp_path: Path, data: str, says: str) -> None:
    """A setting that is misspelt at the top would silently do nothing."""
    folder = write(tmp_path, SOUND.replace('"cat"', "data.own"), "test_a if true")
    (folder / "data.yaml").write_text(data + ("" if "own" in data else "\nown: 1"))
    output = run("check", folder).output
    assert says in output
    assert bool(says) == ("is read by no rule" in output)


def test_check_names_a_slow_detector(tmp_path: Path) -> None:
    """One that makes RE2 work hard is named, with what to do."""
    (tmp_path / "detectors.yaml").write_text(
        "detectors: [{name: secret.slow, pattern: '[a-z].{0,100}z!'}]"
    )
    result = run("check", tmp_path)
    assert "warning: detector secret.slow takes" in result.output
    assert result.output.count("takes") == 1


def test_check_refuses_an_empty_or_missing_folder(tmp_path: Path) -> None:
    """An empty folder is not a policy; a missing one is a mistake of usage."""
    assert run("check", tmp_path).exit_code == 1
    assert run("check", tmp_path / "nosuch").exit_code == 2


def test_test_prints_a_summary_and_coverage(tmp_path: Path) -> None:
    """The summary, and a line-by-line coverage."""
    passing = 'test_no_cats if cats.deny != set() with input as {"model": "cat"}'
    result = run("test", "--coverage", write(tmp_path, SOUND, passing))
    assert "1 passed, 0 failed" in result.output
    assert "100.0%" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ('test_x if { print("saw", cats.deny); false }', "x.rego:.*saw"),
        ("test_x := false", "is false"),
        ("test_x if lower(input.x) == lower(null)", "is undefined|lower"),
        ("test_x if nosuch(1)", "nosuch"),
        ("f(x) := f(x)\n\ntest_x if f(1)", "the engine ended with|recursion|did not end"),
    ],
)
def test_test_says_what_failed(tmp_path: Path, test: str, says: str) -> None:
    """With what print() printed; also when the engine died of it. The others still run."""
    both = f"test_a if true\n\n{test}\n\ntest_z if true"
    result = run("test", "--json", write(tmp_path, SOUND, both))
    results = [line for line in lines(result) if "name" in line]
    outcome = {line["name"].rsplit(".", 1)[1]: line["passed"] for line in results}
    assert outcome == {"test_a": True, "test_x": False, "test_z": True}
    assert result.exit_code == 1


def test_test_runs_again_after_a_change(tmp_path: Path) -> None:
    """A change runs the tests again."""
    folder = write(tmp_path, SOUND, "test_a if true")
    command = [sys.executable, "-c", "from helm_boundary.cli.policy import policy; policy()"]
    watching = subprocess.Popen(
        [*command, "test", "--watch", str(folder)],
        stdout=subprocess.PIPE,
        env=worker_environment()
        | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        | {"PATH": str(tmp_path)},  # no opa, whose word would stand behind the counts
        text=True,
    )
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "1 passed, 0 failed\n"
        write(folder, SOUND, "test_a if false")
        said = [watching.stdout.readline() for _ in range(3)]
        assert said[1:] == ["FAILED data.cats_test.test_a: is undefined\n", "0 passed, 1 failed\n"]
    finally:
        watching.kill()
        watching.wait()
        if watching.stdout:
            watching.stdout.close()


def test_test_shows_prints_of_a_failure(tmp_path: Path) -> None:
    """What a rule printed is there to see why it failed."""
    failing = 'test_x if { print("saw", cats.deny); false }'
    result = run("test", write(tmp_path, SOUND, failing))
    assert "FAILED data.cats_test.test_x: is undefined" in result.output
    assert "cats_test.rego:5: saw" in result.output


CASES = """test_cats[note] if {
	some note, case in {
		"a cat": {"model": "cat", "count": 1},
		"a dog": {"model": "dog", "count": %d},
	}
	count(cats.deny) == case.count with input as {"model": case.model}
}

test_pairs[kind][name] if {
	some kind in ["x", "y"]
	some name in ["a", "b"]
	kind != name
}

todo_test_later if false"""


def test_each_case_of_a_test_must_hold(tmp_path: Path) -> None:
    """As in OPA; what is still to be written is skipped."""
    assert "2 passed, 0 failed, 1 skipped" in run("test", write(tmp_path, SOUND, CASES % 0)).output
    failing = run("test", write(tmp_path, SOUND, CASES % 1))
    assert "FAILED data.cats_test.test_cats: fails for a dog" in failing.output
    assert "1 passed, 1 failed, 1 skipped" in failing.output
    assert failing.exit_code == 1


def test_a_test_without_a_case_is_no_pass(tmp_path: Path) -> None:
    """Nothing was shown."""
    empty = "test_cats[note] if {\n\tsome note, case in input.nothing\n\tcats.deny == case\n}"
    result = run("test", write(tmp_path, SOUND, empty))
    assert "test_cats: has no cases" in result.output
    assert result.exit_code == 1
    later = run("test", write(tmp_path, SOUND, "todo_test_later if true"))
    assert "0 passed, 0 failed, 1 skipped" in later.output
    assert later.exit_code == 1


def test_both_engines_agree_on_cases(tmp_path: Path) -> None:
    """Those that hold and those that don't."""
    for count in (0, 1):
        result = run("test", "--opa", opa(), write(tmp_path, SOUND, CASES % count))
        assert "DIFFERS" not in result.output
        assert "1 skipped (run in OPA" in result.output


def test_no_tests_is_not_a_pass(tmp_path: Path) -> None:
    """A folder without tests hasn't shown anything."""
    assert run("test", write(tmp_path, SOUND)).exit_code == 1


def test_eval_prints_the_rules_that_spoke(tmp_path: Path) -> None:
    """ALLOW is 0, DENY is 1, no decision is 2."""
    document = sample("a chat request", 100)
    assert run("eval", "--input", "-", stdin=document).output == "ALLOW\n"
    denied = run("eval", "--input", "-", stdin=document.replace(b"gpt-4.1-mini", b"cat"))
    assert denied.exit_code == 1
    assert "DENY\n  models.unlisted POLICY_VIOLATION (instance_parameter)" in denied.output
    own = write(tmp_path, SOUND)
    cat = document.replace(b"gpt-4.1-mini", b"cat")
    both = run("eval", "--json", "--policy", own, "--input", "-", stdin=cat)
    assert {reason["rule"] for reason in lines(both)[0]["reasons"]} == {
        "cats.none",
        "models.unlisted",
    }
    assert run("eval", "--input", "-", stdin=b"{").exit_code == 2
    assert run("eval").exit_code == 2


def test_new_makes_a_topic_that_passes(tmp_path: Path) -> None:
    """What is written is sound, tested and loadable as it stands; nothing is overwritten."""
    folder = tmp_path / "policy"
    result = run("new", "ships", "--folder", folder, "--json")
    assert result.exit_code == 0
    assert len(lines(result)[0]["files"]) == 4
    first = (folder / "data.yaml").read_text().splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=file://")
    assert json.loads(Path(schema).read_bytes())["title"] == "Settings of the default policy"
    assert run("check", "--strict", folder).exit_code == 0
    assert run("test", folder).exit_code == 0
    assert run("new", "ships", "--folder", folder).exit_code == 2
    (folder / "data.yaml").write_text("models: {allow: [o3]}")
    assert len(lines(run("new", "boats", "--folder", folder, "--json"))[0]["files"]) == 3
    assert (folder / "data.yaml").read_text() == "models: {allow: [o3]}"
    assert run("new", "Ships!", "--folder", folder).exit_code == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("models", "the default policy has a topic models"),
        ("secrets", "the default policy has a topic secrets"),
        ("budgets", "data.budgets has settings of the default policy"),
        ("rules", "data.rules has settings of the default policy"),
        ("detectors", "data.detectors is what detectors.yaml says"),
        ("placeholders", "data.placeholders is what detectors.yaml says"),
        ("helm", "data.helm is the default policy's own"),
        ("default", "is a word of Rego's own"),
        ("input", "is a word of Rego's own"),
        ("ships_test", "ships_test.rego would be read as a test"),
        ("Ships", "lower case letters"),
    ],
)
def test_new_refuses_a_name_that_is_taken(tmp_path: Path, name: str, why: str) -> None:
    """At once and with the reason, before anything is written."""
    result = run("new", name, "--folder", tmp_path / "policy")
    assert result.exit_code == 2
    assert why in result.output
    assert not (tmp_path / "policy").exists()


def test_bench_says_what_each_figure_was_measured_on() -> None:
    """And how often; what is rare is no slower at p50 than at p99."""
    costs = lines(run("bench", "--json", "--runs", 10, "--top", 999))
    assert all(cost["p50"] <= cost["p99"] for cost in costs)
    assert all(cost["on"] and cost["runs"] >= 10 for cost in costs if cost["kind"] != "base")
    said = run("bench", "--runs", 10, "--top", 999).output
    assert re.search(r"detector +secret\.\w+ .* µs   20 KB of code and keys, 10 times", said)
    assert re.search(r"rule +\w+\.deny .* µs   a chat request, 1 KB, 10 times", said)


def test_bench_names_what_costs_most(tmp_path: Path) -> None:
    """The whole policy and all detectors, then topics, rules and detectors, the dearest first."""
    costs = lines(run("bench", "--json", "--runs", 10, "--top", 5))
    assert [cost["kind"] for cost in costs[:7]] == ["policy"] * 4 + ["detectors"] * 3
    assert len(costs) == 12
    assert costs[7]["p50"] >= costs[11]["p50"] >= 0
    assert costs[0]["p50"] > 0


def test_bench_names_the_dearest_rule_and_detector(tmp_path: Path) -> None:
    """A detector that counts in every word, and a rule that counts to ten thousand."""
    (tmp_path / "detectors.yaml").write_text(
        "detectors:\n  - {name: secret.slow, pattern: '[a-z ]+[0-9]+'}\n"
    )
    (tmp_path / "slow.rego").write_text(
        "package helm.rules.slow\n\ndeny contains {} if {\n"
        '\tinput.phase == "request"\n\tcount(numbers.range(1, 9000)) == 1\n}\n'
    )
    said = run("bench", tmp_path, "--runs", 10).output
    assert "dearest rule: slow.deny (" in said
    assert "dearest detector: secret.slow (" in said
