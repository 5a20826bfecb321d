"""A headless Chromium, driven over the W3C WebDriver protocol, with nothing but chromedriver.

Source: https://www.w3.org/TR/webdriver2/
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.approvals import free_port

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1360,860",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing() -> str | None:
    """Return why there is no browser to drive, or None."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"no {program} (on Debian: apt-get install chromium chromium-driver)"
    return None


class Unfound(Exception):
    """Text or an element that didn't come in time."""


class Browser:
    """One page in one window."""

    def __init__(self, port: int, session: str) -> None:
        self._port = port
        self._session = f"/session/{session}"

    def open(self, url: str) -> None:
        """Go to an address."""
        self._do("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page and return what it returns."""
        return self._do("POST", "/execute/sync", {"script": script, "args": arguments})

    def text(self) -> str:
        """Return the page's visible text."""
        return str(self.run("return document.body.innerText"))

    def see(self, *words: str, seconds: float = 25) -> str:
        """Wait until the page shows all these words; return its text."""
        return self._until(lambda: all(word in self.text() for word in words), words, seconds)

    def click(self, css: str, text: str = "", seconds: float = 25) -> None:
        """Click the first element of that selector, and with that text where one is given."""
        self._until(lambda: self._click(css, text), (css, text), seconds)

    def type(self, keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": strokes}
        self._do("POST", "/actions", {"actions": [source]})

    def press(self, modifier: str, key: str) -> None:
        """Press a key while another is held down."""
        strokes = [("keyDown", modifier), ("keyDown", key), ("keyUp", key), ("keyUp", modifier)]
        actions = [{"type": kind, "value": value} for kind, value in strokes]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self._do("POST", "/actions", {"actions": [source]})

    def resize(self, width: int, height: int) -> None:
        """Make the page this large, in CSS pixels; narrower than a window can be, too."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._devtools("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        """Have the page asked for `light` or `dark`."""
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        self._devtools("Emulation.setEmulatedMedia", {"features": wanted})

    def screenshot(self, path: Path) -> None:
        """Take a screenshot of the page, as a PNG."""
        path.write_bytes(base64.b64decode(self._do("GET", "/screenshot")))

    def close(self) -> None:
        """Close the window."""
        self._do("DELETE", "")

    def _devtools(self, command: str, parameters: dict[str, Any]) -> None:
        """Send a command of Chromium's own, which WebDriver has none for."""
        self._do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _click(self, css: str, text: str) -> bool:
        found = self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".find(e => e.offsetParent !== null && e.innerText.includes(arguments[1])) || null",
            css,
            text,
        )
        if found is None:
            return False
        try:
            self._do("POST", f"/element/{found[_ELEMENT]}/click", {})
        except RuntimeError:
            return False  # covered, or gone since
        return True

    def _until(self, look: Callable[[], bool], what: object, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if look():
                return self.text()
            time.sleep(0.1)
        raise Unfound(f"expected {what} on the page, found:\n{self.text()[:3000]}")

    def _do(self, method: str, path: str, value: Any = None) -> Any:
        return _call(self._port, method, self._session + path, value)


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own in `folder`."""
    port = free_port()
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
        start_new_session=True,
    )
    try:
        flags = [*_FLAGS, f"--user-data-dir={folder / 'profile'}"]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": flags}}
        session = _start(port, {"capabilities": {"alwaysMatch": wanted}})
        browser = Browser(port, session)
        yield browser
        browser.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
        driver.wait(10)


def _start(port: int, wanted: dict[str, Any]) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            return str(_call(port, "POST", "/session", wanted)["sessionId"])
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _call(port: int, method: str, path: str, value: Any = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        body = None if value is None else json.dumps(value)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        told = json.loads(response.read())["value"]
    finally:
        connection.close()
    if response.status != 200:
        raise RuntimeError(f"{method} {path}: {told.get('error')}: {told.get('message')}")
    return told
