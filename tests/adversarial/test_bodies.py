"""Request bodies with two readings, or none: refused with a reason, and never forwarded."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
import zstandard

from support.scene import CHAT, JSON_BODY, Scene, assert_refused, assert_works, chat_body

PLAIN = chat_body()
MEBIBYTE = 1 << 20


def chat_with(member: str) -> bytes:
    """Return an ordinary body with one more member, as JSON text."""
    return PLAIN[:-1] + b", " + member.encode() + b"}"


UNREADABLE = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "not JSON": b"model=ordinary&messages=hello",
    "cut off": PLAIN[:-1],
    "trailing data": PLAIN + PLAIN,
    "trailing comma": PLAIN[:-1] + b",}",
    "a comment": PLAIN + b"// done",
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "UTF-16": PLAIN.decode().encode("utf-16"),
    "Latin-1": '{"model":"ordinary","messages":[{"role":"user","content":"é"}]}'.encode("latin-1"),
    "a NUL after it": PLAIN + b"\x00",
    "a raw control character": chat_with('"user": "a\x01b"'),
    "an array": b"[" + PLAIN + b"]",
    "a string": b'"hello"',
    "null": b"null",
    "duplicate key": chat_with('"model": "denied"'),
    "duplicate key, written in escapes": chat_with('"\\u006dodel": "denied"'),
    "duplicate key inside": chat_with('"metadata": {"a": 1, "a": 2}'),
    "1e400": chat_with('"temperature": 1e400'),
    "-1e400": chat_with('"temperature": -1e400'),
    "an integer of 300 digits": chat_with('"seed": ' + "9" * 300),
    "2 to the 64th": chat_with(f'"seed": {2**64}'),
    "an integer of 10,000 digits": chat_with('"seed": ' + "9" * 10_000),
    "NaN": chat_with('"temperature": NaN'),
    "Infinity": chat_with('"temperature": -Infinity'),
    "lone high surrogate": chat_with('"user": "\\ud800"'),
    "lone low surrogate in a key": chat_with('"\\udc00": 1'),
    "surrogates the wrong way round": chat_with('"user": "\\udc00\\ud800"'),
    "200 levels": chat_with('"metadata": ' + "[" * 200 + "]" * 200),
    "100,000 levels": chat_with('"metadata": ' + "[" * 100_000 + "]" * 100_000),
    "100,000 objects deep": chat_with('"metadata": ' + '{"a":' * 100_000 + "1" + "}" * 100_000),
    "2,000 levels inside a string": chat_with(
        '"user": ' + json.dumps("[" * 2_000 + '"\\u0061"' + "]" * 2_000)
    ),
    "100,000 levels inside a string": chat_with(
        '"user": ' + json.dumps("[" * 100_000 + '"\\u0061"' + "]" * 100_000)
    ),
    "open brackets only": b"[" * 100_000,
    "no model": json.dumps({"messages": []}).encode(),
    "an empty model": chat_body(model=""),
    "a model that is a list": chat_body(model=["ordinary"]),
    "no messages": json.dumps({"model": "ordinary"}).encode(),
    "messages that are text": chat_body(messages="hello"),
    "a message that is text": chat_body(messages=["hello"]),
    "stream that is text": chat_body(stream="true"),
    "stream that is a number": chat_body(stream=1),
    "tools that are text": chat_body(tools="all"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_ambiguous_body_is_refused(stage: Scene, name: str) -> None:
    """Whatever another JSON reader might make of it, nobody gets to read it."""
    with stage.untouched():
        answer = stage.post(UNREADABLE[name])
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


def test_a_body_of_64_mebibytes_is_refused(stage: Scene) -> None:
    """The limit is 32 MiB; the refusal costs no judgement."""
    body = chat_body(messages=[{"role": "user", "content": "x" * (64 * MEBIBYTE)}])
    with stage.untouched():
        answer = stage.post(body)
    assert_refused(stage, answer, "BODY_TOO_LARGE")


def deflated(data: bytes) -> bytes:
    """Compress as RFC 9110 says: deflate with the zlib wrapper."""
    return zlib.compress(data)


CODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "GZip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": deflated,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
    "identity, gzip": gzip.compress,
}


@pytest.mark.parametrize("coding", CODED)
def test_an_encoded_body_is_judged_decoded_and_forwarded_unchanged(
    stage: Scene, coding: str
) -> None:
    """The policy sees the model's name; the upstream gets the client's own bytes."""
    headers = (*JSON_BODY, ("Content-Encoding", coding))
    body = CODED[coding](PLAIN)
    stage.post(body, headers=headers)
    assert stage.upstream.requests[-1].body == body
    with stage.untouched():
        answer = stage.post(CODED[coding](chat_body(model="denied")), headers=headers)
    assert_refused(stage, answer, "POLICY_VIOLATION")


def raw_deflate(data: bytes) -> bytes:
    """Compress without the zlib wrapper, which some readers also accept."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


