"""The system's proxy setting, by the commands that each desktop has for it.

Sources: GNOME's schema org.gnome.system.proxy; KDE's kioslaverc, group "Proxy Settings";
networksetup(8) on macOS; "Internet Settings" in the registry of Windows.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .commands import Command, Runner, carry_out, run

SAVED = "system-proxy.json"
DESKTOPS = ("gnome", "kde", "macos", "windows")
_REGISTRY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_SERVICES = ("Wi-Fi", "Ethernet")


class NothingSaved(Exception):
    """`off` without an `on` before it: there is nothing to restore."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One of the system's settings: the command that reads it, and those that write it.

    `value` makes of what `read` prints the text that `write` takes; "" is a value that isn't set.
    """

    name: str
    wanted: str
    read: Command
    write: Callable[[str], tuple[Command, ...]]
    value: Callable[[str], str] = str.strip


@dataclass(frozen=True, slots=True)
class Desktop:
    """All proxy settings of one kind of desktop, and commands that make programs notice."""

    name: str
    settings: tuple[Setting, ...]
    after: tuple[Command, ...] = ()


def desktop_of_this_machine(environment: Mapping[str, str]) -> str:
    """Return which of DESKTOPS this machine has."""
    if sys.platform == "darwin":
        return "macos"
    if sys.platform == "win32":
        return "windows"
    return "kde" if "KDE" in environment.get("XDG_CURRENT_DESKTOP", "") else "gnome"


def desktop(name: str, host: str, port: int, runner: Runner = run) -> Desktop:
    """Return the settings that point a desktop at a proxy with this address."""
    return {"gnome": _gnome, "kde": _kde, "macos": _macos, "windows": _windows}[name](
        host, port, runner
    )


def commands_on(to: Desktop) -> list[Command]:
    """Return every command of `on`: what is read, to be restored, and what is written."""
    reads = [setting.read for setting in to.settings]
    writes = [command for setting in to.settings for command in setting.write(setting.wanted)]
    return [*reads, *writes, *to.after]


def commands_off(to: Desktop, saved: Mapping[str, str]) -> list[Command]:
    """Return every command of `off`, which writes what was there before."""
    known = {setting.name: setting for setting in to.settings}
    writes = [
        command
        for name, value in saved.items()
        if name in known
        for command in known[name].write(value)
    ]
    return [*writes, *to.after]


def turn_on(to: Desktop, state: Path, runner: Runner = run) -> None:
    """Save the present settings, unless some are saved already, and set ours.

    Raises:
        CommandFailed, OSError
    """
    if not (state / SAVED).exists():
        saved = {"desktop": to.name, "settings": current(to, runner)}
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (state / SAVED).write_text(json.dumps(saved, indent=1))
    carry_out(commands_on(to)[len(to.settings) :], runner)


def turn_off(to: Desktop, state: Path, runner: Runner = run) -> None:
    """Restore the settings that `turn_on` saved.

    Raises:
        NothingSaved, CommandFailed, OSError
    """
    carry_out(commands_off(to, saved_settings(state)), runner)
    (state / SAVED).unlink()


def saved_settings(state: Path) -> dict[str, str]:
    """Return the settings that `turn_on` saved; raises NothingSaved."""
    try:
        settings: dict[str, str] = json.loads((state / SAVED).read_text())["settings"]
    except FileNotFoundError:
        raise NothingSaved(
            f"no {state / SAVED}: `system-proxy on` wasn't used with this state folder"
        ) from None
    return settings


def current(to: Desktop, runner: Runner = run) -> dict[str, str]:
    """Return the present settings; one that can't be read counts as not set."""
    found = {}
    for setting in to.settings:
        ran = runner(setting.read)
        found[setting.name] = setting.value(ran.out) if ran.code == 0 else ""
    return found


def _gnome(host: str, port: int, _: Runner) -> Desktop:
    wanted = {
        "org.gnome.system.proxy.http host": f"'{host}'",
        "org.gnome.system.proxy.http port": str(port),
        "org.gnome.system.proxy.https host": f"'{host}'",
        "org.gnome.system.proxy.https port": str(port),
        "org.gnome.system.proxy ignore-hosts": "@as []",
        "org.gnome.system.proxy mode": "'manual'",
    }
    return Desktop("gnome", tuple(_gsetting(name, value) for name, value in wanted.items()))


