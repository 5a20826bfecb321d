"""Content codings, decoded once and bounded (RFC 9110 section 8.4).

mitmproxy's own decoders have no bound and read codings that upstreams don't; a body is judged by
what this module makes of it, or not at all.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import zstandard

from helm_boundary.calls.refusal import Refusal, schema_violation

MAX_RATIO = 200
"""Decoded bytes for one encoded byte, once past `FREE_BYTES`: text rarely passes 20."""

FREE_BYTES = 1 << 20
_STEP = 1 << 16


def decode(body: bytes, coding: str | None, limit: int) -> bytes:
    """Decode a body's content coding, to at most `limit` bytes.

    `coding` is the Content-Encoding header, all its values joined by commas, or None.

    Raises:
        Refusal: unknown or repeated coding, damaged or trailing data, or too much of it.
    """
    names = [name for part in (coding or "").lower().split(",") if (name := part.strip())]
    if len(body) > limit:
        raise too_large(limit)
    names = [name for name in names if name != "identity"]
    if not names:
        return body
    if len(names) > 1:
        raise schema_violation(
            "the body is encoded more than once; send it with at most one coding"
        )
    decoder = _DECODERS.get(names[0])
    if decoder is None:
        raise schema_violation(
            "the body has a content coding other than gzip, deflate, br, zstd or identity"
        )
    # A tighter bound for small bodies: nobody needs 512 MiB out of 510 KB.
    bound = min(limit, max(FREE_BYTES, len(body) * MAX_RATIO))
    try:
        return decoder(body, bound)
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
        raise schema_violation(f"the body isn't valid {names[0]}") from None


def glimpse(body: bytes, coding: str | None, most: int) -> bytes:
    """Decode the start of a body that `decode` refuses, as far as it goes; at most `most` bytes.

    For telling what a body may be, never for judging it: damage is passed over, and codings that
    aren't known end the reading.
    """
    names = [name for part in (coding or "").lower().split(",") if (name := part.strip())]
    for name in reversed([name for name in names if name != "identity"]):
        start = _STARTS.get(name)
        if start is None:
            return b""
        try:
            body = start(body, most)
        except (zlib.error, brotli.error, zstandard.ZstdError):
            return b""
    return body


def check_charset(content_type: str | None) -> None:
    """Refuse a charset other than UTF-8, the only one that JSON and event streams have.

    `content_type` is the header, all its values joined by commas, or None.

    Raises:
        Refusal: one that names another.
    """
    if not content_type or "charset" not in content_type.lower():
        return
    for parameter in content_type.lower().split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(" \"'") not in ("utf-8", "utf8", "us-ascii"):
            raise schema_violation("the body's charset isn't UTF-8, the only one it may have")


def too_large(limit: int) -> Refusal:
    """Return the refusal of a body over the bound."""
    return Refusal(
        "BODY_TOO_LARGE",
        f"the body is larger than {limit} bytes, or expands too far; see helm_max_body",
    )


def _zlib_decoder(window_bits: int) -> Callable[[bytes, int], bytes]:
    def decoded(body: bytes, bound: int) -> bytes:
        decompressor = zlib.decompressobj(window_bits)
        out = decompressor.decompress(body, bound + 1)
        if len(out) > bound:
            raise too_large(bound)
        # A second gzip member or trailing bytes are read by some and ignored by others.
        if not decompressor.eof or decompressor.unused_data:
            raise EOFError
        return out

    return decoded


def _brotli(body: bytes, bound: int) -> bytes:
    decompressor, out, fresh = brotli.Decompressor(), bytearray(), body
    while not decompressor.is_finished():
        piece = decompressor.process(fresh, output_buffer_limit=_STEP)
        out += piece
        if len(out) > bound:
            raise too_large(bound)
        if not piece and not fresh:
            raise EOFError
        fresh = b""
    return bytes(out)


def _zstd(body: bytes, bound: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    out = bytearray()
    for start in range(0, len(body), 256):
        out += decompressor.decompress(body[start : start + 256])
        if len(out) > bound:
            raise too_large(bound)
        if decompressor.eof:
            if decompressor.unused_data or start + 256 < len(body):
                raise EOFError
            return bytes(out)
    raise EOFError


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _zlib_decoder(31),
    "x-gzip": _zlib_decoder(31),
    "deflate": _zlib_decoder(15),
    "br": _brotli,
    "zstd": _zstd,
}

_STARTS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": lambda body, most: zlib.decompressobj(31).decompress(body, most),
    "x-gzip": lambda body, most: zlib.decompressobj(31).decompress(body, most),
    "deflate": lambda body, most: zlib.decompressobj(15).decompress(body, most),
    "br": lambda body, most: bytes(brotli.Decompressor().process(body, output_buffer_limit=most)),
    "zstd": lambda body, most: (
        zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body).read(most)
    ),
}