MISCODED = {
    "unknown": ("rot13", PLAIN),
    "base64, which mitmproxy would decode": ("base64", b"eyJtb2RlbCI6Im9yZGluYXJ5In0="),
    "compress": ("compress", PLAIN),
    "doubled": ("gzip, gzip", gzip.compress(gzip.compress(PLAIN))),
    "two kinds": ("gzip, br", brotli.compress(gzip.compress(PLAIN))),
    "not gzip at all": ("gzip", PLAIN),
    "gzip cut off": ("gzip", gzip.compress(PLAIN)[:-4]),
    "gzip with a wrong checksum": ("gzip", gzip.compress(PLAIN)[:-8] + b"\0" * 8),
    "two gzip members": ("gzip", gzip.compress(PLAIN) + gzip.compress(b" ")),
    "gzip and more": ("gzip", gzip.compress(PLAIN) + b"more"),
    "raw deflate": ("deflate", raw_deflate(PLAIN)),
    "brotli cut off": ("br", brotli.compress(PLAIN)[:-2]),
    "brotli and more": ("br", brotli.compress(PLAIN) + b"more"),
    "zstd cut off": ("zstd", zstandard.ZstdCompressor().compress(PLAIN)[:-2]),
    "zstd and more": ("zstd", zstandard.ZstdCompressor().compress(PLAIN) + b"more"),
    "two zstd frames": ("zstd", zstandard.ZstdCompressor().compress(PLAIN) * 2),
    "an empty gzip": ("gzip", gzip.compress(b"")),
}


@pytest.mark.parametrize("name", MISCODED)
def test_a_body_with_a_doubtful_coding_is_refused(stage: Scene, name: str) -> None:
    """Unknown, doubled, damaged or followed by more."""
    coding, body = MISCODED[name]
    with stage.untouched():
        answer = stage.post(body, headers=(*JSON_BODY, ("Content-Encoding", coding)))
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


def test_codings_in_two_headers_count_as_one_list(stage: Scene) -> None:
    """A reader of the last header only would find one coding, where there are two."""
    headers = (*JSON_BODY, ("Content-Encoding", "gzip"), ("Content-Encoding", "gzip"))
    with stage.untouched():
        answer = stage.post(gzip.compress(gzip.compress(PLAIN)), headers=headers)
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


def gzip_bomb() -> bytes:
    """Return 512 MiB of spaces, compressed."""
    return gzip.compress(b" " * (512 * MEBIBYTE), 9)


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": gzip_bomb,
    "br": lambda: brotli.compress(b" " * (256 * MEBIBYTE), quality=3),
    "zstd": lambda: zstandard.ZstdCompressor().compress(b" " * (512 * MEBIBYTE)),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_a_decompression_bomb_costs_neither_memory_nor_time(stage: Scene, coding: str) -> None:
    """Half a gigabyte out of nothing: refused at once, with memory where it was."""
    bomb = BOMBS[coding]()
    before = resident(stage.boundary.pid)
    spent = processor_seconds(stage.boundary.pid)
    with stage.untouched():
        answer = stage.post(bomb, headers=(*JSON_BODY, ("Content-Encoding", coding)))
    assert processor_seconds(stage.boundary.pid) - spent < 1
    assert resident(stage.boundary.pid) - before < 128 * MEBIBYTE
    assert_refused(stage, answer, "BODY_TOO_LARGE")


