"""Envelopes: sealed once, opened strictly."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_receipts.envelope import dsse, signing_keys
from helm_receipts.envelope.foreign_envelope import parse_envelope
from helm_receipts.envelope.signatures import seal
from helm_receipts.errors import EnvelopeError, KeyRefused, SignatureRefused

KEY = signing_keys.generate("receipt")


@given(st.binary(max_size=300))
def test_a_sealed_payload_opens(payload: bytes) -> None:
    """What was sealed comes back, through the strict reader and the tolerant one."""
    envelope = seal(payload, KEY)
    assert dsse.parse_line(envelope).check(KEY.public) == payload
    assert parse_envelope(envelope).check(KEY.public) == payload


@given(st.data())
def test_no_bit_of_a_line_can_change(data: st.DataObject) -> None:
    """Flip any bit: the line doesn't parse, its signature fails, or only the key hint differs."""
    envelope = bytearray(seal(b'{"a":1}', KEY))
    bit = data.draw(st.integers(0, len(envelope) * 8 - 1))
    envelope[bit // 8] ^= 1 << bit % 8
    try:
        parsed = dsse.parse_line(bytes(envelope))
        parsed.check(KEY.public)
    except EnvelopeError:
        return
    assert parsed.keyid != KEY.keyid


def test_another_key_is_refused() -> None:
    """A valid signature by another key isn't a signature by the key that was named."""
    envelope = dsse.parse_line(seal(b"{}", signing_keys.generate("receipt")))
    with pytest.raises(SignatureRefused, match="expected a signature by key"):
        envelope.check(KEY.public)


def test_a_log_key_signs_no_receipt() -> None:
    """Keys don't change roles."""
    with pytest.raises(KeyRefused, match=r"receipt\.pem"):
        seal(b"{}", signing_keys.generate("log"))


def _loose(**changes: object) -> bytes:
    value = json.loads(seal(b"{}", KEY))
    return json.dumps(value | changes).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        _loose(),
        seal(b"{}", KEY) + b" ",
        seal(b"{}", KEY).replace(b"in-toto", b"in-tote"),
        seal(b"{}", KEY).replace(b'"e30="', b'"e30"'),
        seal(b"{}", KEY).replace(b'"e30="', b'"e31="'),
    ],
)
def test_a_journal_line_has_one_spelling(line: bytes) -> None:
    """The strict reader takes what `seal` writes and nothing else."""
    with pytest.raises(EnvelopeError):
        dsse.parse_line(line)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"not json",
        _loose(signatures=[]),
        _loose(signatures=[{"sig": ""}, {"sig": ""}]),
        _loose(signatures=["x"]),
        _loose(signatures={}),
        _loose(payload=5),
        _loose(payload="!!!!"),
        b'{"payload":"","payload":"","payloadType":"x","signatures":[{"sig":""}]}',
        b"[" * 100_000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_a_malformed_envelope_is_named(text: bytes) -> None:
    """Nothing malformed gets past the tolerant reader either, and nothing else is raised."""
    with pytest.raises(EnvelopeError):
        parse_envelope(text)


def test_a_changed_keyid_does_not_matter_in_a_foreign_envelope() -> None:
    """An envelope whose keyid names another key verifies under the key that made it."""
    value = json.loads(seal(b"{}", KEY))
    value["signatures"][0]["keyid"] = "someone else"
    assert parse_envelope(json.dumps(value).encode()).check(KEY.public) == b"{}"


def test_the_type_is_signed_too() -> None:
    """Changing payloadType breaks the signature."""
    value = json.loads(seal(base64.b64decode("e30="), KEY))
    value["payloadType"] = "application/json"
    with pytest.raises(SignatureRefused):
        parse_envelope(json.dumps(value).encode()).check(KEY.public)
