"""The working folder of a program, as data of its policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from helm_boundary.clients.workspace import working_folders, workspace_policy
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.policy.sources.profiles import profile_folder


def test_a_profile_learns_where_its_program_works(tmp_path: Path) -> None:
    """The same folder has the same policy; another folder another one."""
    one = workspace_policy((tmp_path / "a",), tmp_path / "state")
    two = workspace_policy((tmp_path / "b",), tmp_path / "state")
    profile = profile_folder("profile:coding-agent")
    policy = read_policy((one, profile))
    assert policy.data["workspace"] == [f"{tmp_path}/a/"]
    assert policy.digest == read_policy((one, profile)).digest
    assert policy.digest != read_policy((two, profile)).digest
    assert one.stat().st_mode & 0o077 == 0


def test_a_folder_has_the_name_that_the_shell_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside its own, where that is the same folder."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "link")
    real, link = tmp_path / "real", tmp_path / "link"
    assert working_folders({"PWD": str(link)}) == (real, link)
    assert working_folders({"PWD": "/elsewhere"}) == (real,)
    assert working_folders({}) == (real,)


def test_the_root_is_no_working_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything would be in it."""
    monkeypatch.chdir("/")
    assert working_folders({"PWD": "/"}) == ()
