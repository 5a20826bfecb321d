"""The README's pictures: what an operator sees in mitmweb, at the console, on the command line."""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console as Paper
from rich.text import Text

from support import browser, console
from support.approvals import Asking, Web, approvals, ask, free_port, mitmweb, pending
from support.boundary import Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.upstream import Upstream
from support.wire import Recorded, Reply

from .watched import draw_page, draw_report

HERE = Path(__file__).resolve().parent
SETTINGS = """tools:
  allow: [search_orders]
  person: [refund]
"""
TOOLS = [
    {"type": "function", "function": {"name": name, "description": text}}
    for name, text in (
        ("search_orders", "Find a customer's orders."),
        ("refund", "Pay an order back."),
    )
]


def main() -> int:
    """Make every picture; return 2 where a program for it is missing."""
    lacking = browser.missing() or console.missing()
    if lacking:
        print(f"pictures can't be made: {lacking}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, Upstream() as upstream:
        upstream.answer(_model)
        _in_mitmweb(Path(folder) / "web", upstream)
        _in_terminals(Path(folder) / "console", upstream)
        draw_page(Path(folder) / "page", upstream, HERE)
        draw_report(Path(folder) / "report", HERE)
    print(f"pictures are in {HERE}")
    return 0


def _in_mitmweb(folder: Path, upstream: Upstream) -> None:
    policy = _policy(folder)
    with (
        mitmweb(folder, upstream, helm_policy=policy, helm_hold_seconds=300) as (boundary, web),
        browser.chromium(folder) as page,
    ):
        _traffic(boundary)
        with _held(boundary, web):
            page.open(web.url)
            page.click("tr", "WAITS for a person")
            page.click("a", "Response")
            page.see("-> refund")
            page.screenshot(HERE / "mitmweb-held.png")
            _choose(page, "judgement")
            page.see("tools.person")
            page.screenshot(HERE / "mitmweb-judgement.png")
        page.click("tr", "(rewritten)")
        page.click("a", "Request")
        _choose(page, "judgement")
        page.see("request rewritten")
        page.screenshot(HERE / "mitmweb-rewrite.png")


def _in_terminals(folder: Path, upstream: Upstream) -> None:
    policy = _policy(folder)
    options = {"helm_on_escalate": "hold", "helm_hold_seconds": 300, "helm_policy": policy}
    boundary = Boundary(upstream, state=folder, program="mitmproxy", options=options)
    boundary.port = free_port()
    command = [str(boundary.port) if word == "0" else word for word in boundary.command]
    with console.console(command, folder) as terminal:
        terminal.see(f"[127.0.0.1:{boundary.port}]", seconds=30)
        _traffic(boundary)
        asking = Asking(boundary, _refund())
        (entry,) = pending(boundary)
        terminal.type("G", "Enter", "l")
        terminal.see("-> refund")
        _draw(terminal.screen(), "console", width=150)
        _draw(approvals(boundary, "show", entry.id).output, "approvals", width=110)
        approvals(boundary, "deny", "--yes", entry.id)
        asking.result()


@contextmanager
def _held(boundary: Boundary, web: Web) -> Iterator[None]:
    asking = Asking(boundary, _refund())
    web.held()
    yield
    web.call("POST", "/flows/kill")
    asking.result()


def _traffic(boundary: Boundary) -> None:
    """Make some calls to be seen as well: a redacted one, an allowed one, a denied one."""
    for _ in range(20):
        try:
            ask(boundary, _chat("Answer ada.lovelace@example.org: where is order 1842?"))
            break
        except OSError:
            time.sleep(0.2)
    ask(boundary, _chat("What is your return policy?"))
    ask(boundary, _chat("Hello.", model="somebody-elses-model"))


def _refund() -> dict[str, object]:
    return _chat("Order 1842 arrived broken. I'd like my money back.", tools=TOOLS)


def _chat(text: str, model: str = "gpt-4o-mini", **more: object) -> dict[str, object]:
    system = {"role": "system", "content": "You help the customers of a bookshop."}
    messages = [system, {"role": "user", "content": text}]
    return {"model": model, "messages": messages, **more}


def _model(request: Recorded) -> Reply | None:
    if "/chat/completions" not in request.path:
        return None
    if request.json().get("tools"):
        call = ToolCall("refund", '{"order": 1842, "amount": "24.90", "reason": "damaged"}')
        return reply_to_chat(request, Turn("I'm sorry. I'll pay it back.", (call,)))
    return reply_to_chat(request, Turn("You can return books within 30 days."))


def _policy(folder: Path) -> Path:
    policy = folder / "bookshop"
    policy.mkdir(parents=True)
    (policy / "data.yaml").write_text(SETTINGS)
    return policy


def _choose(page: browser.Browser, view: str) -> None:
    page.click("a", "View: ")
    page.click("li a", view)


def _draw(text: str, name: str, width: int) -> None:
    """Draw text as it stands in a terminal, as an SVG."""
    paper = Paper(record=True, width=width, file=io.StringIO())
    paper.print(Text.from_ansi(text.rstrip()))
    paper.save_svg(str(HERE / f"{name}.svg"), title=f"helm-boundary: {name}")


if __name__ == "__main__":
    sys.exit(main())
