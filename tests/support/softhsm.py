"""SoftHSM: a token in software, reached through PKCS#11 as one of hardware is."""

import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest

_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
_PIN = "4711"


def missing() -> str | None:
    """Say what a test with a token lacks on this machine; None where it has everything."""
    if find_spec("pkcs11") is None:
        return "python-pkcs11 isn't installed: it is in the extra pkcs11"
    if not (shutil.which("softhsm2-util") and shutil.which("pkcs11-tool") and _module()):
        return "SoftHSM isn't on this machine: the packages softhsm2 and opensc have it"
    return None


def _module() -> str | None:
    return next((each for each in _MODULES if Path(each).is_file()), None)


@dataclass(frozen=True)
class Token:
    """A new token below a home folder, with a PIN in a file."""

    home: Path

    @classmethod
    def create(cls, home: Path, monkeypatch: pytest.MonkeyPatch) -> "Token":
        """Make a token in a home folder, which becomes that of this process and its children."""
        configuration = home / ".config/softhsm2/softhsm2.conf"
        for folder in (configuration.parent, home / "tokens"):
            folder.mkdir(parents=True)
        configuration.write_text(f"directories.tokendir = {home / 'tokens'}\n")
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
        pin = home / "pin"
        pin.write_text(f"{_PIN}\n")
        pin.chmod(0o600)
        _run("softhsm2-util", "--init-token", "--free", "--label", "helm", "--so-pin", _PIN,
             "--pin", _PIN)  # fmt: skip
        return cls(home)

    def generate(self, label: str, kind: str) -> None:
        """Have the token make a key pair; `kind` is `edwards25519` or `prime256v1`."""
        self._tool("--keypairgen", "--key-type", f"EC:{kind}", "--label", label)

    def delete(self, label: str) -> None:
        """Have the token forget a private key."""
        self._tool("--delete-object", "--type", "privkey", "--label", label)

    def uri(self, **path: str) -> str:
        """Return what names the token, or with `object` one of its keys."""
        named = "".join(f";{name}={quote(value)}" for name, value in path.items())
        pin = quote(str(self.home / "pin"), safe="/")
        return f"pkcs11:token=helm{named}?module-path={_module()}&pin-source=file:{pin}"

    def _tool(self, *arguments: str) -> None:
        _run("pkcs11-tool", "--module", str(_module()), "--token-label", "helm", "--login",
             "--pin", _PIN, *arguments)  # fmt: skip


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
