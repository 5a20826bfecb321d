"""The boundary's place in mitmproxy's chain, where nothing after it can undo it.

Scripts share one entry of the chain, so an exception in one skips the others, and a script that
is edited or deleted is unloaded. The boundary is an entry of its own, behind everything that
changes traffic, and stays when its script goes.
"""

from __future__ import annotations

import logging

from mitmproxy import ctx, exceptions, hooks
from mitmproxy.addonmanager import Loader

from helm_boundary.runtime.unsafe_options import SAFE_DEFAULTS, safe_defaults

from .addon import HelmBoundary
from .patches.client_addresses import meet_clients
from .patches.closed_upstreams import forget_closed_upstreams
from .patches.connections import widen_connections
from .patches.dispatch import ask_only_listeners
from .patches.error_pages import replace_error_pages
from .patches.failed_upstreams import tell_of_failed_upstreams
from .patches.final_check import have_last_word
from .patches.held_streams import let_streams_wait
from .patches.http2_uploads import let_uploads_wait
from .patches.lookups import look_up_quickly
from .patches.message_types import check_types_quickly
from .patches.socket_control import control_sockets

logger = logging.getLogger(__name__)


def install(loader: Loader) -> None:
    """Add the boundary to mitmproxy's chain, once, and configure it: the script's `load` hook.

    What goes wrong is logged as an error, with which mitmproxy ends at start; until then, and
    after it, the boundary denies everything.
    """
    addons = ctx.master.addons
    found = addons.get(HelmBoundary.name)
    if isinstance(found, HelmBoundary):
        return
    if found is not None:
        logger.error("helm-boundary: another addon is called %s; remove it", HelmBoundary.name)
        return
    _set_safe_defaults()
    replace_error_pages()
    check_types_quickly()
    look_up_quickly()
    control_sockets()
    boundary = HelmBoundary()
    ask_only_listeners(addons)
    have_last_word(addons, boundary)
    tell_of_failed_upstreams(boundary.headers_of)
    let_streams_wait(addons)
    meet_clients(boundary.meet)
    widen_connections(boundary.has_open_call, boundary.upload_turns)
    let_uploads_wait(boundary.upload_turns)
    forget_closed_upstreams()
    try:
        addons.add(boundary)
        addons.invoke_addon_sync(boundary, hooks.ConfigureHook(set(ctx.options.keys())))
    except exceptions.OptionsError as error:
        logger.error("helm-boundary: %s", error)
    except TypeError as error:  # of a value in config.yaml, which mitmproxy raises as it is
        logger.error("helm-boundary: %s Write a list as helm_hosts: [api.openai.com]", error)


def _set_safe_defaults() -> None:
    changes = safe_defaults(ctx.options, ctx.options.default)
    if changes:
        ctx.options.update(**changes)
    for name, value in changes.items():
        logger.info("helm-boundary: %s set to %s, %s", name, value, SAFE_DEFAULTS[name][1])
