"""Seven calls of the OpenAI SDK through the boundary, and what became of them.

An upstream of our own speaks the protocol over TLS under an authority of its own; before it stands
the boundary as a forward proxy, with the default policy. The client's code knows of neither: two
environment variables lead it there, as they would lead any program.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any
from unittest.mock import patch

import openai
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demonstration.scenes import SCENES, Scene, Stage, Unintended, model
from helm_receipts.envelope.record import Record
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.boundary import Boundary
from support.certificates import Authority
from support.upstream import Upstream

PATIENCE = 5.0
COLOURS = {"ALLOW": "green", "DENY": "red", "ESCALATE": "yellow"}


def main() -> int:
    """Play all scenes; return 0 if each came out as intended and every receipt verifies."""
    console = Console(width=None if sys.stdout.isatty() else 100)
    with tempfile.TemporaryDirectory(prefix="helm-demo-") as name:
        folder = Path(name)
        authority = Authority(folder / "upstream")
        trusted = {"ssl_verify_upstream_trusted_ca": authority.file}
        with Upstream(authority.issue("localhost", "127.0.0.1")) as upstream:
            with (
                console.status("starting an upstream and the boundary before it ..."),
                Boundary(state=folder, options=trusted) as boundary,
            ):
                problems = play(upstream, boundary, console)
            problems += verify(boundary, console)
    for problem in problems:
        console.print(f"[red]not as intended:[/] {problem}")
    return 1 if problems else 0


def play(upstream: Upstream, boundary: Boundary, console: Console) -> list[str]:
    """Play the scenes, print them as a table, and return what was not as intended."""
    upstream.answer(model)
    table = Table("call, and what the client saw", show_lines=True)
    for column in ("verdict", "reason", "receipts"):
        table.add_column(column, no_wrap=True)
    problems = []
    leads_here = {
        "HTTPS_PROXY": boundary.proxy_url,
        "https_proxy": boundary.proxy_url,  # where both are set, it is this one that counts
        "SSL_CERT_FILE": str(boundary.ca_file),
        "NO_PROXY": "",
        "no_proxy": "",
    }
    with patch.dict(os.environ, leads_here):
        for scene in SCENES:
            seen, records, problem = perform(scene, upstream, boundary)
            problems += [f"{scene.title}: {problem}"] if problem else []
            table.add_row(f"[bold]{scene.title}[/]\n{escape(seen)}", *telling(records))
    console.print(table)
    return problems


def perform(
    scene: Scene, upstream: Upstream, boundary: Boundary
) -> tuple[str, list[Record], str | None]:
    """Play one scene; return what the client saw, the receipts, and what is wrong, if any."""
    correlation = str(uuid.uuid4())
    before = len(upstream.requests)
    client = openai.OpenAI(
        base_url=f"https://localhost:{upstream.port}/v1",
        api_key=secrets.token_hex(16),
        max_retries=0,
        default_headers={"X-Helm-Correlation-Id": correlation},
    )
    with client:
        try:
            seen, problem = scene.act(Stage(client, upstream)), None
        except (Unintended, openai.OpenAIError) as error:
            seen, problem = repr(error), str(error)
    records = receipts_of(correlation, boundary.state)
    reached = len(upstream.requests) - before
    return seen, records, problem or difference(scene, records, reached)


def receipts_of(correlation: str, state: Path) -> list[Record]:
    """Return the receipts of one call, in order; a stream's outcome comes after its last byte."""
    deadline = time.monotonic() + PATIENCE
    while True:
        records = records_so_far(correlation, state)
        if end_of(records) is not None or time.monotonic() > deadline:
            return records
        time.sleep(0.02)


def records_so_far(correlation: str, state: Path) -> list[Record]:
    """Return the receipts that one call has by now."""
    return [
        record
        for record in read_records(Layout(state).journal)
        if record.predicate.get("flow", {}).get("correlationId") == correlation
    ]


def deciding(records: list[Record]) -> dict[str, Any]:
    """Return the predicate that decided: the first that is not ALLOW, else the first."""
    refusing = [record for record in records if record.predicate["verdict"] != "ALLOW"]
    return (refusing or records)[0].predicate


def end_of(records: list[Record]) -> str | None:
    """Return how a call ended, by its outcome receipt."""
    ends = [
        record.predicate["outcome"]["end"] for record in records if "outcome" in record.predicate
    ]
    return ends[0] if ends else None


def difference(scene: Scene, records: list[Record], reached: int) -> str | None:
    """Return how a call came out otherwise than the scene says, or None."""
    phases = [record.predicate["phase"] for record in records]
    if (phases.count("request"), phases.count("outcome")) != (1, 1):
        return f"expected one request receipt and one outcome receipt, found {phases}"
    predicate = deciding(records)
    rules = [reason["rule"] for reason in predicate["reasons"]]
    expected = (scene.verdict, [scene.rule] if scene.rule else [], scene.end, scene.calls_upstream)
    found = (predicate["verdict"], rules, end_of(records), reached)
    return None if found == expected else f"expected {expected}, found {found}"


def telling(records: list[Record]) -> tuple[str, str, str]:
    """Return a call's verdict, reason and receipt ids, for the table."""
    if not records:
        return "none", "", ""
    predicate = deciding(records)
    reason = "\n".join(f"{reason['code']}\n{reason['rule']}" for reason in predicate["reasons"])
    if not reason and "rewrite" in records[0].predicate:
        reason = f"(rewritten: {records[0].predicate['rewrite']['operations']})"
    if not reason and end_of(records) != "complete":
        reason = f"({end_of(records)})"
    verdict = predicate["verdict"]
    ids = "\n".join(record.id for record in records)
    return f"[{COLOURS[verdict]}]{verdict}[/]", reason, ids


def verify(boundary: Boundary, console: Console) -> list[str]:
    """Verify every receipt with the command and the public key that an auditor would use."""
    command = Path(sys.executable).parent / "helm-boundary"
    key = Layout(boundary.state).log / "receipt.pub.pem"
    done = subprocess.run(
        [command, "receipts", "verify", "--state", boundary.state, "--key", key],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    console.print(done.stdout.strip(), highlight=False)
    return [] if done.returncode == 0 else [f"verify: exit code {done.returncode}: {done.stderr}"]


if __name__ == "__main__":
    sys.exit(main())
