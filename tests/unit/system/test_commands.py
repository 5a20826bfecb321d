"""The commands for systems that aren't this one, as `--dry-run` prints them, and what `off` does.

A runner of the tests plays the system: it keeps what is written, and reads it back as the real
programs print it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.cli import main
from helm_boundary.system.commands import Command, CommandFailed, Ran, as_root, carry_out, shown
from helm_boundary.system.proxy_settings import (
    SAVED,
    NothingSaved,
    desktop,
    is_on,
    turn_off,
    turn_on,
)
from support.certificates import Authority

KEY = r'"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"'


@pytest.mark.parametrize(
    ("system", "action", "expected"),
    [
        ("debian", "install", ["/usr/local/share/ca-certificates/helm-boundary.crt",
                               "update-ca-certificates"]),
        ("debian", "remove", ["rm -f /usr/local/share/ca-certificates/helm-boundary.crt",
                              "update-ca-certificates --fresh"]),
        ("fedora", "install", ["/etc/pki/ca-trust/source/anchors/helm-boundary.pem",
                               "update-ca-trust extract"]),
        ("fedora", "remove", ["rm -f /etc/pki/ca-trust/source/anchors/helm-boundary.pem",
                              "update-ca-trust extract"]),
        ("macos", "install", ["security add-trusted-cert -d -r trustRoot "
                              "-k /Library/Keychains/System.keychain"]),
        ("macos", "remove", ["security remove-trusted-cert -d", "security delete-certificate -Z"]),
        ("windows", "install", ["certutil -user -addstore Root"]),
        ("windows", "remove", ["certutil -user -delstore Root"]),
    ],
)  # fmt: skip
def test_a_dry_run_prints_the_trust_commands(
    system: str, action: str, expected: list[str], tmp_path: Path
) -> None:
    """Each command is printed, in order, and none is run."""
    file = Authority(tmp_path).file
    arguments = ["trust", action, "--store", "system", "--system", system, "--ca", str(file)]
    printed = CliRunner().invoke(main, [*arguments, "--dry-run"])
    assert printed.exit_code == 0, printed.output
    places = [printed.output.find(each) for each in expected]
    assert -1 not in places, printed.output
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kde", ["kreadconfig5 --file kioslaverc --group 'Proxy Settings' --key ProxyType",
                 "--key httpsProxy 'http://127.0.0.1 8899'", "--key ProxyType 1",
                 "dbus-send --type=signal /KIO/Scheduler"]),
        ("macos", ["networksetup -getsecurewebproxy Wi-Fi",
                   "networksetup -setwebproxy Wi-Fi 127.0.0.1 8899",
                   "networksetup -setsecurewebproxy Wi-Fi 127.0.0.1 8899"]),
        ("windows", [f"reg query {KEY} /v ProxyEnable",
                     f"reg add {KEY} /v ProxyServer /t REG_SZ /d 127.0.0.1:8899 /f",
                     f"reg add {KEY} /v ProxyEnable /t REG_DWORD /d 0x1 /f"]),
        ("gnome", ["gsettings get org.gnome.system.proxy mode",
                   "gsettings set org.gnome.system.proxy.https port 8899"]),
    ],
)  # fmt: skip
def test_a_dry_run_prints_the_proxy_commands(
    name: str, expected: list[str], tmp_path: Path
) -> None:
    """What is read, to be put back, and then what is written; nothing is remembered."""
    arguments = ["system-proxy", "on", "--desktop", name, "--proxy", "127.0.0.1:8899"]
    printed = CliRunner().invoke(main, [*arguments, "--state", str(tmp_path), "--dry-run"])
    assert printed.exit_code == 0, printed.output
    places = [printed.output.replace("kreadconfig6", "kreadconfig5").find(one) for one in expected]
    assert -1 not in places, printed.output
    assert places == sorted(places)
    assert list(tmp_path.iterdir()) == []


class Registry:
    """Windows' `reg`, as far as it is used."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def __call__(self, command: Command) -> Ran:
        _, verb, _, _, name, *rest = command
        if verb == "add":
            self.values[name] = rest[rest.index("/d") + 1]
        elif name not in self.values:
            return Ran(1, "ERROR: The system was unable to find the specified registry value.")
        elif verb == "delete":
            del self.values[name]
        kind = "REG_DWORD" if name == "ProxyEnable" else "REG_SZ"
        return Ran(0, f"\nHKEY_CURRENT_USER\\X\n    {name}    {kind}    {self.values.get(name)}\n")


class Network:
    """macOS's `networksetup` with two services, one of them disabled."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def __call__(self, command: Command) -> Ran:
        _, verb, *rest = command
        if verb == "-listallnetworkservices":
            return Ran(0, "An asterisk (*) denotes a disabled one.\nWi-Fi\n*Thunderbolt\n")
        kind = verb.removeprefix("-get").removeprefix("-set").removesuffix("state")
        if verb.startswith("-set"):
            self.values[kind] = " ".join(rest[1:])
        host, _, port = self.values.get(kind, "off").partition(" ")
        enabled = "Yes" if port else "No"
        return Ran(0, f"Enabled: {enabled}\nServer: {host}\nPort: {port or 0}\n")


@pytest.mark.parametrize("before", [{}, {"ProxyEnable": "0x1", "ProxyServer": "corp:3128"}])
def test_windows_settings_are_restored(before: dict[str, str], tmp_path: Path) -> None:
    """Values that weren't there are gone again, the others are what they were."""
    registry = Registry(**before)
    to = desktop("windows", "127.0.0.1", 8080, registry)
    turn_on(to, tmp_path, registry)
    assert is_on(to, registry)
    turn_on(to, tmp_path, registry)  # twice: what was there before us stays remembered
    turn_off(to, tmp_path, registry)
    assert registry.values == before
    assert not (tmp_path / SAVED).exists()


@pytest.mark.parametrize("before", [{}, {"webproxy": "corp 3128", "securewebproxy": "corp 3129"}])
def test_macos_settings_are_restored(before: dict[str, str], tmp_path: Path) -> None:
    """A proxy that was set comes back; one that was off is off."""
    network = Network(**before)
    to = desktop("macos", "127.0.0.1", 8080, network)
    turn_on(to, tmp_path, network)
    assert network.values == dict.fromkeys(("webproxy", "securewebproxy"), "127.0.0.1 8080")
    turn_off(to, tmp_path, network)
    assert network.values == (before or dict.fromkeys(("webproxy", "securewebproxy"), "off"))


def test_off_without_on_changes_nothing(tmp_path: Path) -> None:
    """Nothing is remembered, so nothing is touched."""
    network = Network()
    with pytest.raises(NothingSaved, match="wasn't used"):
        turn_off(desktop("macos", "127.0.0.1", 8080, network), tmp_path, network)
    assert network.values == {}


def test_a_command_that_fails_stops_the_rest() -> None:
    """The error has the command as it could be pasted, and what it said."""
    ran: list[Command] = []

    def runner(command: Command) -> Ran:
        ran.append(command)
        return Ran(3, "no\nsuch thing")

    with pytest.raises(CommandFailed, match="a 'b c': exit code 3: no such thing"):
        carry_out([("a", "b c"), ("d",)], runner)
    assert ran == [("a", "b c")]


def test_printed_commands_can_be_pasted() -> None:
    """For a shell, or for Windows; by sudo for who isn't root."""
    assert shown(("a", "b c")) == "a 'b c'"
    assert shown(("reg", r"HKCU\a b")) == r'reg "HKCU\a b"'
    assert as_root(("a",), 0) == ("a",)
    assert as_root(("a",), 1000) == ("sudo", "a")
