"""`python -m helm_receipts`, where there is nothing but Python and `cryptography`."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import helm_receipts
from helm_receipts.layout import Layout
from support.hands import STRANGER, reachable_folder
from support.packages import bare_packages
from support.receipts import record_calls

ROOT = Path(helm_receipts.__path__[0]).parent
START = """
import contextlib, io, os, sys
roots, reader = sys.argv.pop(1), int(sys.argv.pop(1))
sys.path[:0] = roots.split(':')
from helm_receipts.__main__ import main

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def refuse_changes(event, arguments):
    if event == 'open' and not arguments[2] & WRITING or event in ('os.listdir', 'os.scandir'):
        return
    if event == 'open' or event.split('.')[0] in ('os', 'shutil', 'socket', 'subprocess'):
        print('a verifier did', event, arguments, file=sys.stderr)
        os._exit(99)

if reader:
    with contextlib.redirect_stdout(io.StringIO()):
        main()  # loads all of Python that is loaded late: the reader may not be let in there
    os.setgroups([])
    os.setgid(reader)
    os.setuid(reader)
sys.addaudithook(refuse_changes)
sys.exit(main())
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with what `cryptography` needs, and nothing else of this environment."""
    return bare_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a state folder with three calls."""
    folder = tmp_path_factory.mktemp("audit") / "state"
    record_calls(folder, 3)
    return folder


