"""A state folder is used only where nobody else can change it; each fault is named with its remedy.

Half of these need no other user: a mode says enough. The other half is skipped unless root runs
them, who alone can give files away.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helm_receipts.errors import RecorderError, StateRefused
from helm_receipts.layout import Layout
from helm_receipts.recording.keyset import open_keyset
from helm_receipts.recording.recorder import Recorder
from helm_receipts.storage.custody import refuse_foreign_state, state_faults
from helm_receipts.storage.ownership import keepers, keepers_of
from support.hands import (
    STRANGER,
    allow,
    as_root,
    give_away,
    reachable_folder,
    refused_to_stranger,
    share,
)
from support.receipts import CONFIGURATION, record_calls

Deed = Callable[[Path], Path]
"""Does something to a state folder, and returns the path that must be named."""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a state folder that has been used."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    folder = tmp_path / "above" / "state"
    record_calls(folder, 1)
    return folder


def mode(name: str, mode: int) -> Deed:
    """Change a mode; `..` is the folder above."""

    def do(state: Path) -> Path:
        path = Path(os.path.normpath(state / name))
        path.chmod(mode)
        return path

    return do


def each(pattern: str, deed: Callable[[Path], object]) -> Deed:
    """Do it to the first path that matches, or to the folder itself (`.`) or that above (`..`)."""

    def do(state: Path) -> Path:
        here = {".": state, "..": state.parent}
        path = here.get(pattern) or sorted(state.glob(pattern))[0]
        deed(path)
        return path

    return do


def link(name: str) -> Deed:
    """Move something elsewhere, and leave a link."""

    def do(state: Path) -> Path:
        path, elsewhere = state / name, state.parent / "elsewhere"
        if path.exists():
            path.rename(elsewhere)
        else:
            elsewhere.mkdir()
        path.symlink_to(elsewhere)
        return path

    return do


def pipe(name: str) -> Deed:
    """Put a pipe in a file's place, which whoever opens it waits at."""

    def do(state: Path) -> Path:
        path = next(iter(state.glob(name)), state / name)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        return path

    return do


BY_MODE: dict[str, Deed] = {
    "a folder for everybody": mode(".", 0o777),
    "a folder that everybody can write and not read": mode(".", 0o702),
    "a sticky one": mode(".", 0o1777),
    "the one above, for everybody": mode("..", 0o777),
    "journal/": mode("journal", 0o777),
    "a writer's folder": each("journal/*", lambda path: path.chmod(0o777)),
    "a segment": each("journal/*/*.jsonl", lambda path: path.chmod(0o666)),
    "keys/": mode("keys", 0o707),
    "a key that everybody can read": mode("keys/receipt.pem", 0o604),
    "a key that everybody can write": mode("keys/log.pem", 0o602),
    "an opening key": each("keys/opening-*.key", lambda path: path.chmod(0o644)),
    "a pseudonym key": each("keys/pseudonym-*.key", lambda path: path.chmod(0o644)),
    "log/": mode("log", 0o777),
    "the checkpoint": mode("log/checkpoint", 0o666),
    "log-state/": mode("log-state", 0o777),
    "its name": mode("origin", 0o666),
    "run/ is a link": link("run"),
    "journal/ is a link": link("journal"),
    "keys/ is a link": link("keys"),
    "the name is a pipe": pipe("origin"),
    "a key is a pipe": pipe("keys/receipt.pem"),
    "the published keys are a pipe": pipe("log/keys.json"),
    "how the log was made is a pipe": pipe("log-state/tree.json"),
    "a segment is a pipe": pipe("journal/*/*.jsonl"),
}
BY_ANOTHER: dict[str, Deed] = {
    "a folder of somebody else": each(".", give_away),
    "the one above": each("..", give_away),
    "keys/": each("keys", give_away),
    "journal/": each("journal", give_away),
    "log/": each("log", give_away),
    "a key": each("keys/receipt.pem", give_away),
    "a segment": each("journal/*/*.jsonl", give_away),
    "a folder that their group can write": each(".", lambda path: share(path, 0o770)),
    "a key that their group can read": each("keys/receipt.pem", lambda path: share(path, 0o640)),
}


@pytest.mark.parametrize("deed", BY_MODE)
def test_a_folder_that_everybody_can_change_is_refused(state: Path, deed: str) -> None:
    """The path, what was found and what to do, before anything in it is opened."""
    _is_refused(state, BY_MODE[deed])


@as_root
@pytest.mark.parametrize("deed", BY_ANOTHER)
def test_a_folder_that_another_user_can_change_is_refused(state: Path, deed: str) -> None:
    """By owner and by group."""
    _is_refused(state, BY_ANOTHER[deed])


@pytest.mark.parametrize("name", ["", "keys", "journal", "keys/receipt.pem"])
def test_an_access_list_counts_like_a_mode(state: Path, name: str) -> None:
    """A user that `setfacl` lets in is somebody else, though the mode says nothing of others."""

    def do(state: Path) -> Path:
        allow(state / name, STRANGER, 0o6)
        return state / name

    _is_refused(state, do)


