"""A boundary without budgets: nothing of them is imported, and its calls have none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.hosts import parse_host_pattern
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.runtime.options import Config
from helm_boundary.runtime.startup import start

config = Config(
    policy=tuple(sys.argv[2:]), policy_key=None, candidate=(), engine="embedded", opa_url="",
    state=Path(sys.argv[1]), mode="enforce", hosts=(), on_deny="respond", on_escalate="respond",
    hold_seconds=300, hold_max=100, notify="", keep_flows=100, max_body=1 << 20, deadline_ms=5000,
)

async def run():
    running = start(config)
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    request = HttpRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", "",
                          (("content-type", "application/json"),), body, "flow-1")
    exchange = await running.boundary.recognise(request)
    await running.boundary.judge_request(exchange)
    print(exchange.progress.decision.verdict)
    running.close()

asyncio.run(run())
budgets = [name for name in sys.modules if name.startswith("helm_boundary.budgets")]
others = [name for name in ("sqlite3", "genai_prices", "pydantic") if name in sys.modules]
print(json.dumps([budgets, others]))
"""


def run(folder: Path, *policies: Path) -> list[str]:
    """Judge one call in a process of its own; returns the lines that it prints."""
    (folder / "pins").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "state"), *map(str, policies)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_budgets_nothing_of_them_is_imported(tmp_path: Path) -> None:
    """Nor what they alone need."""
    verdict, imported = run(tmp_path)
    assert verdict == "ALLOW"
    assert json.loads(imported) == [[], []]


def test_with_calls_only_no_prices_are_imported(tmp_path: Path) -> None:
    """The tables of a thousand models are for budgets in money."""
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "data.yaml").write_text("budgets: {all: {limit: {calls: 1}}}\n")
    verdict, imported = run(tmp_path, policy)
    assert verdict == "ALLOW"
    budgets, others = json.loads(imported)
    assert budgets
    assert others == ["sqlite3"]