def run(packages: Path, *arguments: object, user: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command in an isolated Python that has no site folder and may change nothing."""
    command = [sys.executable, "-I", "-S", "-c", START, f"{ROOT}:{packages}", str(user)]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )


def keys_of(state: Path) -> tuple[object, ...]:
    """Name the folder's own keys in options, as somebody else would hand them over."""
    log = Layout(state).log
    vkey = (log / "log.vkey").read_text().strip()
    return ("--key", log / "receipt.pub.pem", "--vkey", vkey)


def test_a_folder_is_verified(packages: Path, state: Path) -> None:
    """By the keys that are named; what isn't proven is said."""
    key = keys_of(state)
    checked = run(packages, "verify", state, *key[:2], "--json")
    assert checked.returncode == 0, checked.stderr
    told = json.loads(checked.stdout)
    assert (told["exit"], told["calls"]) == (0, 3)
    assert told["notProven"]
    whole = run(packages, "fsck", state, *key)
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.startswith("VERIFIED")
    assert "does not prove" in whole.stdout


def test_a_receipt_is_shown_if_it_verifies(packages: Path, state: Path) -> None:
    """And not with another key."""
    journal = next(Layout(state).journal.iterdir())
    receipt = f"{journal.name}-000002"
    shown = run(packages, "show", state, receipt, *keys_of(state)[:2])
    assert shown.returncode == 0, shown.stderr
    assert '"request"' in shown.stdout
    strange = state.parent / "strange"
    record_calls(strange, 1)
    other = run(packages, "show", state, receipt, *keys_of(strange)[:2])
    assert other.returncode == 1
    assert other.stdout.startswith("NOT VERIFIED")


def test_what_is_no_trust_policy_is_said(packages: Path, state: Path, tmp_path: Path) -> None:
    """In a line, and nothing of the receipts."""
    (tmp_path / "noise").write_bytes(b"\x89noise")
    refused = run(packages, "fsck", state, *keys_of(state), "--policy", tmp_path / "noise")
    assert refused.returncode == 2, refused
    assert refused.stderr.startswith("helm_receipts: ")


def test_a_changed_receipt_is_named(packages: Path, state: Path) -> None:
    """With what is wrong with it."""
    segment = next(Layout(state).journal.rglob("*.jsonl"))
    text = segment.read_bytes()
    segment.write_bytes(text.replace(b'"sig":"', b'"sig":"AAAA', 1))
    try:
        refused = run(packages, "verify", state, *keys_of(state)[:2], "--json")
    finally:
        segment.write_bytes(text)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["bad"]


NAMED_WRONGLY: dict[str, tuple[object, ...]] = {
    "no file": ("--key", "nonsense"),
    "a folder": ("--key", Path()),
    "no key": ("--key", Path(__file__)),
    "no log key": ("--vkey", "nonsense"),
    "a file without a log key": ("--vkey", Path(__file__)),
    "an archive that is none": ("--archive", "nonsense"),
    "a kept checkpoint that isn't there": ("--kept", "nonsense"),
    "a policy that isn't there": ("--policy", "nonsense"),
}


@pytest.mark.parametrize("named", NAMED_WRONGLY.values(), ids=NAMED_WRONGLY.keys())
def test_what_is_named_wrongly_is_no_verdict(
    packages: Path, state: Path, named: tuple[object, ...]
) -> None:
    """Exit code 2 and one line, for nothing is known of the folder; both keys may be files."""
    log = state / "log"
    right = ("--key", log / "receipt.pub.pem", "--vkey", log / "log.vkey")
    assert run(packages, "fsck", state, *right).returncode == 0
    left = right[2:] if named[0] == "--key" else right[:2] if named[0] == "--vkey" else right
    done = run(packages, "fsck", state, *left, *named)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("helm_receipts: ")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_verdict_that_nobody_reads_is_in_the_exit_code(
    state: Path, tmp_path: Path, unbuffered: str, is_whole: bool
) -> None:
    """Of either command, as `| head` would have it; nothing is printed of a broken pipe."""
    copy = shutil.copytree(state, tmp_path / "copy")
    if not is_whole:
        (copy / "log/checkpoint").unlink()
    named = [str(part) for part in ("fsck", copy, *keys_of(state))]
    code = f"{int(not is_whole)}\n"
    for module in (["helm_receipts"], ["helm_boundary", "receipts"]):
        line = shlex.join([sys.executable, "-m", *module, *named])
        done = subprocess.run(
            ["bash", "-c", f"{line} | true; echo ${{PIPESTATUS[0]}}"],
            capture_output=True, text=True, check=False, timeout=60,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (code, "")


def test_verifying_changes_nothing_in_a_folder_that_is_read_only(
    packages: Path, state: Path
) -> None:
    """By a user who may only read: no byte, no time and no name is another one afterwards."""
    user = STRANGER if os.geteuid() == 0 else 0
    with reachable_folder() as folder:
        copy = folder / "copy"
        shutil.copytree(state, copy, ignore=shutil.ignore_patterns("keys"))
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        before, key = looks_of(copy), keys_of(copy)
        receipt = f"{next(Layout(copy).journal.iterdir()).name}-000002"
        for command in (
            ("verify", copy, *key[:2]), ("fsck", copy, *key), ("show", copy, receipt, *key[:2])
        ):  # fmt: skip
            done = run(packages, *command, user=user)
            assert done.returncode == 0, done.stdout + done.stderr
        assert looks_of(copy) == before


def looks_of(folder: Path) -> dict[Path, tuple[int, int, bytes]]:
    """Note each path's mode, time of change and content."""
    return {
        path: (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            b"" if path.is_dir() else path.read_bytes(),
        )
        for path in (folder, *folder.rglob("*"))
    }


def test_a_folder_without_receipts_is_not_verified(
    packages: Path, tmp_path: Path, state: Path
) -> None:
    """No folder is a usage error, no receipt is incomplete, no key is asked for."""
    key = keys_of(state)[:2]
    assert run(packages, "verify", tmp_path / "none", *key).returncode == 2
    Layout(tmp_path).journal.mkdir(parents=True)
    nothing = run(packages, "verify", tmp_path, *key)
    assert nothing.returncode == 3
    assert nothing.stdout.startswith("NOTHING TO VERIFY")
    assert run(packages, "verify", state).returncode == 2


def test_the_public_names_can_be_imported() -> None:
    """Each is imported when it is asked for."""
    for name in helm_receipts.__all__:
        assert getattr(helm_receipts, name) is not None
    with pytest.raises(AttributeError):
        helm_receipts.__getattr__("nothing")
