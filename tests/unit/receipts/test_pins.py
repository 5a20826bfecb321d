"""Pins: a key in the folder itself shows that the folder is consistent, and nothing more."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.keys import keys as keys_command
from helm_boundary.cli.receipts import receipts
from helm_boundary.runtime.key_pinning import VARIABLE, pin_of, pins, settle
from helm_receipts.audit.pins import Pins
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.errors import KeyRefused, PinRefused
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording.rotation import rotate_log_key, rotate_receipt_key
from support.receipts import record_calls, unpin

BOUNDARY = Boundary("test.helm-boundary.invalid", "0.1.0", "ef" * 32)


def run(*arguments: object) -> Result:
    """Run `helm-boundary receipts …`."""
    return CliRunner().invoke(receipts, [str(argument) for argument in arguments])


def keys(*arguments: object) -> Result:
    """Run `helm-boundary keys …`."""
    return CliRunner().invoke(keys_command, [str(argument) for argument in arguments])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Make a folder that was pinned by its first start."""
    folder = tmp_path / "state"
    record_calls(folder, 2)
    return folder


@pytest.fixture
def forged(tmp_path: Path) -> Path:
    """Make a forger's folder, with all of his keys, that nobody has pinned."""
    folder = tmp_path / "forged"
    record_calls(folder, 3)
    unpin(folder)
    return folder


def check(state: Path, *arguments: object) -> tuple[int, int]:
    """Return the exit codes of verify and fsck."""
    return (
        run("verify", "--state", state, *arguments).exit_code,
        run("fsck", state, *arguments).exit_code,
    )


def take_the_place(state: Path, forged: Path) -> None:
    """Put the forged folder under the path of the real one."""
    shutil.rmtree(state)
    shutil.copytree(forged, state)


def test_keys_in_the_folder_itself_are_not_enough(forged: Path) -> None:
    """Private ones neither: exit 3, and it says why."""
    assert check(forged) == (3, 3)
    for result in (run("verify", "--state", forged), run("fsck", forged)):
        assert "TRUE BUT INCOMPLETE" in result.output
        assert "consistent, not whose it is" in result.output


def test_a_folder_that_was_started_here_is_known(state: Path) -> None:
    """Its first start pinned it; a file that only its user can write says so."""
    assert check(state) == (0, 0)
    assert "pinned outside of the folder" in run("fsck", state).output
    (path,) = (p for p in pins().folder.glob("*.json") if str(state) in p.read_text())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_copy_under_another_path_is_known_by_its_logs_name(state: Path, tmp_path: Path) -> None:
    """Backups verify on the machine that they are of, also without their private keys."""
    shutil.copytree(state, tmp_path / "copy", ignore=shutil.ignore_patterns("keys", "origin"))
    assert check(tmp_path / "copy") == (0, 0)


def test_another_folder_under_a_pinned_path_is_named(state: Path, forged: Path) -> None:
    """It is consistent in itself, private keys and all: exit 1, the pinned key differs."""
    take_the_place(state, forged)
    assert check(state) == (1, 1)
    for result in (run("verify", "--state", state), run("fsck", state)):
        assert "pinned key differs" in result.output
    assert json.loads(run("fsck", state, "--json").output)["kind"] == "pinned-key"


def test_another_folder_that_takes_over_a_logs_name_is_named(
    state: Path, forged: Path, tmp_path: Path
) -> None:
    """Under any path: the name belongs to the pinned keys."""
    shutil.copy(state / "origin", forged / "origin")
    assert run("fsck", forged).exit_code == 1
    assert "pinned key differs" in run("verify", "--state", forged).output


@pytest.mark.parametrize("named", ["both", "key", "vkey", "kept"])
def test_a_named_key_is_enough_for_what_it_signs(forged: Path, tmp_path: Path, named: str) -> None:
    """The receipt key for the journals; the log's, or a checkpoint that was kept, for all."""
    kept = tmp_path / "kept"
    kept.write_bytes((forged / "log/checkpoint").read_bytes())
    key, vkey = ("--key", forged / "log/receipt.pub.pem"), ("--vkey", forged / "log/log.vkey")
    record_calls(forged, 1)
    unpin(forged)
    if named == "kept":
        assert run("fsck", forged, "--kept", kept).exit_code == 0
        return
    arguments = {"both": (*key, *vkey), "key": key, "vkey": vkey}[named]
    assert check(forged, *arguments) == {"both": (0, 0), "key": (0, 3), "vkey": (3, 0)}[named]


def test_another_key_than_the_folders_is_refused(state: Path, forged: Path) -> None:
    """Whatever is pinned: what is named counts."""
    wrong = ("--key", forged / "log/receipt.pub.pem", "--vkey", forged / "log/log.vkey")
    assert check(state, *wrong) == (1, 1)


def test_a_folder_is_pinned_by_hand(forged: Path, state: Path) -> None:
    """By what it has published, or by keys from elsewhere; never over others unasked."""
    key, vkey = forged / "log/receipt.pub.pem", (forged / "log/log.vkey").read_text().strip()
    assert keys("pin", "--state", forged, "--key", key, "--vkey", vkey).exit_code == 0
    assert check(forged) == (0, 0)
    assert "already" not in keys("pin", "--state", forged).output
    other = ("--key", state / "log/receipt.pub.pem", "--vkey", state / "log/log.vkey")
    refused = keys("pin", "--state", forged, *other)
    assert refused.exit_code == 1
    assert "--replace" in refused.output
    assert keys("pin", "--state", forged, *other, "--replace").exit_code == 0
    assert check(forged) == (1, 1)


