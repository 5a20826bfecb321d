"""The dispatch of events, only to addons that have the hook.

mitmproxy asks each of its forty addons about each of the eight events of a call, whether it has
that hook or not, and that is half of what a call costs. Asking only those that have it, in the
same order and under the same net, pays for much of the boundary's own part of the loop. So does
looking up once, and not twenty times a call, what an event's arguments are called.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from copy import copy
from dataclasses import fields
from types import ModuleType
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks


def ask_only_listeners(addons: addonmanager.AddonManager) -> None:
    """Have every event triggered on the addons that listen to it; nothing else changes."""
    listeners = _Listeners(addons)

    async def trigger_event(event: hooks.Hook) -> None:
        name, arguments = event.name, event.args()
        for members in listeners.of(name):
            try:
                for member in members:
                    hook = getattr(member, name, None)
                    if not callable(hook):
                        _skip(member, name, hook)
                        continue
                    result = hook(*arguments)
                    if result is not None and inspect.isawaitable(result):
                        await result
            except exceptions.AddonHalt:
                return
            except Exception:
                with addonmanager.safecall():  # mitmproxy's own net: what passes, and how it logs
                    raise

    addons.trigger_event = trigger_event  # type: ignore[method-assign]
    hooks.Hook.args = _arguments  # type: ignore[method-assign,assignment]


_NAMES: dict[type, list[str]] = {}


def _arguments(event: hooks.Hook) -> list[Any]:
    """Return an event's arguments, as mitmproxy's `Hook.args` does."""
    names = _NAMES.get(type(event))
    if names is None:
        found: Any = event  # a dataclass, as every hook is
        names = _NAMES[type(event)] = [field.name for field in fields(found)]
    return [getattr(event, name) for name in names]


class _Listeners:
    """The listeners of each event, looked up again only once addons have come or gone."""

    def __init__(self, addons: addonmanager.AddonManager) -> None:
        self._addons = addons
        self._chain: list[Any] = []
        self._groups: list[tuple[Any, Any]] = []
        """Every addon that has addons of its own (scripts), at any depth, and which."""
        self._known: dict[str, list[list[Any]]] = {}

    def of(self, name: str) -> list[list[Any]]:
        """Return the listeners of each entry of the chain that has any: it and its own addons."""
        if self._has_changed():
            self._chain = list(self._addons.chain)
            self._groups = [(each, copy(each.addons)) for each in _groups(self._chain)]
            self._known.clear()
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = [
                members for entry in self._chain if (members := _members(entry, name))
            ]
        return found

    def _has_changed(self) -> bool:
        if self._chain != self._addons.chain:
            return True
        for group, members in self._groups:  # noqa: SIM110 - for every event
            if group.addons != members:
                return True
        return False


def _groups(chain: list[Any]) -> Iterator[Any]:
    return (each for each in addonmanager.traverse(chain) if hasattr(each, "addons"))


def _members(entry: Any, name: str) -> list[Any]:
    return [each for each in addonmanager.traverse([entry]) if hasattr(each, name)]


def _skip(member: Any, name: str, hook: Any) -> None:
    """Pass over what is named as a hook and is a module, as mitmproxy does; raise for the rest."""
    if hook and not isinstance(hook, ModuleType):
        raise exceptions.AddonManagerError(f"Addon handler {name} ({member}) not callable")
