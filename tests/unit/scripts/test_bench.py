"""The bench measures what it says: whole answers, each on its own clock, of the stated size."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import astuple
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench import alarms, scan
from bench.chats import CASES, Case, request, stream_answer
from bench.compare import fold, fold_sample, other_boundary
from bench.cpu import cpu_seconds
from bench.load import Sample, UnexpectedAnswer, load
from bench.nginx import found, nginx
from bench.ordinary import draw
from bench.report import Round
from bench.steps import by_part
from bench.streams import StreamEndedEarly, read_streams
from support.boundary import ROOT
from support.upstream import DONE, Break, Pause, Reply, Upstream


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_chat_has_the_size_it_is_named_for(case: Case) -> None:
    """Body and Content-Length alike."""
    head, _, body = request(case).partition(b"\r\n\r\n")
    assert len(body) == case.kilobytes * 1024
    assert b"Content-Length: %d" % len(body) in head


def test_every_call_is_counted_and_timed() -> None:
    """As many latencies as the upstream saw requests, on as many connections as asked for."""
    with Upstream() as upstream:
        sample = load(upstream.port, request(CASES[0]), connections=3, seconds=0.1)
        assert len(sample.latencies) == len(sample.first_events) == len(upstream.requests) > 3
        assert upstream.connections == 3


def test_an_answer_is_as_long_as_it_says_and_not_as_another_header_says() -> None:
    """LiteLLM passes its provider's own on under a name that ends alike."""
    head = b"HTTP/1.1 200 OK\r\nllm_provider-content-length: 1\r\nContent-Length: 5\r\n\r\n"
    with Upstream() as upstream:
        upstream.answer(lambda _request: Reply.raw(head + b"hel", Pause(0.1), b"lo"))
        sample = load(upstream.port, request(CASES[0]), connections=1, seconds=0)
    assert sample.latencies[0] >= 0.1


@pytest.mark.skipif(found() is None, reason="no nginx on this machine")
def test_nginx_answers_as_the_lean_upstream_does(tmp_path: Path) -> None:
    """Whole answers on one port, streams on the other."""
    with nginx(tmp_path) as ports:
        for kind, told in (("JSON", b"application/json"), ("SSE", b"text/event-stream")):
            sample = load(ports[kind], request(CASES[0]), connections=2, seconds=0.1)
            assert told in sample.head
            assert len(sample.latencies) > 2


def test_the_first_event_of_a_stream_is_timed_by_itself() -> None:
    """A stream that pauses after its first event: that comes at once, the whole takes longer."""
    first, *rest = stream_answer()
    with Upstream() as upstream:
        upstream.answer(lambda _request: Reply.raw(first, Pause(0.2), *rest, Break.CLOSE))
        sample = load(upstream.port, request(CASES[0]), connections=1, seconds=0)
    assert sample.first_events[0] < 0.15
    assert sample.latencies[0] >= 0.2


@pytest.mark.parametrize(
    "reply",
    [
        Reply.json({}, status=403),
        Reply.raw(Break.CLOSE),
        Reply.raw(b"HTTP/1.1 200 OK", Break.CLOSE),
    ],
    ids=["refused", "closed", "cut off"],
)
def test_a_call_that_fails_ends_the_measurement(reply: Reply) -> None:
    """Fast refusals must not be taken for speed."""
    with Upstream() as upstream:
        upstream.answer(lambda _request: reply)
        with pytest.raises(UnexpectedAnswer):
            load(upstream.port, request(CASES[0]), connections=1, seconds=1)


def test_percentiles_are_of_the_calls() -> None:
    """A hundred calls of 1 to 100 ms in two seconds."""
    times = [milliseconds / 1000 for milliseconds in range(100, 0, -1)]
    found = fold_sample(Sample(2.0, times, times), cpu=0.3)
    measured = (found.calls_a_second, found.p50, found.p99, found.first_event, found.cpu)
    assert measured == pytest.approx((50.0, 51.0, 100.0, 51.0, 3.0))


def test_what_is_added_is_the_median_of_pairs() -> None:
    """Each turn is compared with the other proxy's turn of the same round."""
    slow, quick = Round(100, 1.0, 2.0, 1.0, 1.0), Round(200, 3.0, 9.0, 3.0, 1.0)
    stock = [slow, quick, slow]
    boundary = [
        Round(60, 2.0, 4.0, 1.5, 2.0),
        Round(100, 6.0, 9.5, 4.0, 2.5),
        Round(80, 1.5, 3.0, 1.1, 1.5),
    ]
    compared = fold(CASES[0], list(zip(stock, boundary, strict=True)))
    assert astuple(compared.added) == pytest.approx((0.6, 1.0, 1.0, 0.5, 1.0))
    assert astuple(compared.spread) == pytest.approx((0.15, 1.25, 0.75, 0.45, 0.5))


