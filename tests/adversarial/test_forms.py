"""Forms that could be read in two ways, or not at all: refused, with a receipt, and never sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.scene import Scene, assert_refused, scene

TRANSCRIPTIONS = "/v1/audio/transcriptions"
FILES = "/v1/files"
BOUNDARY = "a-line-between"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, filename: str | None = None, *headers: str) -> bytes:
    """Return one part of a form."""
    file = "" if filename is None else f'; filename="{filename}"'
    head = [f'Content-Disposition: form-data; name="{name}"{file}', *headers]
    return f"--{BOUNDARY}\r\n".encode() + "\r\n".join((*head, "", "")).encode() + content + b"\r\n"


SOUND = part("file", b"RIFF\x00\xff", "sound.wav")
MODEL = part("model", b"ordinary")
END = f"--{BOUNDARY}--\r\n".encode()
LINE = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":%b}\n'
CHAT = b'{"model":"ordinary","messages":[]}'


def batch(lines: bytes) -> bytes:
    """Return the upload of a batch's file."""
    return part("purpose", b"batch") + part("file", lines, "batch.jsonl") + END


CASES: dict[str, tuple[str, bytes, str]] = {
    "no boundary": (TRANSCRIPTIONS, SOUND + MODEL + END, "multipart/form-data"),
    "two boundaries": (TRANSCRIPTIONS, SOUND + MODEL + END, f"{FORM}; boundary=other"),
    "another boundary": (TRANSCRIPTIONS, SOUND + MODEL + END, "multipart/form-data; boundary=x"),
    "cut off": (TRANSCRIPTIONS, SOUND + MODEL, FORM),
    "empty": (TRANSCRIPTIONS, b"", FORM),
    "JSON in the name of a form": (TRANSCRIPTIONS, b'{"model": "ordinary"}', FORM),
    "a name twice": (TRANSCRIPTIONS, SOUND + MODEL + part("model", b"denied") + END, FORM),
    "a part without a name": (TRANSCRIPTIONS, SOUND + MODEL + part("", b"denied") + END, FORM),
    "a field that isn't UTF-8": (TRANSCRIPTIONS, SOUND + part("model", b"\xff\xfe") + END, FORM),
    "a model that is a file": (TRANSCRIPTIONS, SOUND + part("model", b"denied", "m") + END, FORM),
    "a thousand parts": (
        TRANSCRIPTIONS,
        SOUND + MODEL + b"".join(part(f"p{n}", b"") for n in range(1_000)) + END,
        FORM,
    ),
    "a chat as a form": ("/v1/chat/completions", MODEL + part("messages", b"[]") + END, FORM),
    "a batch without lines": (FILES, batch(b"\n\n"), FORM),
    "a batch's line that isn't JSON": (FILES, batch(LINE % CHAT + b"{"), FORM),
    "a batch's line twice the same member": (
        FILES,
        batch(LINE % b'{"model":"a","model":"b"}'),
        FORM,
    ),
    "a batch's line of no operation": (
        FILES,
        batch(LINE.replace(b"/v1/chat", b"/v9/chat") % CHAT),
        FORM,
    ),
    "a batch's line that administers": (
        FILES,
        batch(LINE.replace(b"chat/completions", b"organization/projects") % CHAT),
        FORM,
    ),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a boundary for which every request to the upstream is a call."""
    options = {"helm_hosts": "127.0.0.1"}
    with scene(tmp_path_factory.mktemp("forms"), options=options) as stage:
        yield stage


@pytest.mark.parametrize("case", CASES)
def test_an_ambiguous_form_is_refused(stage: Scene, case: str) -> None:
    """Each is a SCHEMA_VIOLATION, and the call after it works."""
    path, body, content_type = CASES[case]
    with stage.untouched():
        answer = stage.post(body, path=path, headers=[("Content-Type", content_type)])
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


def test_a_batch_in_parts_is_refused(stage: Scene) -> None:
    """Its lines could be cut anywhere, so none could be judged."""
    upload = b'{"purpose":"batch","filename":"b.jsonl","bytes":9,"mime_type":"application/jsonl"}'
    with stage.untouched():
        answer = stage.post(upload, path="/v1/uploads")
    assert_refused(stage, answer, "CAPABILITY_UNKNOWN")


def test_a_denied_line_denies_the_whole_batch(stage: Scene) -> None:
    """The first lines may pass: the file goes as a whole or not at all."""
    lines = LINE % CHAT + LINE % CHAT.replace(b"ordinary", b"denied")
    with stage.untouched():
        answer = stage.post(batch(lines), path=FILES, headers=[("Content-Type", FORM)])
    assert_refused(stage, answer, "POLICY_VIOLATION")
    assert "line 2 of the batch" in answer.json()["error"]["message"]
