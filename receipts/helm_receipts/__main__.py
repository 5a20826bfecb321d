"""`python -m helm_receipts verify | fsck | show | pack`, with Python and `cryptography` alone.

For an auditor who has a folder and a key from somebody they trust. The keys are always named: one
that is in the folder would only vouch for itself.
"""

import argparse
import json
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from inspect import cleandoc
from pathlib import Path
from typing import Any

from helm_receipts.envelope.public_keys import PublicKey, read_public_key

from .audit.checked_line import check_line
from .audit.fsck import fsck
from .audit.key_claims import read_claims
from .audit.pack import verify_pack
from .audit.trust_policy import parse_policy, witnessed
from .audit.verify import NOT_PROVEN, verify_journal
from .envelope.note_keys import LogKey
from .errors import Broken, KeyRefused, ReceiptError
from .journal.reader import find_line
from .layout import Layout
from .log.handovers import follow_handovers
from .printing import while_read

type Command = Callable[[argparse.Namespace], tuple[int, dict[str, Any]]]

YES, NO, USAGE, INCOMPLETE = 0, 1, 2, 3
_UNREADABLE = (
    KeyRefused, OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What a key or a file that was named wrongly gives. What a folder says of keys gives `Broken`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify receipts offline, under keys that you name; says what it found, and what that proves.

    Take the keys from somebody whom you trust, not from what you verify. Begin with `fsck` of a
    folder, or with `pack` of a file.

    Exit codes: 0 VERIFIED, 1 NOT VERIFIED, 2 nothing could be read, 3 true but incomplete.
    """
    options = _parser().parse_args(arguments)
    run: Command = options.run
    try:
        code, told = run(options)
    except Broken as error:
        code, told = NO, {"bad": str(error), "kind": error.kind, "place": error.place}
    except _UNREADABLE as error:
        print(f"helm_receipts: {error}", file=sys.stderr)
        return USAGE
    except ReceiptError as error:
        code, told = NO, {"bad": str(error)}
    with while_read():  # the exit code says it all the same
        _print(code, told, as_json=options.json)
    return code


def _verify(options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    report = verify_journal(_existing(options.state).journal, _keys(options), _archives(options))
    return (YES if report.is_complete else INCOMPLETE), asdict(report)


def _fsck(options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    layout = _existing(options.state)
    notes, witnesses = [path.read_bytes() for path in options.kept], tuple[str, ...]()
    if options.policy is not None:
        note, witnesses = witnessed(layout, parse_policy(options.policy.read_text("utf-8")))
        notes.append(note)
    claims, log_keys = read_claims(layout), [_log_key(options)]
    if claims is not None:  # what handed over, and is signed by both, is followed
        log_keys = follow_handovers(layout.log, log_keys[0], claims)
    report = fsck(layout.state, _keys(options), log_keys, notes, archives=_archives(options))
    return (YES if report.is_complete else INCOMPLETE), asdict(report) | {"witnesses": witnesses}


def _pack(options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    report = verify_pack(options.state, _keys(options), [_log_key(options)])
    return (YES if report.is_complete else INCOMPLETE), asdict(report)


def _show(options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    line = find_line(_existing(options.state).journal, options.receipt)
    return YES, check_line(line, {key.keyid: key for key in _keys(options)}).predicate


def _keys(options: argparse.Namespace) -> list[PublicKey]:
    return [read_public_key(path.read_bytes()) for path in options.key]


def _log_key(options: argparse.Namespace) -> LogKey:
    named = Path(options.vkey)
    return LogKey.parse(named.read_text("utf-8") if named.is_file() else options.vkey)


def _archives(options: argparse.Namespace) -> list[Path]:
    return [_existing(folder).journal for folder in options.archive]


def _existing(state: Path) -> Layout:
    if not Layout(state).journal.is_dir():
        raise FileNotFoundError(f"expected a state folder with a journal, found none in {state}")
    return Layout(state)


def _print(code: int, told: dict[str, Any], *, as_json: bool) -> None:
    unsure = "TRUE BUT INCOMPLETE" if told.get("receipts", 1) else "NOTHING TO VERIFY"
    word = {YES: "VERIFIED", NO: "NOT VERIFIED"}.get(code, unsure)
    if as_json:
        print(json.dumps({"exit": code, **told, "notProven": NOT_PROVEN}, default=str))
        return
    print(word)
    for name, value in told.items():
        if value not in (None, (), "", {}):
            # As JSON: what a receipt says must not steer the auditor's terminal.
            print(f"  {name:<14}{json.dumps(value, default=str)}")
    print("This does not prove")
    print("\n".join(f"  - {claim}" for claim in NOT_PROVEN))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="helm-verify" if sys.argv[0].endswith(".pyz") else "python -m helm_receipts",
        description=cleandoc(main.__doc__ or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="verify | fsck | show | pack")
    alone = _add(commands, "verify", _verify, "Verify every journal: signatures, chains, outcomes.")
    checked = _add(commands, "fsck", _fsck, "Verify all of that, and the log's tree.")
    checked.add_argument(
        "--kept", type=Path, action="append", default=[], help="a checkpoint that must still hold"
    )
    checked.add_argument(
        "--policy", type=Path, help="a trust policy (c2sp.org/tlog-policy): who must have cosigned"
    )
    for command in (alone, checked):
        command.add_argument(
            "--archive", type=Path, action="append", default=[], help="a folder of old receipts"
        )
    pack = "Verify an evidence pack: receipts, proofs, checkpoint."
    packed = _add(commands, "pack", _pack, pack, "the pack, a zip file")
    for command in (checked, packed):
        log_key = "the log's key: what is in log.vkey, or that file"
        command.add_argument("--vkey", required=True, help=log_key)
    shown = _add(commands, "show", _show, "Print what one receipt says, if it verifies.")
    shown.add_argument("receipt", help="the receipt's id, such as 3rz4hhna-000004")
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Command,
    what: str,
    where: str = "the state folder, or a copy of it",
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=what, description=what)
    command.set_defaults(run=run)
    command.add_argument("state", metavar="where", type=Path, help=where)
    command.add_argument(
        "--key",
        type=Path,
        action="append",
        required=True,
        help="a receipt key that you trust (receipt.pub.pem); several for several",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    return command


if __name__ == "__main__":
    sys.exit(main())
