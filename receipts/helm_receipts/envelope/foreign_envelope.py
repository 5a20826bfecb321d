"""DSSE envelopes as another tool may have written them: any JSON, either base64 alphabet."""

import base64
import binascii
import json
from typing import Any

from helm_receipts.errors import EnvelopeError

from .dsse import Envelope

_URL_SAFE = str.maketrans("-_", "+/")


def parse_envelope(text: bytes) -> Envelope:
    """Decode an envelope as another tool may have written it: any JSON, either base64 alphabet."""
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"expected an envelope in JSON, found {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("signatures"), list):
        raise EnvelopeError('expected an object with "payload", "payloadType" and "signatures"')
    if len(value["signatures"]) != 1:
        raise EnvelopeError(
            f"a receipt has exactly one signature, found {len(value['signatures'])}; "
            "check the others with a tool that knows their keys"
        )
    signature = value["signatures"][0]
    if not isinstance(signature, dict):
        raise EnvelopeError(f"expected a signature object, found {type(signature).__name__}")
    return Envelope(
        _either(value, "payload"),
        _text(value, "payloadType"),
        str(signature.get("keyid") or ""),
        _either(signature, "sig"),
    )


def _either(value: dict[str, Any], name: str) -> bytes:
    text = _text(value, name).translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError(f'expected base64 in "{name}", found {error}') from error


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise EnvelopeError(f'expected a string in "{name}", found {type(text).__name__}')
    return text


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise EnvelopeError("expected each member once, found a member twice")
    return value