def resident(pid: int) -> int:
    """Return a process's resident memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def processor_seconds(pid: int) -> float:
    """Return a process's processor time, which a busy machine doesn't change."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("charset", ["utf-16", "latin1", '"UTF-16"', "utf-7", "utf-8, utf-16"])
def test_a_charset_other_than_utf_8_is_refused(stage: Scene, charset: str) -> None:
    """JSON has one encoding; who honours another reads another text."""
    headers = (("Content-Type", f"application/json; charset={charset}"),)
    with stage.untouched():
        answer = stage.post(PLAIN, headers=headers)
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


def test_a_second_content_type_with_another_charset_is_refused(stage: Scene) -> None:
    """Which of two headers counts is the reader's choice."""
    headers = (*JSON_BODY, ("Content-Type", "application/json; charset=utf-16"))
    with stage.untouched():
        answer = stage.post(PLAIN, headers=headers)
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


def test_a_chunked_body_is_judged_whole(stage: Scene) -> None:
    """Chunks are no part of the body: its model is read across them."""
    with stage.untouched():
        answer = chunked(stage, chat_body(model="denied"), end=b"0\r\n\r\n")
    assert answer[:12] == b"HTTP/1.1 403"
    assert chunked(stage, PLAIN, end=b"0\r\n\r\n")[:12] == b"HTTP/1.1 200"
    assert stage.upstream.requests[-1].body == PLAIN


@pytest.mark.parametrize("end", [b"", b"5\r\nab", b"zz\r\n", b"-1\r\n", b"0\r\nTrailer: a\r\n\r\n"])
def test_a_malformed_chunked_body_is_not_forwarded(stage: Scene, end: bytes) -> None:
    """Cut off, of a false length, or with trailers, which mitmproxy doesn't carry."""
    with stage.untouched():
        chunked(stage, PLAIN, end=end)
    assert_works(stage)


@pytest.mark.parametrize("path", [CHAT, "/generate"])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_transfer_coding_does_not_hide_a_call(stage: Scene, coding: str, path: str) -> None:
    """`Transfer-Encoding: gzip, chunked`, which few servers undo: none gets to."""
    body = CODED[coding](chat_body(model="denied"))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}, chunked\r\n\r\n"
    with stage.untouched(), stage.wire() as wire:
        wire.send(head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        answer = wire.answer()
    assert answer.code == "SCHEMA_VIOLATION"
    assert_works(stage)


def chunked(stage: Scene, body: bytes, end: bytes) -> bytes:
    """Send a body in chunks of eight bytes, then `end`, then no more; returns what came back."""
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunks = [body[at : at + 8] for at in range(0, len(body), 8)]
    with stage.wire() as wire:
        wire.send(head.encode() + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        wire.send(b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end)
        if end != b"0\r\n\r\n":
            wire.socket.shutdown(1)
        wire.socket.settimeout(1)
        return wire.rest()


SMUGGLED = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunked that isn't": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 5\r\n\r\nhello",
    "a folded header": b"X-A: 1\r\n Content-Length: 5\r\n\r\nhello",
    "a bare CR in a header": b"X-A: 1\rContent-Length: 5\r\n\r\nhello",
    "a negative length": b"Content-Length: -5\r\n\r\nhello",
    "a length with a plus": b"Content-Length: +5\r\n\r\nhello",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_ambiguous_framing_is_not_forwarded(stage: Scene, name: str) -> None:
    """One reader's body is another reader's next request."""
    with stage.untouched(), stage.wire() as wire:
        wire.send(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\n".encode() + SMUGGLED[name])
        wire.socket.settimeout(0.5)
        first = wire.rest()
    assert not first.startswith(b"HTTP/1.1 2")
    assert_works(stage)