def test_a_log_key_alone_can_be_pinned(forged: Path) -> None:
    """It is what an operator hands out; the journals alone are then still nobody's."""
    assert keys("pin", "--state", forged, "--vkey", forged / "log/log.vkey").exit_code == 0
    assert check(forged) == (3, 0)


def test_keys_that_were_rotated_are_followed(state: Path, tmp_path: Path) -> None:
    """By the command, which updates the pin, and from a pin that nobody updated."""
    shutil.copytree(state, tmp_path / "before")
    for role in ("receipt", "log"):
        assert keys("rotate", "--state", state, role).exit_code == 0
    assert check(state) == (0, 0)
    rotate_receipt_key(Layout(state), BOUNDARY)
    rotate_log_key(Layout(state), BOUNDARY)
    record_calls(state, 1)
    assert check(state) == (0, 0)
    settle(Layout(state))
    (pin,) = [pins().of_path(Layout(state))]
    assert pin is not None
    assert (len(pin.receipt), len(pin.log)) == (3, 3)
    assert check(tmp_path / "before") == (0, 0)


def test_a_folder_that_was_set_back_behind_a_rotation_does_not_start(
    state: Path, tmp_path: Path
) -> None:
    """The old keys were retired, perhaps because they were stolen."""
    shutil.copytree(state, tmp_path / "before")
    assert keys("rotate", "--state", state, "receipt").exit_code == 0
    take_the_place(state, tmp_path / "before")
    with pytest.raises(KeyRefused, match="pinned key differs"):
        settle(Layout(state))


def test_a_start_with_another_folder_is_refused_with_the_remedy(state: Path, forged: Path) -> None:
    """Nothing is signed on top of it; whoever put it there says so by hand."""
    take_the_place(state, forged)
    before = sorted(path.read_bytes() for path in state.rglob("*") if path.is_file())
    with pytest.raises(KeyRefused, match="keys pin --replace"):
        settle(Layout(state))
    assert sorted(path.read_bytes() for path in state.rglob("*") if path.is_file()) == before
    assert keys("pin", "--state", state, "--replace").exit_code == 0
    settle(Layout(state))
    assert check(state) == (0, 0)


def test_an_emptied_folder_starts_and_is_pinned_again(
    state: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty folder has nothing to believe in it: one warning; old copies are still known."""
    shutil.move(state, tmp_path / "old")
    settle(Layout(state))
    (warning,) = caplog.messages
    assert "is empty and has other keys" in warning
    record_calls(state, 1)
    assert check(state) == (0, 0)
    assert check(tmp_path / "old") == (0, 0)


def unwritable(folder: Path) -> Path:
    """Return a path below a file, where even root can make no folder."""
    folder.write_text("")
    return folder / "pins"


NOWHERE: dict[str, Callable[[Path, Path], str]] = {
    "that can't be written": lambda tmp, state: str(unwritable(tmp / "file")),
    "in the state folder itself": lambda tmp, state: str(state / "config"),
}


@pytest.mark.parametrize("where", NOWHERE.values(), ids=NOWHERE.keys())
def test_a_start_goes_on_where_nothing_can_be_pinned(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: Callable[[Path, Path], str],
) -> None:
    """Containers: one line of warning, and verifying needs a key by name."""
    state = tmp_path / "state"
    monkeypatch.setenv(VARIABLE, where(tmp_path, state))
    settle(Layout(state))
    (warning,) = caplog.messages
    assert "aren't pinned" in warning
    record_calls(state, 1)
    assert check(state) == (3, 3)


def test_nothing_is_pinned_without_a_home_folder(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a platform gives for a user without one isn't made into a folder named `~`."""
    monkeypatch.chdir(tmp_path)
    homeless, layout = Pins(Path("~/.config/helm-boundary/pins")), Layout(state)
    assert homeless.find(layout) is None
    with pytest.raises(PinRefused, match="set HELM_PINS"):
        homeless.keep(layout, pin_of(read_published(layout)))
    assert not Path("~").exists()


def test_the_users_configuration_folder_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the platform has it."""
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    assert pins().folder.is_relative_to(tmp_path)
    assert "helm-boundary" in pins().folder.parts


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_pin_that_others_can_write_is_not_relied_upon(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Neither as a yes nor as a no: exit 2, and what to do."""
    folder = tmp_path / "pins"
    monkeypatch.setenv(VARIABLE, str(folder))
    settle(Layout(state))
    (path,) = folder.glob("*.json")
    os.chmod(path if what == "file" else folder, 0o777)  # noqa: PTH101, S103
    assert check(state) == (2, 2)
    assert "chmod go-w" in run("fsck", state).output


def test_an_unreadable_pin_is_named(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was cut off: exit 2."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "pins"))
    settle(Layout(state))
    for path in (tmp_path / "pins").iterdir():
        path.write_text(path.read_text()[:-20])
    assert check(state) == (2, 2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_in_a_pins_place_is_refused(state: Path, tmp_path: Path) -> None:
    """Opening it would wait for ever for whoever writes into it."""
    layout, kept = Layout(state), Pins(tmp_path / "own")
    kept.keep(layout, pin_of(read_published(layout)))
    (pin,) = (tmp_path / "own").glob("*.json")
    pin.unlink()
    os.mkfifo(pin)
    with pytest.raises(PinRefused, match="plain file"):
        kept.find(layout)
