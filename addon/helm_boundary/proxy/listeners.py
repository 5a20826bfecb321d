"""Hooks only where an addon has them.

mitmproxy asks each of its forty addons about each of the eight events of a call, whether it has
that hook or not, and that is half of what a call costs. Asking only those that have it, in the
same order and under the same net, pays for much of the boundary's own part of the loop.
"""

from __future__ import annotations

import inspect
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks


def ask_only_listeners(addons: addonmanager.AddonManager) -> None:
    """Have every event triggered on the addons that listen to it; nothing else changes."""
    known: dict[str, tuple[list[Any], list[Any]]] = {}

    async def trigger_event(event: hooks.Hook) -> None:
        chain, listeners = known.get(event.name, ([], []))
        if chain != addons.chain:
            listeners = [addon for addon in addons.chain if _may_listen(addon, event.name)]
            known[event.name] = list(addons.chain), listeners
        for addon in listeners:
            try:
                await _invoke(addons, addon, event)
            except exceptions.AddonHalt:
                return

    addons.trigger_event = trigger_event  # type: ignore[method-assign]


def _may_listen(addon: Any, name: str) -> bool:
    # One with addons of its own (scripts) may get new ones at any time, so it is always asked.
    return hasattr(addon, name) or hasattr(addon, "addons")


async def _invoke(addons: addonmanager.AddonManager, addon: Any, event: hooks.Hook) -> None:
    try:
        hook = getattr(addon, event.name, None)
        if hasattr(addon, "addons") or not callable(hook):
            await addons.invoke_addon(addon, event)
            return
        result = hook(*event.args())
        if result is not None and inspect.isawaitable(result):
            await result
    except Exception:
        with addonmanager.safecall():  # mitmproxy's own net: what it lets through, and how it logs
            raise
