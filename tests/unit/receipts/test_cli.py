"""`helm-boundary receipts`: what it prints and the code it ends with."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.receipts import receipts
from helm_receipts.envelope import signing_keys
from helm_receipts.envelope.statement import ClientFacts, ToolCall
from helm_receipts.journal.segments import list_segments
from support.receipts import journal_of, outcome, record_calls, recording, request


def run(*arguments: object) -> Result:
    """Run the command as a user would."""
    return CliRunner().invoke(receipts, [str(argument) for argument in arguments])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Make a state folder with an allowed call and a denied one."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        recorder.record_now(outcome("a"))
        recorder.record_now(request("b", "DENY"))
        recorder.record_now(outcome("b", "DENY", "denied"))
    return tmp_path


def test_list_shows_every_receipt_in_order(state: Path) -> None:
    """One row a receipt, the latest last."""
    rows = run("list", "--state", state).output.splitlines()
    assert [row.split()[2] for row in rows] == [
        "session", "request", "outcome", "request", "outcome", "session",
    ]  # fmt: skip


FILTERS = {
    ("--verdict", "DENY"): 2,
    ("--phase", "request"): 2,
    ("--operation", "createChatCompletion"): 4,
    ("--model", "gpt-4o"): 4,
    ("--model", "other"): 0,
    ("--reason", "ALLOWED"): 2,
    ("--principal", "cd" * 32): 2,
    ("--since", "2000-01-01"): 6,
    ("--until", "2000-01-01"): 0,
    ("--limit", "3"): 3,
    ("--verdict", "DENY", "--phase", "outcome"): 1,
    ("--verdict", "deny"): 2,
    ("--host", "API.openai.com"): 4,
    ("--host", "openai.com"): 0,
    ("--rule", "helm.rules.models"): 2,
    ("--rule", "helm.rules"): 2,
    ("--rule", "helm.rules.mod"): 0,
    ("--call", "b"): 2,
    ("--call", "c-b"): 2,
    ("--principal", "cdcdcdcd"): 2,
    ("--principal", "cd"): 0,
    ("--since", "7d"): 6,
    ("--since", "0s"): 0,
    ("--until", "1h"): 0,
    ("--tool", "send_email"): 0,
}


@pytest.mark.parametrize(("filters", "rows"), FILTERS.items(), ids=lambda x: str(x))
def test_list_filters_receipts_by_what_they_say(
    state: Path, filters: tuple[str, ...], rows: int
) -> None:
    """Every filter must match; the same ones work for `tail`."""
    assert len(run("list", "--state", state, "--json", *filters).stdout.splitlines()) == rows
    if "--limit" not in filters:
        assert len(run("tail", "--state", state, *filters).output.splitlines()) == rows


WRONG = [
    ("--verdict", "MAYBE"), ("--phase", "later"), ("--since", "soon"), ("--until", "2026-13-01"),
    ("--since", "1h", "--until", "2h"), ("--limit", "-1"), ("--group", "nobody"),
]  # fmt: skip


@pytest.mark.parametrize("filters", WRONG, ids=lambda x: " ".join(x))
def test_a_value_that_can_not_be_is_an_error(state: Path, filters: tuple[str, ...]) -> None:
    """Rather than a list of nothing, which would look like an answer."""
    result = run("list", "--state", state, *filters)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_value_that_no_receipt_has_is_told(state: Path) -> None:
    """With what receipts have instead, on standard error: it may be right and just not there."""
    for name, wrong, near in (
        ("--model", "gpt-4", "gpt-4o"), ("--rule", "helm.rules.model", "helm.rules.models"),
        ("--operation", "chat", "createChatCompletion"), ("--tool", "x", "no receipt has any"),
    ):  # fmt: skip
        result = run("list", "--state", state, name, wrong)
        assert (result.exit_code, result.stdout) == (0, "")
        assert near in result.stderr


def test_receipts_are_listed_in_words(tmp_path: Path) -> None:
    """Who did what, what became of it and why; what was only observed never looks enforced."""
    with recording(tmp_path) as recorder:
        named = replace(request("a", "DENY"), client=ClientFacts("alice", None))
        recorder.record_now(named)
        recorder.record_now(replace(outcome("a", "DENY", "denied")))
        recorder.record_now(replace(request("b", "DENY"), enforcement="observed"))
        tool = replace(request("b", "DENY"), phase="tool_call", enforcement="observed")
        recorder.record_now(replace(tool, tool_calls=(ToolCall("send_email", b"{}", "DENY"),)))
        recorder.record_now(replace(outcome("b", "DENY"), enforcement="observed"))
    said = run("list", "--state", tmp_path).stdout
    call = "createChatCompletion to gpt-4o at api.openai.com"
    for words in (
        "the boundary started",
        f"alice: {call}: denied because of helm.rules.models (ALLOWED)",
        f"{call} was stopped, status 200",
        f"API key cdcdcdcd…: {call}: let through, would have been denied because of",
        f"{call}, tool calls send_email: let through, would have been denied",
        f"{call} let through, would have been denied, status 200",
        "the boundary stopped",
    ):
        assert words in said, said
    observed = [row for row in said.splitlines() if "let through" in row]
    assert all("DENY (OBSERVED)" in row for row in observed)
    assert len(run("list", "--state", tmp_path, "--tool", "send_email").stdout.splitlines()) == 1


def test_a_tool_of_an_mcp_server_is_found_by_either_name(tmp_path: Path) -> None:
    """Its own, and the one that policy has for it; a request for it names the tool."""
    with recording(tmp_path) as recorder:
        call = ToolCall("create_issue", b"{}", "DENY", "github")
        recorder.record_now(replace(request("a", "DENY"), tool_calls=(call,)))
        recorder.record_now(outcome("a", "DENY", "denied"))
    for name in ("create_issue", "mcp.github.create_issue"):
        [row] = run("list", "--state", tmp_path, "--tool", name).stdout.splitlines()
        assert "tool calls create_issue: denied" in row
    assert not run("list", "--state", tmp_path, "--tool", "mcp.jira.create_issue").stdout


def test_a_group_is_the_one_that_the_policy_had(state: Path) -> None:
    """Its members are those of the policy that decided, as it was kept."""
    for digest, members in (("ab" * 32, ["cd" * 32]), ("cc" * 32, ["alice"])):
        stated = json.dumps({"data": {"groups": {"research": {"principals": members}}}})
        (state / "policies").mkdir(exist_ok=True)
        kept = json.dumps({"modules": {}, "statement": stated})
        (state / f"policies/{digest}.json").write_text(kept)
    found = run("list", "--state", state, "--group", "research").stdout.splitlines()
    assert len(found) == 2
    unknown = run("list", "--state", state, "--group", "sales")
    assert unknown.exit_code == 2
    assert "research" in unknown.stderr


def test_what_programs_read_has_these_members(state: Path) -> None:
    """`--json` is documented, so it stays: members may be added to it, none goes."""
    rows = [
        json.loads(line) for line in run("list", "--state", state, "--json").stdout.splitlines()
    ]
    always = {
        "id", "boundary", "decidedAt", "enforcement", "phase", "reasons", "sequence",
        "subjectHash", "verdict",
    }  # fmt: skip
    assert all(always <= set(row) for row in rows)
    assert {"flow", "client", "coverage", "policy"} <= set(rows[1])
    assert {"outcome"} <= set(rows[2])
    shown = json.loads(run("show", "--state", state, rows[1]["id"], "--json").stdout)
    assert {"id", "sha256", "verified", "key", "notVerified", "predicate", "subject"} <= set(shown)


def test_show_verifies_and_explains_a_receipt(state: Path) -> None:
    """The sentences name the call, the verdict, the policy and the key."""
    identity = json.loads(run("list", "--state", state, "--json").output.splitlines()[3])["id"]
    shown = run("show", "--state", state, identity)
    assert shown.exit_code == 0
    for text in (identity, "DENY (enforced)", "createChatCompletion", "abababab", "verified, with"):
        assert text in shown.output


def test_terminal_escapes_in_a_receipt_are_shown_as_text(tmp_path: Path) -> None:
    """A model's name can't clear the screen or hide a verdict."""
    from dataclasses import replace

    from support.receipts import flow

    with recording(tmp_path) as recorder:
        draft = replace(request("a"), flow=flow("a", model="\x1b[2Jgpt\u202e\r\n"))
        receipt = recorder.record_now(draft)
    for command in (("list",), ("tail",), ("show", receipt.id)):
        output = run(command[0], "--state", tmp_path, *command[1:]).output
        assert "\x1b" not in output
        assert "\u202e" not in output
        assert "\\x1b[2Jgpt" in output


def test_verify_says_what_it_checked_and_what_it_does_not_prove(state: Path) -> None:
    """Exit code 0, the counts, and the limits."""
    result = run("verify", "--state", state)
    assert result.exit_code == 0
    assert "VERIFIED" in result.output
    assert "This does not prove" in result.output
    assert "the policy was right" in result.output
    assert json.loads(run("verify", "--state", state, "--json").output)["receipts"] == 6


def test_verify_takes_a_key_that_the_auditor_has(
    state: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The published key verifies, another one doesn't, and says so."""
    assert run("verify", "--state", state, "--key", state / "log/receipt.pub.pem").exit_code == 0
    other = tmp_path_factory.mktemp("other") / "key.pem"
    other.write_bytes(signing_keys.generate("receipt").public.pem())
    refused = run("verify", "--state", state, "--key", other)
    assert refused.exit_code == 1
    assert "foreign-key" in refused.output


