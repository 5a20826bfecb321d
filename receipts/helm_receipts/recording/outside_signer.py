"""Keys that are kept outside: a command of the operator's signs, and no private key is a file here.

The command is started once and kept open. It reads a line of JSON for each question and answers
with one; it may hand them on to a token or to a key service:

    {"role": "receipt"}                        {"public": "<64 hex digits, or 130 of P-256>"}
    {"message": "<base64>", "role": "log"}     {"signature": "<base64 of 64 bytes, or of DER>"}

Each signature is verified before it is used, since a receipt with a wrong one could never be taken
back. The state folder keeps what signs, in `keys/signer` for both roles or in the role's own file,
and nothing else is accepted. `pkcs11:` and a URI stand for the command in `pkcs11_signer`.
"""

import atexit
import base64
import contextlib
import json
import os
import select
import shlex
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_receipts.envelope.key_files import signer_in
from helm_receipts.envelope.public_keys import PublicKey, one_spelling, public_key
from helm_receipts.envelope.signing_keys import SIGNING_ROLES, SigningKey
from helm_receipts.errors import KeyRefused, RecorderError
from helm_receipts.storage import isolated
from helm_receipts.storage.secret_file import create_secret, read_secret

from .keyset import SIGNER as FILE

COMMAND, TOKEN = "exec:", "pkcs11:"
SECONDS = 2.0
"""How long an answer may take: calls wait for it."""
PAUSE_SECONDS = 1.0
"""How long a signer that failed isn't asked again, so that calls are refused at once."""
_MOST_BYTES = 65_536


class SignerFailed(RecorderError):
    """The command gave no signature, or none that verifies, so there is no receipt."""


class OutsideSigner:
    """A command that signs, started when it is first asked and again after it has ended."""

    def __init__(self, signer: str) -> None:
        self.signer = signer
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ask_after = 0.0

    def public(self, role: str) -> PublicKey:
        """Ask for a role's public key."""
        try:
            return public_key(bytes.fromhex(self._ask({"role": role})["public"]))
        except (KeyError, TypeError, ValueError) as error:
            raise SignerFailed(f"{self._name} gives no {role} key: {error}") from error

    def sign(self, role: str, key: PublicKey, message: bytes) -> bytes:
        """Have a message signed; `SignerFailed` unless `key` verifies what comes back."""
        question = {"message": base64.b64encode(message).decode(), "role": role}
        try:
            signature = base64.b64decode(self._ask(question)["signature"], validate=True)
            if key.type == "p256":
                signature = one_spelling(signature)
        except (KeyError, TypeError, ValueError) as error:
            raise SignerFailed(f"{self._name} gives no signature: {error}") from error
        if not key.verifies(signature, message):
            raise SignerFailed(f"{self._name} gives a signature that its {role} key didn't make")
        return signature

    def close(self) -> None:
        """End the command. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):
                process.__exit__(None, None, None)

    @property
    def _name(self) -> str:
        return f"the signer {self.signer!r}"

    def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() < self._ask_after:
                raise SignerFailed(f"{self._name} has just failed, and is asked again in a second")
            line = json.dumps(question).encode() + b"\n"
            try:
                if self._process is not None and self._process.poll() is not None:
                    self.close()  # it has ended since it was asked last
                return self._exchange(line)
            except (OSError, ValueError) as error:
                self.close()
                self._ask_after = time.monotonic() + PAUSE_SECONDS
                raise SignerFailed(
                    f"{self._name} doesn't answer: {error}; nothing is allowed until it does: "
                    "start it by hand to see why"
                ) from error

    def _exchange(self, line: bytes) -> dict[str, Any]:
        if self._process is None:
            self._process = subprocess.Popen(
                _command_line(self.signer),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=isolated.bare_environment(),
                bufsize=0,
                start_new_session=True,  # a Ctrl-C for the boundary is not one for its signer
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise OSError("it has no pipes")
        stdin.write(line)
        answer = json.loads(_line(stdout.fileno()))
        if not isinstance(answer, dict):
            raise ValueError("expected an object")
        return answer


@dataclass(frozen=True, slots=True)
class _Outside:
    """What signs in the place of a private key."""

    signer: OutsideSigner
    role: str
    key: PublicKey

    def sign(self, data: bytes) -> bytes:
        return self.signer.sign(self.role, self.key, data)


_signers: dict[str, OutsideSigner] = {}


@atexit.register
def _close_signers() -> None:
    for signer in _signers.values():
        signer.close()


def outside_key(signer: str, role: str) -> SigningKey:
    """Return the role's key, as what signs has it; `KeyRefused` where it doesn't answer."""
    found = _signers.setdefault(signer, OutsideSigner(signer))
    try:
        public = found.public(role)
    except SignerFailed as error:
        raise KeyRefused(str(error)) from error
    return SigningKey(role, public, _Outside(found, role, public))


def choose_signer(keys: Path, option: str) -> None:
    """Have something elsewhere sign for a folder of keys that has none yet, or be what does.

    `option` is as `parse_signer` takes it. `KeyRefused` where files or something else sign.
    """
    signer, used = parse_signer(option), signers_in_use(keys)
    if not used and any((keys / f"{role}.pem").exists() for role in SIGNING_ROLES):
        raise KeyRefused(
            f"expected no keys in {keys}, found some: a signer is chosen before the first start, "
            "or by `helm-boundary keys rotate receipt --signer`"
        )
    if not used:
        create_secret(keys / FILE, f"{signer}\n".encode())
        used = signers_in_use(keys)
    if signer not in used:
        raise KeyRefused(f"expected the signer {' or '.join(sorted(used))!r}, found {signer!r}")


def signers_in_use(keys: Path) -> set[str]:
    """List what signs elsewhere for a folder of keys: for both roles, or one for each."""
    files = {role: keys / f"{role}.pem" for role in SIGNING_ROLES}
    used = {signer_in(path, role) for role, path in files.items() if path.exists()}
    if (keys / FILE).exists() and not all(path.exists() for path in files.values()):
        used.add(read_secret(keys / FILE).decode().strip())
    return used - {""}


def parse_signer(option: str) -> str:
    """Return what is noted of a signer: `exec:`'s command, or all of `pkcs11:`'s URI (RFC 7512)."""
    signer = option.removeprefix(COMMAND).strip()
    if not option.startswith((COMMAND, TOKEN)) or signer in ("", TOKEN):
        raise KeyRefused(f"expected a signer as exec:COMMAND or pkcs11:URI, found {option!r}")
    return signer


def _command_line(signer: str) -> list[str]:
    if signer.startswith(TOKEN):
        return isolated.run_module("helm_receipts.recording.pkcs11_signer", signer)
    return shlex.split(signer)


def _line(descriptor: int) -> bytes:
    """Read a line within the time that an answer may take; OSError for anything else."""
    until, text = time.monotonic() + SECONDS, b""
    while not text.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise OSError(f"no answer within {SECONDS:g} seconds")
        more = os.read(descriptor, _MOST_BYTES)
        if not more or len(text) > _MOST_BYTES:
            raise OSError("it ended" if not more else "it answers more than a line")
        text += more
    return text