def _gsetting(name: str, wanted: str) -> Setting:
    schema, key = name.split(" ")

    def write(value: str) -> tuple[Command, ...]:
        if not value:
            return (("gsettings", "reset", schema, key),)
        return (("gsettings", "set", schema, key, value),)

    return Setting(name, wanted, ("gsettings", "get", schema, key), write)


def _kde(host: str, port: int, _: Runner) -> Desktop:
    version = "6" if shutil.which("kwriteconfig6") else "5"
    wanted = {
        "httpProxy": f"http://{host} {port}",
        "httpsProxy": f"http://{host} {port}",
        "NoProxyFor": "",
        "ProxyType": "1",
    }
    notice = ("dbus-send", "--type=signal", "/KIO/Scheduler",
              "org.kde.KIO.Scheduler.reparseSlaveConfiguration", "string:")  # fmt: skip
    settings = tuple(_kde_setting(version, key, value) for key, value in wanted.items())
    return Desktop("kde", settings, (notice,))


def _kde_setting(version: str, key: str, wanted: str) -> Setting:
    where = ("--file", "kioslaverc", "--group", "Proxy Settings", "--key", key)

    def write(value: str) -> tuple[Command, ...]:
        if not value:
            return ((f"kwriteconfig{version}", *where, "--delete", ""),)
        return ((f"kwriteconfig{version}", *where, value),)

    return Setting(key, wanted, (f"kreadconfig{version}", *where), write)


def _macos(host: str, port: int, runner: Runner) -> Desktop:
    listed = runner(("networksetup", "-listallnetworkservices"))
    services: Sequence[str] = listed.out.splitlines()[1:] if listed.code == 0 else _SERVICES
    return Desktop(
        "macos",
        tuple(
            _network_proxy(kind, service, f"{host} {port}")
            for service in services
            if not service.startswith("*")  # a disabled one
            for kind in ("webproxy", "securewebproxy")
        ),
    )


def _network_proxy(kind: str, service: str, wanted: str) -> Setting:
    def write(value: str) -> tuple[Command, ...]:
        if not value:
            return (("networksetup", f"-set{kind}state", service, "off"),)
        return (("networksetup", f"-set{kind}", service, *value.split(" ")),)

    def value(printed: str) -> str:
        said = dict(re.findall(r"^(\w+): (.*)$", printed, re.MULTILINE))
        return f"{said['Server']} {said['Port']}" if said.get("Enabled") == "Yes" else ""

    read = ("networksetup", f"-get{kind}", service)
    return Setting(f"{kind} of {service}", wanted, read, write, value)


def _windows(host: str, port: int, _: Runner) -> Desktop:
    return Desktop(
        "windows",
        (
            _registry("ProxyServer", "REG_SZ", f"{host}:{port}"),
            # Otherwise what is on this machine is left out, local models among it.
            _registry("ProxyOverride", "REG_SZ", "<-loopback>"),
            _registry("ProxyEnable", "REG_DWORD", "0x1"),
        ),
    )


def _registry(name: str, kind: str, wanted: str) -> Setting:
    def write(value: str) -> tuple[Command, ...]:
        if not value:
            return (("reg", "delete", _REGISTRY, "/v", name, "/f"),)
        return (("reg", "add", _REGISTRY, "/v", name, "/t", kind, "/d", value, "/f"),)

    def value(printed: str) -> str:
        found = re.search(rf"{name}\s+{kind}\s+(.*)", printed)
        return found[1].strip() if found else ""

    return Setting(name, wanted, ("reg", "query", _REGISTRY, "/v", name), write, value)


def is_on(to: Desktop, runner: Runner = run) -> bool:
    """Tell whether every setting is as `on` sets it."""
    found = current(to, runner)
    return all(found[setting.name] == setting.wanted for setting in to.settings)
