"""Content codings are undone once, within bounds, or not at all."""

from __future__ import annotations

import contextlib
import gzip
import random
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.refusal import Refusal
from helm_boundary.wire import content_coding

LIMIT = 8 << 20
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: bytes(brotli.compress(data)),
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}


@given(st.sampled_from(sorted(ENCODERS)), st.binary(max_size=4096))
def test_every_coding_round_trips(name: str, body: bytes) -> None:
    """Every coding there is, whatever its letters' case."""
    coded = ENCODERS[name](body)
    assert content_coding.decode(coded, name, LIMIT) == body
    assert content_coding.decode(coded, f" {name.upper()} ,", LIMIT) == body


@given(st.sampled_from(["gzip", "deflate", "br", "zstd"]), st.binary(max_size=512))
def test_any_bytes_are_decoded_or_refused(name: str, body: bytes) -> None:
    """No other exception gets out."""
    with contextlib.suppress(Refusal):
        content_coding.decode(body, name, LIMIT)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_every_damaged_end_is_refused(name: str) -> None:
    """Cut anywhere, or followed by anything: not one byte too few or too many."""
    coded = ENCODERS[name](b'{"model": "m"}' * 50)
    for cut in range(len(coded)):
        with pytest.raises(Refusal):
            content_coding.decode(coded[:cut], name, LIMIT)
    for more in (b"\0", b"x", coded):
        with pytest.raises(Refusal):
            content_coding.decode(coded + more, name, LIMIT)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_the_limit_is_exact(name: str) -> None:
    """Exactly so many bytes are let through, one more is not."""
    limit = 2 << 20
    body = random.Random(1).randbytes(limit // 2).hex().encode()
    assert content_coding.decode(ENCODERS[name](body), name, limit) == body
    with pytest.raises(Refusal, match="larger than"):
        content_coding.decode(ENCODERS[name](body + b"c"), name, limit)


@pytest.mark.parametrize("names", ["gzip, gzip", "gzip,br", "rot13", "gzip;q=1", "base64", "*"])
def test_lists_and_unknown_codings_are_refused(names: str) -> None:
    """One coding, of those that are known."""
    with pytest.raises(Refusal):
        content_coding.decode(gzip.compress(b"{}"), names, LIMIT)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_glimpse_shows_the_start_of_what_is_refused(name: str) -> None:
    """Too large, or coded twice: still one can see what it may be."""
    body = b'{"model": "m"}' + b" " * (4 << 20)
    twice = ENCODERS[name](gzip.compress(body))
    assert content_coding.glimpse(ENCODERS[name](body), name, 1 << 20).startswith(b'{"model": "m"}')
    assert content_coding.glimpse(twice, f"gzip, {name}", 1 << 20).startswith(b'{"model": "m"}')
    assert content_coding.glimpse(b"not coded", "gzip", 100) == b""
    assert content_coding.glimpse(b"anything", "rot13", 100) == b""


@pytest.mark.parametrize(
    ("content_type", "fits"),
    [
        (None, True),
        ("application/json", True),
        ("application/json; charset=UTF-8", True),
        ('application/json; charset="utf-8"', True),
        ("application/json;charset=us-ascii", True),
        ("application/json; charset=latin1", False),
        ("application/json; boundary=x; charset=utf-16", False),
        ("application/json, application/json; charset=utf-7", False),
        ("application/json; charset=utf-8, text/plain; charset=utf-7", False),
    ],
)
def test_only_utf8_is_accepted(content_type: str | None, *, fits: bool) -> None:
    """Whoever honours another charset reads another text."""
    if fits:
        content_coding.check_charset(content_type)
    else:
        with pytest.raises(Refusal):
            content_coding.check_charset(content_type)
