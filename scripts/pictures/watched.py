"""Pictures of the page: light, dark, narrow, with a verified receipt; and of a report."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from support import browser
from support.approvals import Asking, ask, body, pending, write_policy
from support.boundary import Boundary
from support.browser import Browser
from support.days import record_day
from support.upstream import Upstream
from support.watching import address_in

_WIDE, _NARROW = (1200, 760), (390, 780)


def draw_page(folder: Path, upstream: Upstream, here: Path) -> None:
    """Draw the page over a day of calls, beside a boundary in which a call waits."""
    state = folder / "helm"
    state.mkdir(parents=True, mode=0o700)
    record_day(state, 1500)
    policy = write_policy(folder / "policy")
    options = {"helm_page": "127.0.0.1:0", "helm_on_escalate": "hold", "helm_policy": policy}
    boundary = Boundary(upstream, state=folder, options=options)
    with boundary, browser.chromium(folder) as page:
        ask(boundary, body("What is your return policy?"))
        ask(boundary, body("the forbidden"))
        asking = Asking(boundary, body("please refund order 1842"))
        pending(boundary)
        while "  page  " not in boundary.log:
            time.sleep(0.1)
        page.resize(*_WIDE)
        page.open(address_in(boundary.log[boundary.log.index("  page  ") :]).whole)
        page.see("Waits for a person", "DENY", "ms added to a request")
        time.sleep(2.5)  # what is new is marked for a moment
        for scheme in ("dark", "light"):
            page.prefer(scheme)
            page.screenshot(here / f"page-{scheme}.png")
        _verify(page)
        page.screenshot(here / "page-verified.png")
        page.type("\ue00c")
        page.resize(*_NARROW)
        time.sleep(0.3)
        page.screenshot(here / "page-narrow.png")
        page.resize(*_WIDE)
        page.click("#questions button")
        page.see("A person must look at this.")
        time.sleep(1)
        page.click("#question-answers button", "Deny")
        asking.result()


def draw_report(folder: Path, here: Path) -> None:
    """Draw a report over a day of calls, after its verification."""
    state = folder / "reported"
    state.mkdir(parents=True, mode=0o700)
    record_day(state, 1500)
    file = folder / "report.html"
    command = ["report", "--state", str(state), "-o", str(file)]
    subprocess.run([sys.executable, "-m", "helm_boundary", *command], check=True)
    with browser.chromium(folder) as page:
        page.resize(*_WIDE)
        page.prefer("light")
        page.open(file.as_uri())
        page.click("#verify")
        page.see("Not proven")
        page.screenshot(here / "report.png")


def _verify(page: Browser) -> None:
    page.run(
        "[...document.querySelectorAll('#rows tr')]"
        ".find(row => row.innerText.includes('DENY')).querySelector('button').click()"
    )
    page.see("Decision on a request")
    page.click("#story article button", "Verify")
    page.see("Not proven")
