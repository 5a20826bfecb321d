"""Headers with two readings: a server that ends a line elsewhere would find another request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.scene import CHAT, Scene, chat_body, plain_scene, scene


@pytest.fixture(scope="module", params=["reverse", "forward"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A boundary before an upstream that is governed, and before one that isn't."""
    way = scene if request.param == "reverse" else plain_scene
    with way(tmp_path_factory.mktemp("scene")) as stage:
        yield stage


HEADERS = {
    "a bare carriage return": b"X: a\rX-HTTP-Method-Override: DELETE",
    "a bare carriage return that changes the framing": b"X: a\rTransfer-Encoding: chunked",
    "NUL": b"X: a\0b",
    "a folded header": b"X: a\r\n X-HTTP-Method-Override: DELETE",
    "a header folded with a tab": b"X: a\r\n\tb",
    "a folded Content-Type": b"Content-Type:\r\n application/json",
    "a bare line feed that folds": b"X: a\n b",
    "a blank before the colon": b"X : a",
    "a carriage return in a name": b"X\rY: a",
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize(
    ("path", "body"), [(CHAT, chat_body()), ("/upload", b"a=b")], ids=["a call", "not one"]
)
def test_a_header_with_two_readings_never_leaves(
    stage: Scene, name: str, path: str, body: bytes
) -> None:
    """Also where it isn't a call by our reading: by the other one it may be."""
    request = stage.request(body, path, ())
    line, _, rest = request.partition(b"\r\n")
    with stage.untouched(), stage.wire() as wire:
        wire.send(line + b"\r\n" + HEADERS[name] + b"\r\n" + rest)
        answer = wire.answer()
    assert answer.status in (400, 403), answer


@pytest.mark.parametrize(
    "header", [b"X: a\tb", b"X:", b"X: \xc3\xbc", b'X: a, b;c="d"', b"X:   a  ", b"x-y_z: 1"]
)
def test_odd_headers_with_one_reading_pass(stage: Scene, header: bytes) -> None:
    """Tabs, nothing at all, UTF-8 and blanks are nobody's end of a line."""
    line, _, rest = stage.request(chat_body()).partition(b"\r\n")
    with stage.wire() as wire:
        wire.send(line + b"\r\n" + header + b"\r\n" + rest)
        assert wire.answer().status == 200
