"""The report: one file that needs no network, and verifies what it encloses in a real Chromium."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from helm_boundary.cli import main
from helm_boundary.receipt_index.filters import FilterError
from helm_boundary.reporting.period import read_period
from support import receipts
from support.browser import Browser, chromium, missing
from support.days import record_day
from support.watching import axe, violations

BROWSER = pytest.mark.skipif(missing() is not None, reason=missing() or "there is a browser")
MARKUP = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    record_day(folder, 200)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def reported(state: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["report", "--state", str(state), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def written(state: Path, folder: Path, *arguments: str) -> Path:
    file = folder / "report.html"
    reported(state, "-o", str(file), *arguments)
    return file


def enclosed(text: str) -> dict[str, Any]:
    found = re.search(r'id="enclosed">(.*?)</script>', text)
    assert found
    value: dict[str, Any] = json.loads(found[1])
    return value


def with_enclosed(text: str, value: dict[str, Any]) -> str:
    shown = json.dumps(value).replace("<", "\\u003c")
    return re.sub(r'(id="enclosed">).*?(</script>)', lambda m: m[1] + shown + m[2], text, count=1)


def verified(browser: Browser, file: Path, word: str = "VERIFIED", seconds: float = 30) -> str:
    browser.open(file.as_uri())
    browser.click("#verify")
    return browser.see(word, seconds=seconds)


@BROWSER
def test_it_verifies_and_sums_up_again(browser: Browser, state: Path, tmp_path: Path) -> None:
    """From a file, with no server anywhere; it says what isn't proven."""
    text = verified(browser, written(state, tmp_path))
    assert "NOT VERIFIED" not in text
    for words in (
        "402 receipts are signed by",
        "entries 0 to 401 of 402 are in the log",
        "summed up again, they give the totals above",
        "that the policy was right",
        "claude-sonnet-4-5",
        "DATA_EGRESS_BLOCKED",
    ):
        assert words in text
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


@BROWSER
def test_a_part_of_the_log_is_proven_as_well(browser: Browser, state: Path, tmp_path: Path) -> None:
    """A period within the log: the hashes of what lies around it stand for that."""
    rows = list(csv.DictReader(io.StringIO(reported(state, "--format", "csv"))))
    since, until = rows[101]["time"], rows[300]["time"]
    text = verified(browser, written(state, tmp_path, "--since", since, "--until", until))
    assert "NOT VERIFIED" not in text
    assert re.search(r"entries \d\d+ to \d+ of 402 are in the log", text)


@BROWSER
@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        ("word", "edited"),
        ("left out", "proof"),
        ("twice", "proof"),
        ("outside", "proof"),
        ("figure", "figures"),
        ("key", "edited"),
    ],
)
def test_what_was_changed_is_named(
    browser: Browser, state: Path, tmp_path: Path, harm: str, kind: str
) -> None:
    """A receipt, the proof, or a figure that its receipts don't give."""
    file = written(state, tmp_path)
    text = file.read_text()
    value = enclosed(text)
    lines = gzip.decompress(base64.b64decode(value["receipts"])).decode().split("\n")
    if harm == "word":
        lines[7] = (
            lines[7].replace('"ada"', '"eve"').replace('"verdict":"ALLOW"', '"verdict":"DENY"')
        )
    elif harm == "left out":
        del lines[7]
    elif harm == "twice":
        lines[7] = lines[8]
    elif harm == "key":
        value["keys"] = ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"]
    elif harm == "outside":
        value["log"]["outside"] = [base64.b64encode(bytes(32)).decode()]
    else:
        text = text.replace('"calls": 200', '"calls": 199')
    value["receipts"] = base64.b64encode(gzip.compress("\n".join(lines).encode())).decode()
    file.write_text(with_enclosed(text, value))
    assert f"NOT VERIFIED ({kind})" in verified(browser, file, "NOT VERIFIED")


@BROWSER
def test_hostile_receipts_are_text(browser: Browser, tmp_path: Path) -> None:
    """Markup that would end a script, and marks that turn the writing."""
    with receipts.recording(tmp_path) as recorder:
        for name, model in {"a": MARKUP, "b": "gpt\u202eini", "c": "\x1b[2J"}.items():
            for draft in (receipts.request(name), receipts.outcome(name)):
                assert recorder.record_now(replace(draft, flow=receipts.flow(name, model)))
    text = verified(browser, written(tmp_path, tmp_path))
    assert "NOT VERIFIED" not in text
    assert MARKUP in text
    assert "gpt\\u202eini" in text
    assert browser.run("return document.title") == "What passed the boundary"
    assert browser.run("return document.querySelector('img')") is None


