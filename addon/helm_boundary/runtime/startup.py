"""A boundary that runs: everything that a configuration brings to life, and its end."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from helm_boundary import __version__
from helm_boundary.approvals.notify import Tell, notifier, tell_each
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.calls.call import Mode
from helm_boundary.enforcement.call_log import log_call
from helm_boundary.enforcement.requests import Boundary
from helm_boundary.enforcement.responses import Answers
from helm_boundary.enforcement.settings import Settings
from helm_boundary.evaluation.judge import Judge
from helm_boundary.fleet.orders import Orders, orders_of
from helm_boundary.matching.matcher import Matcher
from helm_boundary.policy.detectors.detectors import Detectors
from helm_boundary.policy.engines.engine import Engine
from helm_boundary.policy.errors import PolicyError
from helm_receipts.database.address import Address
from helm_receipts.errors import ReceiptError, StateRefused
from helm_receipts.layout import Layout
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.recorder import Recorder
from helm_receipts.storage.custody import refuse_foreign_state

from .budgets import accounts_under
from .engines import Judging, start_judging
from .kept_policies import keep
from .key_pinning import settle
from .options import Config
from .outside_keys import use_signer


class StartError(Exception):
    """The boundary can't start; the message says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """One boundary under one configuration."""

    boundary: Boundary
    answers: Answers
    engine: Engine
    recorder: Recorder
    state: Path
    kills: bool
    judging: Judging
    policy_key: Path | None = None
    holds: bool = False
    hold_seconds: int = 300
    keep_flows: int = 5000
    database: Address | None = None
    orders: Orders = field(kw_only=True)

    @property
    def observes(self) -> bool:
        """Whether verdicts are only written down, and everything passes."""
        return self.boundary.settings.observes

    def under(self, engine: Engine, detectors: Detectors) -> Running:
        """Return the same boundary under another policy; this one goes on for the calls it has.

        `PolicyError` where the budgets of that policy can't be kept.
        """
        judge = Judge(engine, detectors)
        accounts = accounts_under(
            self.boundary.accounts, judge, self.state, self.database, observes=self.observes
        )
        boundary = self.boundary.under(judge, accounts)
        return replace(self, boundary=boundary, answers=Answers(boundary), engine=engine)

    def in_mode(self, mode: Mode) -> Running:
        """Return the same boundary in another mode; this one goes on for the calls it has."""
        boundary = self.boundary.in_mode(mode)
        return replace(self, boundary=boundary, answers=Answers(boundary))

    def close(self) -> None:
        """Stop the engine and close the journal, with a receipt that says so."""
        self.engine.close()
        self.boundary.desk.close()
        self.recorder.close()
        self.boundary.desk.store.close()
        if self.boundary.accounts is not None:
            self.boundary.accounts.close()


def start(config: Config) -> Running:
    """Read the policy, start its engine, open the journal.

    Raises:
        StartError: whatever of these failed, in one line.
    """
    try:
        refuse_foreign_state(config.state)
    except (StateRefused, OSError) as error:
        raise StartError(f"the state folder can't be used: {error}") from None
    try:
        _require_ready(config.database)
    except ReceiptError as error:
        raise StartError(f"receipts can't be written: {error}") from None
    try:
        judging = start_judging(config)
    except (PolicyError, ReceiptError, OSError) as error:
        raise StartError(f"the policy can't be used: {error}") from None
    engine = judging.engine
    try:
        store = Store.open(config.state, config.database)
        if config.signer:
            use_signer(Layout(config.state), config.signer)
        if config.database is None:
            settle(Layout(config.state))
        recorder = Recorder.open(
            config.state,
            version=__version__,
            configuration=_digest(config, engine.policy.digest),
            whom=config.shown_to,
            database=_database(config),
        )
    except (ReceiptError, StoreError, OSError) as error:
        engine.close()
        raise StartError(f"receipts can't be written: {error}") from None
    keep(config.state, engine.policy, config.database)
    if config.logs_calls:
        recorder.told = log_call
    try:
        judge = Judge(engine, judging.detectors)
        observes = config.mode == "observe"
        accounts = accounts_under(None, judge, config.state, config.database, observes=observes)
    except PolicyError as error:
        engine.close()
        recorder.close()
        raise StartError(f"budgets can't be kept: {error}") from None
    settings = Settings(
        config.mode,
        config.max_body,
        config.hold_seconds,
        config.hold_max,
        config.on_tool_denied,
        config.on_deny == "kill",
        config.wire,
        measures=config.extras.measures,
    )
    boundary = Boundary(
        Matcher(config.hosts),
        judge,
        recorder,
        settings,
        store,
        _tell(config),
        accounts,
    )
    return Running(
        boundary,
        Answers(boundary),
        engine,
        recorder,
        config.state,
        config.on_deny == "kill",
        judging,
        config.policy_key,
        config.on_escalate == "hold",
        config.hold_seconds,
        config.keep_flows,
        config.database,
        orders=orders_of(config.state, config.database),
    )


def _tell(config: Config) -> Tell:
    """Return what tells people of questions: whoever is named, and the desktop."""
    shows = config.notify_arguments
    told = [notifier(config.notify, with_arguments=shows)] if config.notify else []
    if config.notify_desktop:
        from helm_boundary.approvals.desktop import desktop_notifier

        told.append(desktop_notifier(with_arguments=shows))
    return tell_each(told)


def _require_ready(database: Address | None) -> None:
    """Require a database that can be used, where there is one; raises ReceiptError."""
    if database is not None:
        from helm_receipts.database.readiness import require_ready

        require_ready(database)


def _database(config: Config) -> Database | None:
    """Return where receipts go, if that isn't the folder."""
    if config.database is None:
        return None
    return Database(config.database, config.state_deadline_ms / 1000)


def _digest(config: Config, policy_digest: str) -> str:
    stated = sorted((name, str(value)) for name, value in asdict(config).items())
    return hashlib.sha256(repr((stated, policy_digest)).encode()).hexdigest()
