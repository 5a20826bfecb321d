"""The report as one file of HTML: tables that need no script, and a script that verifies.

Nothing in it comes from elsewhere or leads there. The policy in its head lets only the script and
the style run whose hashes it names, so that no text of a receipt ever could.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from helm_boundary.browser_verification.evidence import script
from helm_receipts.export.explain import printable

from .tables import Table

_TOTALS = (
    ("calls", "calls"), ("allowed", "allowed"), ("denied", "denied"), ("escalated", "escalated"),
    ("tokensIn", "tokens in"), ("tokensOut", "tokens out"), ("receipts", "receipts"),
)  # fmt: skip


def write_report(
    heading: dict[str, str], totals: dict[str, int], tables: list[Table], enclosed: dict[str, Any]
) -> str:
    """Write the report; `heading` has what it is about, by name."""
    style = _static("report.css")
    program = script().decode() + _static("report.js")
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, program)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_text(heading['title'])}</title>",
            f"<style>{style}</style></head><body><main>",
            *_heading(heading),
            *_totals(totals),
            *_verification(),
            *(line for table in tables for line in _table(table)),
            "</main>",
            _data("totals", totals),
            _data("enclosed", enclosed),
            f"<script>{program}</script></body></html>\n",
        )
    )


def _heading(heading: dict[str, str]) -> Iterator[str]:
    yield f"<h1>{_text(heading['title'])}</h1><dl>"
    for name, value in heading.items():
        if name != "title":
            yield f"<dt>{_text(name)}</dt><dd><bdi>{_text(value)}</bdi></dd>"
    yield "</dl>"


def _totals(totals: dict[str, int]) -> Iterator[str]:
    yield '<ul class="totals">'
    for name, said in _TOTALS:
        yield f"<li><strong>{totals[name]:,}</strong> {said}</li>"
    yield "</ul>"


def _verification() -> Iterator[str]:
    yield '<section aria-labelledby="verification"><h2 id="verification">Verification</h2>'
    yield "<p>The receipts that these totals were summed up from are enclosed. Your browser "
    yield "checks every signature, that all are in the log under its signed checkpoint, and sums "
    yield "them up again. The keys are named above: compare them with those that you keep.</p>"
    yield '<p><button type="button" id="verify">Verify in this browser</button> '
    yield '<span id="progress" role="status"></span></p><div id="result"></div></section>'


def _table(table: Table) -> Iterator[str]:
    yield f"<section><h2>{_text(table.title)}</h2>"
    if not table.rows:
        yield "<p>None.</p></section>"
        return
    yield '<div class="wide" tabindex="0" role="region" '
    yield f'aria-label="{_text(table.title)}"><table><thead><tr>'
    yield from (f'<th scope="col">{_text(name)}</th>' for name in table.columns)
    yield "</tr></thead><tbody>"
    for row in table.rows:
        yield "<tr>" + "".join(map(_cell, row)) + "</tr>"
    yield "</tbody></table></div>"
    if table.more:
        yield f"<p>And {table.more:,} more, which <code>--format csv</code> has.</p>"
    yield "</section>"


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td><bdi>{_text(value or '')}</bdi></td>"


def _text(text: str) -> str:
    return html.escape(printable(str(text)))


def _data(name: str, value: Any) -> str:
    """Write JSON where no script runs; it has no sign that could end the element."""
    text = json.dumps(value).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _policy(style: str, program: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(program)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _static(name: str) -> str:
    return files(__package__).joinpath("static", name).read_text("utf-8")
