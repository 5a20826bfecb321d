"""The boundary's own options, as mitmproxy knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from mitmproxy.addonmanager import Loader
from mitmproxy.utils import human

from helm_boundary.approvals.notify import notifier
from helm_boundary.calls.call import Mode
from helm_boundary.calls.hosts import (
    DEFAULT_HOSTS,
    HostPattern,
    HostPatternError,
    listed_hosts,
    parse_host_pattern,
)
from helm_boundary.calls.local_addresses import EVERYTHING, LocalPlaceError, Reach, read_reach
from helm_boundary.calls.networks import NOWHERE, NetworkError, Networks
from helm_boundary.enforcement.settings import OnToolDenied, Wire
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.profiles import is_profile, profile_folder
from helm_receipts.database.address import Address, missing_library
from helm_receipts.database.address import is_address as is_database
from helm_receipts.errors import StateRefused

from .extras import EXTRA_OPTIONS, NO_EXTRAS, ExtraError, Extras
from .own_address import AddressError, read_address
from .state_folder import default_state_folder, no_folder

_NEAR = 3
"""So many names are proposed for one that no option has."""


class OptionValues(Protocol):
    """mitmproxy's options: an attribute for each name."""

    def __getattr__(self, name: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Config:
    """The options, read and checked; sizes in bytes, times in seconds or as named."""

    policy: tuple[str, ...]
    policy_key: Path | None
    candidate: tuple[str, ...]
    engine: str
    opa_url: str
    state: Path
    mode: Mode
    hosts: tuple[HostPattern, ...]
    on_deny: str
    on_escalate: str
    hold_seconds: int
    hold_max: int
    notify: str
    keep_flows: int
    max_body: int
    deadline_ms: int
    local: Reach = EVERYTHING
    balancers: Networks = NOWHERE
    """Who says by the PROXY protocol who its clients are."""
    health: tuple[str, int] | None = None
    """Where it is told over HTTP whether calls are taken; None for nowhere."""
    on_tool_denied: OnToolDenied = "auto"
    notify_desktop: bool = False
    notify_arguments: bool = False
    signer: str = ""
    shown_to: tuple[str, ...] = ()
    """To whom checkpoints are shown: `witness=URL,vkey` or `timestamp=URL`, each."""
    wire: Wire = "plain"
    logs_calls: bool = True
    """Whether the log has a line for each call; not where mitmproxy prints none (flow_detail=0)."""
    extras: Extras = NO_EXTRAS
    database: Address | None = None
    """Where the state is, if not in the folder; `state` then has what is this boundary's own."""
    state_deadline_ms: int = 2000


def add_options(loader: Loader) -> None:
    """Tell mitmproxy which options there are."""
    for name, kind, default, text, choices in OPTIONS:
        loader.add_option(name, kind, default, text, choices)


OPTIONS: tuple[tuple[str, Any, Any, str, tuple[str, ...] | None], ...] = (
    ("helm_policy", Sequence[str], [], "Policy folders, OPA bundles (.tar.gz) or their URLs, or "
     "profile:NAME for one that comes with the boundary (coding-agent, chat-app, batch); later "
     "ones over earlier ones. One that defines data.helm.decision replaces the default policy; "
     "others extend it. A changed policy is tested, then takes over while the boundary runs.",
     None),
    ("helm_policy_key", str, "", "A key file (PEM, or a shared secret); every policy must then "
     "be a bundle that is signed with it.", None),
    ("helm_candidate", Sequence[str], [], "A second policy, as in helm_policy: it is evaluated "
     "beside the enforced one and noted in the receipts, but never takes effect.", None),
    ("helm_engine", str, "embedded", "embedded: the engine that comes with the boundary. opa: the "
     "`opa` on PATH, started and kept running beside it with the same policy; everything that OPA "
     "has may be used then, but for what reaches out or changes from call to call.",
     ("embedded", "opa")),
    ("helm_opa_url", str, "", "An OPA server that decides in place of the embedded engine, such as "
     "http://127.0.0.1:8181. Can't be combined with helm_policy or helm_policy_key.", None),
    ("helm_state", str, "", "Folder for keys, receipts and approvals, private to the user who "
     "runs the boundary. Default: helm-boundary in the platform's user state folder. Or "
     "postgresql://HOST/DATABASE, for many boundaries with one state (needs the extra "
     "helm-boundary[postgresql]).", None),
    ("helm_folder", str, "", "With helm_state=postgresql://…: the folder of what this boundary "
     "keeps for itself: its keys, its sockets, and outcomes that the database hasn't taken yet. "
     "Default: helm-boundary in the platform's user state folder.", None),
    ("helm_state_deadline_ms", int, 2000, "How long a receipt may take to be committed by the "
     "database, in milliseconds; after that calls are denied until it answers again.", None),
    ("helm_signer", str, "", "exec:COMMAND: a command that signs receipts and the log, started "
     "once; pkcs11:URI: a token that does. So no private key is a file in the state folder. Chosen "
     "before the first start, or by `helm-boundary keys rotate --signer`.",
     None),
    ("helm_mode", str, "enforce", "enforce: verdicts take effect. observe: they are only "
     "recorded, and everything passes.", ("enforce", "observe")),
    ("helm_hosts", Sequence[str], list(DEFAULT_HOSTS), "Hosts on which every request is a call, "
     "as [*.]name[:port][/prefix]; +name adds to the default list. A reverse listener's server is "
     "one of itself. Calls to other hosts are recognised by path and body.", None),
    ("helm_local", Sequence[str], ["any"], "What clients may reach by the boundary on this machine "
     "and its private networks: any, none, or HOST:PORT, each. exec --confine sets it to none, "
     "and exec --allow-local to what it names.", None),
    ("helm_proxy_protocol_from", Sequence[str], [], "Balancers, as networks or addresses such as "
     "10.0.0.0/24: they must begin each connection with the PROXY protocol's header (version 1 or "
     "2), and the client's address is the one it names. From others such a header isn't read.",
     None),
    ("helm_health", str, "", "Where a balancer or a container's host asks over HTTP whether calls "
     "are taken here, such as 127.0.0.1:8083: 200 while they are, 404 while it stops, else 503, "
     "with a few counts. With --processes one address answers for all.", None),
    ("helm_no_proxy", Sequence[str], [], "With --mode upstream: what is reached without that "
     "proxy, as NO_PROXY has it: a name and what is under it, an address, a network, or * for all. "
     "exec takes it from NO_PROXY.", None),
    ("helm_on_deny", str, "respond", "respond: 403 with the verdict. kill: close the connection; "
     "most clients take that for a network error and retry. No denial steers then "
     "(helm_on_tool_denied).", ("respond", "kill")),
    ("helm_on_tool_denied", str, "auto", "How a denied tool call ends an answer. error: with the "
     "dialect's error. steer: with a call of a tool that doesn't exist, helm_boundary_denied, that "
     "tells the model why; it goes on without. auto: steer for agents that are known to carry on "
     "(Claude Code, Codex, opencode, Gemini CLI), error for the rest.", ("auto", "error", "steer")),
    ("helm_on_escalate", str, "respond", "respond: 403 with an approval id; once that is granted "
     "(`helm-boundary approvals`), the client's next identical call passes. hold: the flow waits "
     "for a person, who resumes or kills it in mitmweb or mitmproxy, or decides on the command "
     "line.",
     ("respond", "hold")),
    ("helm_wire", str, "plain", "How clients are told of verdicts. plain: the boundary's own "
     "headers and error. helm: HELM's headers and members beside them, for its SDKs.",
     ("plain", "helm")),
    ("helm_hold_seconds", int, 300, "How long an approval may take, in seconds; a grant that isn't "
     "used by then expires. With helm_on_escalate=hold it must be less than tcp_timeout.", None),
    ("helm_hold_max", int, 100, "How many flows may wait for a person at a time; further ones are "
     "denied.", None),
    ("helm_notify", str, "", "How to tell a person that an approval is needed: an http(s) URL to "
     "which JSON is posted, or a command that reads it. Tools are named; of content there is none "
     "without helm_notify_arguments.", None),
    ("helm_notify_desktop", bool, False, "Show each question on this desktop, by notify-send or "
     "osascript. Off, since it starts that program.", None),
    ("helm_notify_arguments", bool, False, "Tell whoever is notified also how a tool call's "
     "arguments begin, redacted as policy redacts. On the desktop they are part of a command line, "
     "which this machine's other users may see for a moment.", None),
    ("helm_keep_flows", int, 5000, "How many flows mitmweb and mitmproxy keep; beyond that the "
     "oldest finished ones are dropped, never one that waits. 0 keeps all.", None),
    ("helm_max_body", str, "32m", "Largest body that is judged, after decoding, and the most "
     "that is held of a stream's tool calls; anything larger is denied. Suffixes: k, m and g.",
     None),
    ("helm_witness", Sequence[str], [], "Witnesses (c2sp.org/tlog-witness) that cosign the receipt "
     "log's checkpoints, each as URL,vkey. They see the log's name, size and root, no receipt.",
     None),
    ("helm_timestamp", str, "", "A timestamp authority (RFC 3161), an http(s) address: once an "
     "hour it signs when the receipt log's checkpoint was there. It sees a hash.", None),
    ("helm_deadline_ms", int, 250, "How long policy may take for one judgement, in milliseconds; "
     "after that the verdict is DENY.", None),
    *EXTRA_OPTIONS,
)  # fmt: skip


class ConfigError(ValueError):
    """An option's value can't be used; the message names the option and what it takes."""


def read_config(options: OptionValues) -> Config:
    """Read and check the options' values.

    Raises:
        ConfigError: with the option's name and what was expected.
    """
    _check_names(options)
    _check_opa(options)
    _check_beside_database(options)
    return Config(
        policy=_sources(options.helm_policy),
        policy_key=_absolute(options.helm_policy_key) if options.helm_policy_key else None,
        candidate=_sources(options.helm_candidate),
        engine=_chosen(options, "helm_engine"),
        opa_url=options.helm_opa_url,
        state=_state(options),
        database=_database(options.helm_state),
        state_deadline_ms=_within(
            "helm_state_deadline_ms", options.helm_state_deadline_ms, 20, 60_000
        ),
        signer=options.helm_signer,
        mode="observe" if _chosen(options, "helm_mode") == "observe" else "enforce",
        hosts=_hosts(options.helm_hosts),
        local=_local(options.helm_local),
        balancers=_balancers(options.helm_proxy_protocol_from),
        health=_health(options.helm_health),
        on_deny=_chosen(options, "helm_on_deny"),
        on_escalate=_chosen(options, "helm_on_escalate"),
        on_tool_denied=cast(OnToolDenied, _chosen(options, "helm_on_tool_denied")),
        hold_seconds=_hold_seconds(options),
        hold_max=_within("helm_hold_max", options.helm_hold_max, 1, 10_000),
        notify=_notify(options.helm_notify),
        notify_desktop=_notify_desktop(options),
        notify_arguments=_notify_arguments(options),
        extras=_extras(options),
        keep_flows=_within("helm_keep_flows", options.helm_keep_flows, 0, 10_000_000),
        max_body=_within("helm_max_body", _size(options.helm_max_body), 1024, 1 << 30),
        shown_to=(*_witnesses(options.helm_witness), *_timestamp(options.helm_timestamp)),
        wire=cast(Wire, _chosen(options, "helm_wire")),
        logs_calls=getattr(options, "flow_detail", 1) > 0,
        deadline_ms=_within("helm_deadline_ms", options.helm_deadline_ms, 5, 60_000),
    )


def _sources(values: Sequence[str]) -> tuple[str, ...]:
    """Return policy folders, profiles and bundles as absolute paths, addresses as they are."""
    return tuple(value if is_address(value) else str(_source(value)) for value in values)


def _source(value: str) -> Path:
    try:
        return profile_folder(value) if is_profile(value) else _absolute(value)
    except PolicyError as error:
        raise ConfigError(f"helm_policy: {error}") from None


def is_address(source: str) -> bool:
    """Tell whether a policy comes from a server."""
    return source.startswith(("http://", "https://"))


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _balancers(values: Sequence[str]) -> Networks:
    try:
        return Networks.read(values)
    except NetworkError as error:
        raise ConfigError(f"helm_proxy_protocol_from: {error}") from None


def _health(value: str) -> tuple[str, int] | None:
    try:
        return read_address(value) if value else None
    except AddressError as error:
        raise ConfigError(f"helm_health: {error}") from None


def _hold_seconds(options: OptionValues) -> int:
    seconds = _within("helm_hold_seconds", options.helm_hold_seconds, 1, 86_400)
    if options.helm_on_escalate == "hold" and seconds >= options.tcp_timeout:
        raise ConfigError(
            f"helm_hold_seconds: {seconds} isn't less than tcp_timeout ({options.tcp_timeout}), so "
            "the connection would be closed under a waiting flow; lower it or raise tcp_timeout"
        )
    return seconds


def _notify(value: str) -> str:
    try:
        if value:
            notifier(value)
    except ValueError as error:
        raise ConfigError(
            f"helm_notify: expected an http(s) address or a command, found one where {error}"
        ) from None
    return value


def _notify_desktop(options: OptionValues) -> bool:
    if not options.helm_notify_desktop:
        return False
    from helm_boundary.approvals.desktop import NoDesktop, desktop_notifier

    try:
        desktop_notifier(with_arguments=False)
    except NoDesktop as error:
        raise ConfigError(
            f"helm_notify_desktop: {error}; install one (libnotify has the first), or leave it off"
        ) from None
    return True


def _notify_arguments(options: OptionValues) -> bool:
    if options.helm_notify_arguments and not (options.helm_notify or options.helm_notify_desktop):
        raise ConfigError(
            "helm_notify_arguments: nobody is told; set helm_notify or helm_notify_desktop too"
        )
    return bool(options.helm_notify_arguments)


def _witnesses(values: Sequence[str]) -> tuple[str, ...]:
    if values:  # nothing of it is imported otherwise
        from helm_receipts.errors import KeyRefused
        from helm_receipts.recording.witness_client import parse_witness

        try:
            for value in values:
                parse_witness(value)
        except KeyRefused as error:
            raise ConfigError(f"helm_witness: {error}") from None
    return tuple(f"witness={value}" for value in values)


def _timestamp(url: str) -> tuple[str, ...]:
    if not url:
        return ()
    if not is_address(url):
        raise ConfigError(f"helm_timestamp: expected an http(s) address, found {url!r}")
    if find_spec("rfc3161_client") is None:
        raise ConfigError(
            "helm_timestamp: rfc3161-client isn't installed; install helm-boundary[timestamps]"
        )
    return (f"timestamp={url}",)


def _check_names(options: OptionValues) -> None:
    """Refuse names of ours that no option has: mitmproxy keeps them, and says nothing."""
    for name in options.deferred:
        if name.startswith("helm"):
            near = get_close_matches(name, [option[0] for option in OPTIONS], _NEAR)
            known = f"did you mean {', '.join(near)}?" if near else "docs/options.md has them all"
            raise ConfigError(f"{name}: there is no such option; {known}")


def _check_opa(options: OptionValues) -> None:
    """Refuse what would be ignored beside an OPA server, which has a policy of its own."""
    for name in ("helm_policy", "helm_policy_key"):
        if options.helm_opa_url and getattr(options, name):
            raise ConfigError(
                f"{name}: the server at helm_opa_url decides, by the policy that it has, so this "
                "would have no effect; unset one of the two"
            )
    if options.helm_opa_url and options.helm_engine != "embedded":
        raise ConfigError(
            "helm_engine: the server at helm_opa_url is the engine already; unset one of the two"
        )


_OF_FOLDERS = ("helm_witness", "helm_timestamp")
"""What shows the log of a folder to others; a database's log is a log service's business."""


def _check_beside_database(options: OptionValues) -> None:
    """Refuse what would find no log in the folder of a boundary whose receipts are elsewhere."""
    for name in _OF_FOLDERS if is_database(options.helm_state) else ():
        if getattr(options, name):
            raise ConfigError(
                f"{name}: is for the log of a state folder, and helm_state is a database: give "
                "`helm-boundary log serve`, which keeps its log up, "
                f"--{name.removeprefix('helm_')} instead (docs/operations.md)"
            )


def _chosen(options: OptionValues, name: str) -> str:
    """Return an option's value, which is one of its choices: mitmproxy doesn't check that."""
    value = getattr(options, name)
    (choices,) = (row[4] for row in OPTIONS if row[0] == name)
    if value not in (choices or ()):
        raise ConfigError(f"{name}: {value!r} is none of {', '.join(choices or ())}")
    return str(value)


def _state(options: OptionValues) -> Path:
    """Return the folder: the whole state, or what is this boundary's own beside a database."""
    value, own = options.helm_state, options.helm_folder
    if is_database(value):
        name, value = "helm_folder", own
    elif own:
        raise ConfigError("helm_folder: only beside a database; helm_state is the folder otherwise")
    else:
        name = "helm_state"
    why = no_folder(value)
    if why is not None:
        raise ConfigError(f"{name}: {why}")
    return _absolute(value) if value else default_state_folder()


def _database(value: str) -> Address | None:
    """Return the database's address; None where the state is a folder."""
    if not is_database(value):
        return None
    try:
        if (why := missing_library()) is not None:
            raise ConfigError(f"helm_state: {why}")
        return Address(value)
    except StateRefused as error:
        raise ConfigError(f"helm_state: {error}") from None


def _extras(options: OptionValues) -> Extras:
    try:
        return Extras.read(options)
    except ExtraError as error:
        raise ConfigError(str(error)) from None


def _hosts(values: Sequence[str]) -> tuple[HostPattern, ...]:
    """Read the governed hosts; one that no request could match would stay ungoverned."""
    try:
        return tuple(parse_host_pattern(value) for value in listed_hosts(values))
    except HostPatternError as error:
        raise ConfigError(
            f"helm_hosts: {error}; for several hosts repeat `--set helm_hosts=…`, once for each, "
            "or write a list in config.yaml (helm_hosts: [api.openai.com, api.anthropic.com])"
        ) from None


def _local(values: Sequence[str]) -> Reach:
    try:
        return read_reach(values)
    except LocalPlaceError as error:
        raise ConfigError(
            f"helm_local: {error}; any and none stand alone, several places need a --set each"
        ) from None


def _size(value: str) -> int:
    try:
        size = human.parse_size(value)
    except ValueError:
        size = None
    if size is None:
        raise ConfigError(f"helm_max_body: {value!r} is no size; expected one such as 32m")
    return size


def _within(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ConfigError(f"{name}: {value} is out of range; expected {least} to {most}")
    return value