@BROWSER
def test_axe_finds_nothing(browser: Browser, state: Path, tmp_path: Path) -> None:
    """Before and after the verification."""
    script = axe() or pytest.skip("no axe: run scripts/clients axe")
    file = written(state, tmp_path)
    browser.open(file.as_uri())
    assert violations(browser, script) == []
    verified(browser, file)
    assert violations(browser, script) == []


def test_its_policy_lets_nothing_else_run(state: Path) -> None:
    """Hashes of its own script and style, and no address at all."""
    text = reported(state)
    assert "default-src 'none'; style-src 'sha256-" in text
    assert not re.search(r"(?:src|href)=", text)


def test_figures_and_rows_for_programs(state: Path) -> None:
    """The same sums in JSON; a line for each receipt in CSV, none of which is a formula."""
    told = json.loads(reported(state, "--format", "json"))
    assert told["totals"]["calls"] == 200
    titles = [table["title"] for table in told["tables"]]
    assert "Approvals" in titles
    assert "Policies in force" in titles
    models = next(table for table in told["tables"] if table["title"] == "By model")
    assert sum(row[1] for row in models["rows"]) == 200
    assert len(list(csv.reader(io.StringIO(reported(state, "--format", "csv"))))) == 403


def test_a_spreadsheet_gets_no_formula(tmp_path: Path) -> None:
    """A client can call its model anything."""
    with receipts.recording(tmp_path) as recorder:
        for draft in (receipts.request("a"), receipts.outcome("a")):
            recorder.record_now(replace(draft, flow=receipts.flow("a", "=HYPERLINK(1)")))
    rows = list(csv.DictReader(io.StringIO(reported(tmp_path, "--format", "csv"))))
    assert rows[1]["model"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize("since", ["yesterday", "7", "7y", "-1d", "2026-13-01"])
def test_a_period_that_is_none_is_named(tmp_path: Path, since: str) -> None:
    """In a line that says what one looks like."""
    receipts.record_calls(tmp_path, 1)
    done = CliRunner().invoke(main, ["report", "--state", str(tmp_path), "--since", since])
    assert done.exit_code == 2
    assert "expected a time such as 2026-11-23" in done.output


def test_a_period_is_counted_back_from_now() -> None:
    """In hours, days and weeks."""
    noon = 1_795_953_600 * 10**9
    assert read_period("24h", None, noon) == read_period("1d", None, noon)
    assert str(read_period("2w", None, noon).since) < str(read_period("7d", None, noon).since)
    with pytest.raises(FilterError):
        read_period("7d", "tomorrow", noon)


@BROWSER
@pytest.mark.slow
def test_50_000_receipts_take_less_than_ten_seconds(browser: Browser, tmp_path: Path) -> None:
    """To report; and the browser verifies all of them."""
    record_day(tmp_path, 25_000)
    began = time.process_time()  # other tests run beside this one
    file = written(tmp_path, tmp_path)
    assert time.process_time() - began < 10
    text = verified(browser, file, "VERIFIED", seconds=120)
    assert "50,002 receipts are signed by" in text


def test_calls_are_summed_up_by_a_policys_groups(state: Path, tmp_path: Path) -> None:
    """A caller in two of them counts in both; who is in none has a line, too."""
    policy = tmp_path / "policy"
    policy.mkdir()
    groups = {"research": {"principals": ["ada", "grace"]}, "all": {"principals": ["ada"]}}
    (policy / "data.json").write_text(json.dumps({"groups": groups}))
    told = json.loads(reported(state, "--format", "json", "--policy", str(policy)))
    by = {table["title"]: table["rows"] for table in told["tables"]}
    who = {row[0]: row[1:] for row in by["By whom"]}
    found = {row[0]: row[1:] for row in by["By group"]}
    assert found["all"] == who["ada"]
    assert found["research"][:5] == [
        a + b for a, b in zip(who["ada"][:5], who["grace"][:5], strict=True)
    ]
    assert found["research"][0] + found["in no group"][0] == told["totals"]["calls"]
    assert "By group" not in reported(state, "--format", "json")
