"""Files that are published beside the log and were swapped: named by everything that looks."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.keys import keys as keys_command
from helm_boundary.cli.receipts import receipts
from helm_boundary.doctor.finding import NO, YES
from helm_boundary.doctor.key_checks import look_at_keys
from support.receipts import record_calls, unpin

FILES = ("receipt.pub.pem", "log.vkey", "trusted_root.json", "keys.json")


def run(*arguments: object) -> Result:
    """Run `helm-boundary receipts …`."""
    return CliRunner().invoke(receipts, [str(argument) for argument in arguments])


def keys(*arguments: object) -> Result:
    """Run `helm-boundary keys …`."""
    return CliRunner().invoke(keys_command, [str(argument) for argument in arguments])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Make a folder with calls."""
    record_calls(tmp_path / "state", 3)
    return tmp_path / "state"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Somebody else's folder, whose published files are as good as any."""
    record_calls(tmp_path / "other", 3)
    return tmp_path / "other"


def add_a_key(state: Path, other: Path) -> None:
    """His key beside ours in `keys.json`, as if it had been introduced, and published as in use."""
    ours, his = (json.loads((each / "log/keys.json").read_text()) for each in (state, other))
    ours["receipt"] += [his["receipt"][0] | {"first": 8}]
    (state / "log/keys.json").write_text(json.dumps(ours))
    shutil.copy(other / "log/receipt.pub.pem", state / "log/receipt.pub.pem")


def swap_file(name: str, state: Path, other: Path) -> None:
    """His file in place of ours."""
    shutil.copy(other / "log" / name, state / "log" / name)


def spoil_file(name: str, state: Path, _other: Path) -> None:
    """Make a file say nothing."""
    (state / "log" / name).write_text("x")


def add_a_log(state: Path, other: Path) -> None:
    """His log beside ours, for Sigstore's verifiers."""
    root = json.loads((state / "log/trusted_root.json").read_text())
    root["tlogs"] += json.loads((other / "log/trusted_root.json").read_text())["tlogs"]
    (state / "log/trusted_root.json").write_text(json.dumps(root))


SWAPS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    **{f"{name} of another folder": (name, partial(swap_file, name)) for name in FILES},
    **{f"{name} that is none": (name, partial(spoil_file, name)) for name in FILES},
    "a key more in keys.json": ("keys.json", add_a_key),
    "a log more in trusted_root.json": ("trusted_root.json", add_a_log),
}


@pytest.mark.parametrize(("name", "swap"), SWAPS.values(), ids=SWAPS.keys())
def test_a_swapped_file_is_named(
    state: Path, other: Path, name: str, swap: Callable[[Path, Path], object]
) -> None:
    """The commands fsck and `keys show` refuse, doctor finds it; each says what to do."""
    swap(state, other)
    checked, shown = run("fsck", state), keys("show", "--state", state)
    assert (checked.exit_code, shown.exit_code) == (1, 1)
    for output in (checked.output, shown.output):
        assert f"log/{name}" in output
    assert "BEGIN PUBLIC KEY" not in shown.output
    assert "keys publish" in shown.output
    answers = {finding.looked_at: finding for finding in look_at_keys(state)}
    finding = answers["what is published names the keys in use"]
    assert finding.answer == NO
    assert f"log/{name}" in finding.found
    assert "keys publish" in finding.remedy


@pytest.mark.parametrize(("name", "swap"), SWAPS.values(), ids=SWAPS.keys())
def test_keys_publish_replaces_a_swapped_file(
    state: Path, other: Path, name: str, swap: Callable[[Path, Path], object]
) -> None:
    """From the keys that sign, byte for byte as it was."""
    before = {each: (state / "log" / each).read_bytes() for each in FILES}
    swap(state, other)
    assert keys("publish", "--state", state).exit_code == 0
    assert {each: (state / "log" / each).read_bytes() for each in FILES} == before
    assert run("fsck", state).exit_code == 0
    assert keys("show", "--state", state).exit_code == 0


@pytest.mark.parametrize("name", FILES)
def test_a_swapped_file_in_an_unknown_folder_is_named_too(
    state: Path, other: Path, name: str
) -> None:
    """Where no key is known from elsewhere, the files still contradict what they lie beside."""
    unpin(state)
    shutil.copy(other / "log" / name, state / "log" / name)
    checked = run("fsck", state)
    assert checked.exit_code == 1
    assert f"log/{name}" in checked.output


@pytest.mark.parametrize("name", FILES)
def test_a_copy_without_some_published_files_verifies(state: Path, name: str) -> None:
    """What isn't there misleads nobody."""
    (state / "log" / name).unlink()
    assert run("fsck", state).exit_code == 0


def test_swapped_files_are_found_without_keys_json_too(state: Path, other: Path) -> None:
    """The others are then held against the keys that verified."""
    (state / "log/keys.json").unlink()
    shutil.copy(other / "log/receipt.pub.pem", state / "log/receipt.pub.pem")
    assert "log/receipt.pub.pem" in run("fsck", state).output
    assert run("fsck", state).exit_code == 1


def test_published_files_may_be_formatted_differently(state: Path) -> None:
    """White space is nobody's attack."""
    root = state / "log/trusted_root.json"
    root.write_text(json.dumps(json.loads(root.read_text())))
    vkey = state / "log/log.vkey"
    vkey.write_text(vkey.read_text().strip())
    assert run("fsck", state).exit_code == 0
    assert keys("show", "--state", state).exit_code == 0


def test_rotation_publishes_the_new_keys(state: Path) -> None:
    """Old keys stay in there, with their ranges."""
    for role in ("receipt", "log", "receipt"):
        assert keys("rotate", "--state", state, role).exit_code == 0
    record_calls(state, 1)
    assert run("fsck", state).exit_code == 0
    assert keys("show", "--state", state).exit_code == 0
    assert {finding.answer for finding in look_at_keys(state)} == {YES}
    (state / "log/log.vkey").write_text("x")
    assert keys("publish", "--state", state).exit_code == 0
    assert run("fsck", state).exit_code == 0
    (state / "log/keys.json").write_text("{}")
    refused = keys("publish", "--state", state)
    assert refused.exit_code == 2
    assert "from a backup" in refused.output


def test_a_running_recorder_is_not_taken_for_a_swapped_file(state: Path) -> None:
    """Doctor looks while receipts are written."""
    from support.receipts import recording, request

    with recording(state) as recorder:
        recorder.record_now(request("a"))
        assert {finding.answer for finding in look_at_keys(state)} == {YES}
        assert keys("show", "--state", state).exit_code == 0
