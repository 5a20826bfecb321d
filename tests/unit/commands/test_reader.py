"""Tool calls with what they would run and write, as a policy's data ask for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.calls.call import Answer, ToolCall
from helm_boundary.commands import asked
from helm_boundary.commands.asked import ShellError, command_reader
from helm_boundary.commands.command import FilesCall, ShellCall
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import read_policy

TOOLS = {
    "shell": {"Bash": "command", "exec": "input", "shell": "command", "hosted": "action.commands"},
    "patches": {"apply_patch": "input"},
    "files": {"Write": "file_path"},
}


def told(name: str, arguments: Any, kind: str = "function") -> Any:
    """Return a tool call as policy sees it."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    is_json = not isinstance(arguments, str)
    call = ToolCall("1", name, text, arguments if is_json else None, is_json, 0, "/x", kind)
    reader = command_reader({"tools": TOOLS})
    assert reader is not None
    (read,) = reader.read(Answer(200, tool_calls=(call,))).tool_calls
    return read


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "programs"),
    [
        ("Bash", {"command": "ls; rm x"}, "function", ["ls", "rm"]),
        ("tools.Bash", {"command": "ls"}, "function", ["ls"]),
        ("shell", {"command": ["bash", "-lc", "rm x"]}, "function", ["bash", "rm"]),
        ("hosted", {"action": {"commands": ["ls", "rm x"]}}, "hosted", ["ls", "rm"]),
        ("exec", "ls | wc", "custom", ["ls", "wc"]),
    ],
)
def test_commands_of_a_shell(name: str, arguments: Any, kind: str, programs: list[str]) -> None:
    """Whatever the shape of the argument is."""
    call = told(name, arguments, kind)
    assert isinstance(call, ShellCall)
    assert [each.program for each in call.commands] == programs
    assert call.complete


@pytest.mark.parametrize("arguments", [{}, {"command": 5}, {"command": None}, {"cmd": "ls"}])
def test_a_shell_without_a_command_is_not_complete(arguments: Any) -> None:
    """What it would run isn't known."""
    call = told("Bash", arguments)
    assert (call.commands, call.complete) == ((), False)


def test_arguments_that_cannot_be_read_have_a_rule_of_their_own() -> None:
    """Which goes by complete: it stays as it was."""
    assert told("Bash", '{"command": "ls",}').complete


def test_files_of_a_patch_and_of_a_file_tool() -> None:
    """Without steps up and down in them."""
    patch = told(
        "apply_patch", "*** Begin Patch\n*** Add File: a/../../b\n+x\n*** End Patch", "custom"
    )
    assert isinstance(patch, FilesCall)
    assert (patch.files, patch.complete) == (("../b",), True)
    assert told("apply_patch", "x", "custom").complete is False
    assert told("Write", {"file_path": "/a/./b"}).files == ("/a/b",)
    assert told("Write", {}).files == ()


def test_other_tools_are_as_they_were() -> None:
    """And have no such members."""
    assert type(told("search", {"q": "x"})) is ToolCall


def test_without_data_nothing_is_read() -> None:
    """No reader, and nothing imported: neither the grammar nor this room."""
    assert command_reader({"tools": {"shell": {}, "patches": None}}) is None
    script = (
        "import sys; from helm_boundary.policy.sources.policy import read_policy; read_policy([]); "
        "print([m for m in sys.modules if 'tree_sitter' in m or m.endswith('commands.reader')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_shell_that_cannot_be_parsed_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the file and the line that ask for it, and what to install."""
    monkeypatch.setattr(asked, "_NEEDED", ("a_parser_that_is_not_there",))
    (tmp_path / "data.yaml").write_text("tools:\n  shell: {Bash: command}\n")
    with pytest.raises(PolicyError, match=r"data\.yaml:2: tools\.shell: .*helm-boundary\[shell\]"):
        read_policy([tmp_path])


def test_a_tool_without_a_place_is_a_refusal() -> None:
    """Of a policy, too, that has no schema."""
    with pytest.raises(ShellError, match="Bash: command"):
        command_reader({"tools": {"shell": {"Bash": ["command"]}}})
