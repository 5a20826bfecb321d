"""Forms that could be read in two ways, or not at all: refused, with a receipt, and never sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.scene import Scene, assert_refused, scene
from support.wire import Reply

TRANSCRIPTIONS = "/v1/audio/transcriptions"
FILES = "/v1/files"
BOUNDARY = "a-line-between"
NAMED, CODED, TYPE = (
    'Content-Disposition: form-data; name="',
    "Content-Transfer-Encoding",
    "Content-Type",
)
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, filename: str | None = None, *headers: str) -> bytes:
    """One part of a form."""
    file = "" if filename is None else f'; filename="{filename}"'
    head = [f'Content-Disposition: form-data; name="{name}"{file}', *headers]
    return f"--{BOUNDARY}\r\n".encode() + "\r\n".join((*head, "", "")).encode() + content + b"\r\n"


SOUND = part("file", b"RIFF\x00\xff", "sound.wav")
MODEL = part("model", b"ordinary")
END = f"--{BOUNDARY}--\r\n".encode()
LINE = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":%b}\n'
CHAT = b'{"model":"ordinary","messages":[]}'


def batch(lines: bytes) -> bytes:
    """The upload of a batch's file."""
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
    **{
        name: (TRANSCRIPTIONS, SOUND + body + END, FORM)
        for name, body in {
            "two Content-Dispositions": part("model", b"x", None, f'{NAMED}other"'),
            "two names of one part": part('model"; name="other', b"x"),
            "a name in another spelling": part("model\"; name*=\"UTF-8''other", b"x"),
            "an encoded part": part("model", b"ZGVuaWVk", None, f"{CODED}: base64"),
            "a quoted part": part("model", b"d=65nied", None, f"{CODED}: Quoted-Printable"),
            "another charset": part("model", b"+AGQ-", None, f"{TYPE}: text/plain; charset=utf-7"),
            "a field that sets the charset": MODEL + part("_charset_", b"utf-7"),
            "a folded header": MODEL.replace(b"form-data; ", b"form-data;\r\n "),
            "a bare carriage return in a header": MODEL.replace(b"\r\n\r\n", b"\rX: y\r\n\r\n"),
            "NUL in a name": part("mo\0del", b"x"),
            "lines that end otherwise": MODEL.replace(b"\r\n", b"\n"),
            "a line within a text": part("prompt", b"x\n" + MODEL.replace(b"\r\n", b"\n")),
            "escapes in a name": part("mo\\del", b"x"),
            "percents in a name": part("mo%64el", b"x"),
            "names that differ in case": MODEL + part("Model", b"denied"),
            "a name in capitals": part("MODEL", b"denied"),
            "a name and a list of it": MODEL + part("model[]", b"denied"),
            "parts within a part": part(
                "model", b"x", None, f"{TYPE}: multipart/mixed; boundary=i"
            ),
            "a disposition of another kind": MODEL.replace(b"form-data", b"attachment"),
            "something behind the end": END + MODEL,
        }.items()
    },
    "something before the first part": (TRANSCRIPTIONS, b"--x\r\n" + SOUND + MODEL + END, FORM),
    "a form in another charset": (TRANSCRIPTIONS, SOUND + MODEL + END, f"{FORM}; charset=utf-16"),
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
    """A boundary for which every request to the upstream is a call."""
    options = {"helm_hosts": "127.0.0.1"}
    with scene(tmp_path_factory.mktemp("forms"), options=options) as stage:
        yield stage


@pytest.mark.parametrize("case", CASES)
def test_a_form_that_cannot_be_read_in_one_way_is_refused(stage: Scene, case: str) -> None:
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


def test_a_denied_line_keeps_the_whole_batch(stage: Scene) -> None:
    """The first lines may pass: the file goes as a whole or not at all."""
    lines = LINE % CHAT + LINE % CHAT.replace(b"ordinary", b"denied")
    with stage.untouched():
        answer = stage.post(batch(lines), path=FILES, headers=[("Content-Type", FORM)])
    assert_refused(stage, answer, "POLICY_VIOLATION")
    assert "line 2 of the batch" in answer.json()["error"]["message"]


HONEST: dict[str, bytes] = {
    "curl and browsers": MODEL,
    "a charset": part("model", b"ordinary", None, f"{TYPE}: text/plain; charset=UTF-8"),
    "Java's charset": part("model", b"ordinary", None, f"{TYPE}: text/plain; charset=ISO-8859-1"),
    "Java's coding": part("model", b"ordinary", None, f"{CODED}: 8bit"),
    ".NET's names": MODEL.replace(b'"model"', b"model"),
    ".NET's file names": MODEL + part("notes", b"n", "n\"; filename*=\"utf-8''n").replace(
        b"filename*=\"utf-8''n\"", b"filename*=utf-8''n"
    ),
    "headers the other way round": (
        f"--{BOUNDARY}\r\n{TYPE}: text/plain\r\n{NAMED}model\"\r\n\r\nordinary\r\n".encode()
    ),
    "a list": MODEL + part("include[]", b"logprobs") + part("include[]", b"words"),
    "a file name in Unicode": MODEL + part("notes", b"n", "Übung \\\"1\\\".txt"),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("end", [END, END.rstrip(), b"\r\n"], ids=["line", "none", "first"])
def test_forms_as_honest_clients_write_them_pass_as_they_came(
    stage: Scene, name: str, end: bytes
) -> None:
    """Each client has a way of its own, and one reading."""
    body = SOUND + HONEST[name] + (end if end.startswith(b"--") else END)
    body = body if end.startswith(b"--") else b"\r\n" + body
    stage.upstream.answer(lambda _: Reply.json({"text": "Hello."}))
    answer = stage.post(body, path=TRANSCRIPTIONS, headers=(("Content-Type", FORM),))
    assert answer.status == 200, answer
    assert stage.upstream.requests[-1].body == body