def test_verify_checks_the_receipts_in_a_file(state: Path, tmp_path: Path) -> None:
    """A single receipt in a file, and one that was changed."""
    line = list_segments(journal_of(state))[0].read_bytes().splitlines()[1]
    (tmp_path / "receipt.json").write_bytes(line)
    assert run("verify", "--state", state, tmp_path / "receipt.json").exit_code == 0
    (tmp_path / "receipt.json").write_bytes(line.replace(b'"sig":"', b'"sig":"A'))
    assert run("verify", "--state", state, tmp_path / "receipt.json").exit_code == 1


def test_verify_is_incomplete_while_a_boundary_runs(tmp_path: Path) -> None:
    """Calls that are still open are no failure."""
    with recording(tmp_path) as recorder:
        recorder.record_now(request("a"))
        result = run("verify", "--state", tmp_path)
        assert result.exit_code == 3
        assert "calls open   1" in result.output


def test_tampering_exits_with_code_one(state: Path) -> None:
    """The first bad thing is named."""
    (segment,) = list_segments(journal_of(state))
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    result = run("verify", "--state", state)
    assert result.exit_code == 1
    assert "dropped" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("verify",),
        ("show", "nobody-000001"),
        ("show", "../../etc/passwd-1"),
        ("show", "x"),
        ("verify", "no such file"),
        ("list", "--limit", "many"),
        ("frobnicate",),
    ],
)
def test_wrong_usage_and_unreadable_files_exit_with_code_two(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """One clear line, no traceback."""
    record_calls(tmp_path / "full", 1)
    folder = tmp_path / ("empty" if arguments in (("list",), ("verify",)) else "full")
    result = run(arguments[0], "--state", folder, *arguments[1:])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def identities(state: Path) -> list[str]:
    """List the ids of all receipts, in order."""
    return [
        json.loads(row)["id"] for row in run("list", "--state", state, "--json").output.splitlines()
    ]


def test_a_proof_verifies_with_the_published_keys_alone(state: Path, tmp_path: Path) -> None:
    """prove, export and verify by files alone; another receipt under the proof is refused."""
    one, other = identities(state)[1:3]
    proof, receipt, wrong = (tmp_path / name for name in ("p.tlog-proof", "r.jsonl", "w.jsonl"))
    assert run("prove", "--state", state, one, "-o", proof).exit_code == 0
    assert run("prove", "--state", state, one).output.startswith(
        "c2sp.org/tlog-proof@v1\nindex 1\n"
    )
    run("export", "--state", state, "--format", "intoto", one, "-o", receipt)
    run("export", "--state", state, "--format", "intoto", other, "-o", wrong)
    keys = ("--key", state / "log/receipt.pub.pem", "--vkey", state / "log/log.vkey")
    empty = tmp_path / "nowhere"
    assert run("verify", "--state", empty, *keys, "--proof", proof, receipt).exit_code == 0
    refused = run("verify", "--state", empty, *keys, "--proof", proof, wrong)
    assert refused.exit_code == 1
    assert "another root" in refused.output
    assert run("verify", "--state", empty, *keys, "--proof", proof).exit_code == 2


def test_a_copy_of_the_journals_alone_is_verified_with_a_named_key(
    state: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No key of the log is asked for where there is no log to look at."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(state / "journal", copy / "journal")
    key = state / "log/receipt.pub.pem"
    assert run("verify", "--state", copy, "--key", key).exit_code == 0


def test_a_receipt_in_a_copy_of_what_is_published_can_be_proved(
    state: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without `log-state`, which is not published: its place is found in the tiles."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("journal", "log"):
        shutil.copytree(state / name, copy / name)
    identity = json.loads(run("list", "--state", copy, "--json").output.splitlines()[3])["id"]
    named = ("--key", state / "log/receipt.pub.pem", "--vkey", state / "log/log.vkey")
    proof = copy / "receipt.tlog-proof"
    assert run("prove", "--state", copy, *named, "-o", proof, identity).exit_code == 0
    run("export", "--state", copy, "--format", "intoto", "-o", copy / "one.jsonl", identity)
    checked = run("verify", *named, "--proof", proof, copy / "one.jsonl")
    assert checked.exit_code == 0, checked.output


def test_consistency_proves_that_one_checkpoint_continues_another(
    state: Path, tmp_path: Path
) -> None:
    """The log continues what it said before; a forged past isn't continued."""
    old = tmp_path / "old"
    old.write_bytes((state / "log/checkpoint").read_bytes())
    record_calls(state, 3)
    assert run("consistency", "--state", state, old).exit_code == 0
    assert run("fsck", state, "--kept", old).exit_code == 0
    other = tmp_path / "other"
    record_calls(other, 2)
    assert run("consistency", "--state", state, other / "log/checkpoint").exit_code == 1


@pytest.mark.parametrize("form", ["intoto", "bundle", "bundle-with-log", "receipt.v5"])
def test_exports_are_json_lines(state: Path, form: str) -> None:
    """Everything, or what matches, or what is named."""
    lines = run("export", "--state", state, "--format", form).output.splitlines()
    assert len(lines) == (1 if form == "receipt.v5" else 6)
    assert all(json.loads(line) for line in lines)
    denied = run("export", "--state", state, "--format", form, "--verdict", "DENY").output
    assert len(denied.splitlines()) == (1 if form == "receipt.v5" else 2)
    assert run("export", "--state", state, "--format", form, "x-1").exit_code in (0, 2)


def test_the_log_is_rebuilt_by_command(state: Path) -> None:
    """By hand, while nothing runs; refused while something does."""
    import shutil

    assert run("integrate", "--state", state).output.endswith("6 receipts in the log\n")
    shutil.rmtree(state / "log" / "tile")
    assert run("integrate", "--state", state).exit_code == 1
    assert run("integrate", "--state", state, "--rebuild").exit_code == 0
    assert run("fsck", state).exit_code == 0
    with recording(state) as recorder:
        recorder.record_now(request("late"))
        assert run("integrate", "--state", state).exit_code in (0, 2)


def test_erasing_an_opening_key_is_recorded(state: Path) -> None:
    """The result of fsck is "erased", not broken; the digests can't be opened."""
    (name,) = [p.stem.removeprefix("opening-") for p in (state / "keys").glob("opening-*.key")]
    one = identities(state)[1]
    assert run("explain", "--state", state, one, "--opening", "request").exit_code == 0
    assert run("erase", "--state", state, name, "--yes").exit_code == 0
    assert run("explain", "--state", state, one, "--opening", "request").exit_code == 3
    checked = run("fsck", state)
    assert checked.exit_code == 0
    assert f"erased       {name}" in checked.output
    assert run("erase", "--state", state, name, "--yes").exit_code == 2


def test_keys_are_shown_and_rotated(state: Path) -> None:
    """What to publish, in every form; an auditor with the old ones follows."""
    from helm_boundary.cli.keys import keys as command

    def key(*arguments: object) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments])

    shown = key("show", "--state", state)
    assert "BEGIN PUBLIC KEY" in shown.output
    assert "PRIVATE" not in shown.output
    old = state.parent / "old.pem"
    vkey = json.loads(key("show", "--state", state, "--json").output)["vkey"]
    old.write_bytes((state / "log/receipt.pub.pem").read_bytes())
    for role in ("receipt", "log"):
        assert key("rotate", "--state", state, role).exit_code == 0
    assert run("fsck", state, "--key", old, "--vkey", vkey).exit_code == 0
    assert run("fsck", state).exit_code == 0
    assert key("show", "--state", state / "nowhere").exit_code == 2
    assert key("init", "--state", state / "new").exit_code == 0
    with recording(state) as recorder:
        recorder.record_now(request("x"))
        assert key("rotate", "--state", state, "receipt").exit_code == 2