def _is_refused(state: Path, deed: Deed) -> None:
    refuse_foreign_state(state)
    path = deed(state)
    with pytest.raises(StateRefused) as caught:
        refuse_foreign_state(state)
    said = str(caught.value)
    assert said.startswith(f"expected {path.parent.resolve() / path.name} to "), said
    assert "found" in said
    assert any(word in said for word in ("chmod", "chown", "remove it", "another folder")), said
    assert "\n" not in said
    with pytest.raises(StateRefused):
        open_keyset(Layout(state))
    with pytest.raises(RecorderError):
        Recorder.open(state, version="0", configuration=CONFIGURATION)


HONEST: dict[str, Deed] = {
    "readable by all": mode(".", 0o755),
    "shared with its own group, as with umask 002": mode(".", 0o775),
    "a pod's volume, opened to its group": mode("keys", 0o2770),
    "a key on it": mode("keys/receipt.pem", 0o660),
    "a key for its own group": mode("keys/receipt.pem", 0o640),
    "in a sticky folder": mode("..", 0o1777),
    "a backup may read the folder": each(".", lambda path: allow(path, STRANGER, 0o5)),
    "a folder that isn't used yet": each(".", lambda path: path.rename(path.parent / "old")),
    "a disk's own folder": each(".", lambda path: (path / "lost+found").mkdir(0o700)),
}


@pytest.mark.parametrize("deed", HONEST)
def test_folders_of_the_user_alone_are_accepted(state: Path, deed: str) -> None:
    """What an honest operator has isn't refused."""
    HONEST[deed](state)
    Recorder.open(state, version="0", configuration=CONFIGURATION).close()


def test_a_state_folder_behind_a_link_is_accepted(state: Path) -> None:
    """`ln -s /data/helm ~/.local/state/helm-boundary`, and a link in the middle of the way."""
    home = state.parent.parent / "home"
    home.mkdir()
    (home / "helm").symlink_to("../above")
    Recorder.open(home / "helm" / "state", version="0", configuration=CONFIGURATION).close()
    (home / "mine").symlink_to(state)
    Recorder.open(home / "mine", version="0", configuration=CONFIGURATION).close()


def test_every_folder_on_the_way_of_a_link_is_checked(state: Path, tmp_path: Path) -> None:
    """Whoever can change a link in the middle can lead elsewhere."""
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (open_to_all / "link").symlink_to(state)
    (tmp_path / "mine").symlink_to(open_to_all / "link")
    with pytest.raises(StateRefused, match=str(open_to_all)):
        refuse_foreign_state(tmp_path / "mine")


def test_a_folder_is_not_made_where_it_could_be_swapped(tmp_path: Path) -> None:
    """Nothing is made below a folder that everybody can write."""
    tmp_path.chmod(0o777)
    with pytest.raises(StateRefused):
        open_keyset(Layout(tmp_path / "new" / "state"))
    assert list(tmp_path.iterdir()) == []


@as_root
def test_files_of_root_are_accepted() -> None:
    """A secret mounted as root's, readable by the process's group, is fine for another user."""
    with reachable_folder() as folder:
        record_calls(folder / "state", 1)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, STRANGER, STRANGER)
        for path in (folder / "state" / "keys").iterdir():
            os.chown(path, 0, STRANGER)
            path.chmod(0o640)
        assert refused_to_stranger(folder / "state") == ""
        os.chown(folder / "state" / "keys" / "receipt.pem", 12, STRANGER)
        assert "user 12" in refused_to_stranger(folder / "state")


@as_root
def test_folders_of_unmapped_users_on_the_way_are_accepted_in_a_user_namespace() -> None:
    """There, whatever belongs to users outside seems to be nobody's, / included."""
    with reachable_folder() as folder:
        os.chown(folder, STRANGER, STRANGER)
        assert refused_to_stranger(folder / "state", in_namespace=True) == ""
        (folder / "state").mkdir()  # root's, and so outside
        assert "65534" in refused_to_stranger(folder / "state", in_namespace=True)


@as_root
def test_a_folder_of_the_user_who_ran_sudo_is_accepted(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may do all that root may; another user's folder is refused all the same."""
    give_away(state)
    with pytest.raises(StateRefused, match=f"user {STRANGER}"):
        refuse_foreign_state(state)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    refuse_foreign_state(state)
    monkeypatch.setenv("SUDO_UID", str(STRANGER + 1))
    with pytest.raises(StateRefused):
        refuse_foreign_state(state)


@as_root
def test_root_checks_a_service_as_its_user_would(state: Path) -> None:
    """`sudo helm-boundary doctor` on the folder of a service's own user finds it well."""
    for path in [state, *state.rglob("*")]:
        give_away(path)
    assert list(state_faults(state, keepers_of(state))) == []
    assert list(state_faults(state, keepers()))
