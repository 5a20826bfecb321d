"""The page as a person has it open, and somebody else who asks it things."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.browser import Browser
from support.installed import cache

_URL = re.compile(r"(http://127\.0\.0\.1:(\d+)/)#(\S+)")


@dataclass(frozen=True, slots=True)
class Watching:
    """A page that is up: its address, its port, its token."""

    url: str
    port: int
    token: str

    @property
    def whole(self) -> str:
        """The address that signs in."""
        return f"{self.url}#{self.token}"

    def ask(
        self, path: str, value: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any], http.client.HTTPMessage]:
        """Ask as a program does; returns status, JSON and headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            body = None if value is None else json.dumps(value)
            connection.request("GET" if body is None else "POST", path, body, dict(headers or {}))
            response = connection.getresponse()
            text = response.read()
            told = json.loads(text) if text.startswith(b"{") else {}
            return response.status, told, response.headers
        finally:
            connection.close()

    def signed_in(self) -> Visitor:
        """Sign in as a script of the page does."""
        headers = {"Origin": self.url[:-1], "Content-Type": "application/json"}
        status, told, given = self.ask("/api/sign-in", {"token": self.token}, headers)
        assert status == 200, told
        cookie = str(given["Set-Cookie"]).partition(";")[0]
        return Visitor(self, {**headers, "Cookie": cookie, "X-Helm-Page": told["secret"]})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has signed in, with the headers that a browser of theirs would send."""

    page: Watching
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> dict[str, Any]:
        """Ask; anything but 200 fails the test."""
        status, told, _ = self.page.ask(path, None, self.headers)
        assert status == 200, told
        return told


def address_in(line: str) -> Watching:
    """Read the line that a page prints."""
    found = _URL.search(line)
    assert found, line
    return Watching(found[1], int(found[2]), found[3])


@contextmanager
def watching(state: Path) -> Iterator[Watching]:
    """Run `helm-boundary page` on a state folder."""
    command = [sys.executable, "-m", "helm_boundary", "page", "--state", str(state)]
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield address_in(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(10) == 0


def axe() -> Path | None:
    """Return axe's script, if `scripts/clients axe` has been here."""
    script = cache() / "axe" / "node_modules" / "axe-core" / "axe.min.js"
    return script if script.exists() else None


def violations(browser: Browser, script: Path) -> list[str]:
    """List what axe finds wrong with the page as it is now."""
    found = browser.run(
        script.read_text() + "; return axe.run().then(found => found.violations.map(each => "
        "`${each.id}: ${each.nodes.map(node => node.html).join(' | ').slice(0, 300)}`))"
    )
    return [str(each) for each in found]