def test_another_checkout_is_measured_with_its_own_code(tmp_path: Path) -> None:
    """Its script and its packages, whatever the bench itself has on its path."""
    checkout = tmp_path / "checkout"
    for folder in ("addon", "receipts", "policies"):
        shutil.copytree(ROOT / folder, checkout / folder)
    (checkout / ".venv").symlink_to(sys.prefix)
    with (checkout / "addon" / "helm.py").open("a") as script:
        script.write("import helm_boundary, helm_receipts\n")
        script.write("print(helm_boundary.__file__, helm_receipts.__file__)\n")
    with other_boundary(checkout, tmp_path / "state", "regular", None) as boundary:
        assert f"{checkout}/addon/helm_boundary/__init__.py" in boundary.log
        assert f"{checkout}/receipts/helm_receipts/__init__.py" in boundary.log


def test_a_checkout_that_is_not_set_up_is_not_measured(tmp_path: Path) -> None:
    """It says what to do."""
    with pytest.raises(click.UsageError, match="run scripts/setup"):
        other_boundary(tmp_path, tmp_path / "state", "regular", None)


def test_processor_time_grows_with_work() -> None:
    """That of this process and its children, where the system tells."""
    before = cpu_seconds(os.getpid())
    if before is None:
        pytest.skip("there is no /proc here")
    while (cpu_seconds(os.getpid()) or 0) - before < 0.05:
        sum(range(100_000))


@pytest.mark.parametrize("ending", [(), (DONE,)], ids=["cut off", "whole"])
def test_streams_are_read_to_their_ends(ending: tuple[bytes, ...]) -> None:
    """Each takes as long as it is sent; one without its last event is no measurement."""
    with Upstream() as upstream:
        upstream.answer(lambda _request: Reply.events(b": first\n\n", Pause(0.2), *ending))
        if ending:
            assert min(read_streams(upstream.port, 3)) >= 0.15
            assert len(upstream.requests) == 3
        else:
            with pytest.raises(StreamEndedEarly):
                read_streams(upstream.port, 3)


def test_steps_are_added_up_by_the_part_that_takes_them() -> None:
    """Each in one part, wherever the checkout and the Python are."""
    found = by_part(
        {
            "/any/addon/helm_boundary/proxy/addon.py:HelmBoundary.request": 1.0,
            "/any/receipts/helm_receipts/log/log.py:Log.add": 2.0,
            "/v/site-packages/mitmproxy/http.py:Headers.get": 4.0,
            "/v/site-packages/h11/_readers.py:read": 8.0,
            "/lib/python3.13/asyncio/events.py:Handle._run": 16.0,
            "<string>:__create_fn__.<locals>.__init__": 32.0,
            "/lib/python3.13/copy.py:deepcopy": 64.0,
        }
    )
    assert found == {
        "boundary": 1,
        "receipts": 2,
        "mitmproxy": 12,
        "event loop": 16,
        "dataclasses": 32,
        "other": 64,
    }


def test_ordinary_text_is_drawn_by_its_seed(tmp_path: Path) -> None:
    """The same chunks each time, of the size that was asked for; what is no text is left out."""
    (tmp_path / "prose.txt").write_text("Grüße, " * 1_000)
    (tmp_path / "program").write_bytes(b"\x7fELF\0" * 1_000)
    (tmp_path / "latin").write_bytes(b"\xe9\xe8" * 1_000)
    drawn = draw([tmp_path], 20, seed=3, size=1_000)
    assert drawn == draw([tmp_path], 20, seed=3, size=1_000)
    assert drawn != draw([tmp_path], 20, seed=4, size=1_000)
    assert {chunk.file.name for chunk in drawn} == {"prose.txt"}
    assert all(990 < len(chunk.text.encode()) <= 1_000 for chunk in drawn)
    assert draw([tmp_path / "nothing"], 20, seed=3) == []


def test_an_alarm_is_shown_with_what_is_around_it(tmp_path: Path) -> None:
    """Once a chunk; personal data are no alarm unless they are asked for."""
    key = "AKIA" + "QZ3MX7PLKD2WNRT5"
    (tmp_path / "a.txt").write_text(f"ada@example.com has {key} and {key}")
    common = [str(tmp_path), "--chunks", "3", "--seed", "1"]
    told = CliRunner().invoke(alarms.main, common).output
    assert told.startswith("seed 1: 3 alarms in 3 chunks, secret.aws_access_key_id 3\n")
    assert "a.txt" in told
    assert f"ada@example.com has {key}" in told
    asked = CliRunner().invoke(alarms.main, [*common, "--topic", "personal.email"]).output
    assert "personal.email 3" in asked
    assert "secret" not in asked.splitlines()[0]


def test_scans_are_measured_beside_another_checkouts(tmp_path: Path) -> None:
    """Both read the same texts; here the other one is this one."""
    (tmp_path / "a.txt").write_text("An ordinary line of code: x = y[1]\n" * 1_000)
    few = ["--texts", "3", "--seed", "1", "--warm-up", "1", "--against", str(ROOT)]
    told = CliRunner().invoke(scan.main, [str(tmp_path), *few]).output.splitlines()
    assert [line.split(",")[0].strip() for line in told] == ["1000 bytes", "20000 bytes"]
    assert all(line.count("median") == 2 for line in told)
