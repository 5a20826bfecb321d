"""What a client writes into the head of a form's part is a text, too."""

from __future__ import annotations

import pytest

from helm_boundary.wire.multipart import read_call, read_form

DISPOSITION = "Content-Disposition: form-data; "
TYPE = "multipart/form-data; boundary=x"


def names(head: str) -> list[str]:
    """Return the names in a form with one part of that head."""
    form = f"--x\r\n{DISPOSITION}{head}\r\n\r\nhello\r\n--x--\r\n".encode()
    call, _ = read_call(read_form(form, TYPE))
    return [text.text for text in call.texts if text.place == "name"]


HEADS = {
    'name="model"': [],
    'name="a b"': ["a b", DISPOSITION + 'name="a b"'],
    'name="notes"; filename="n.txt"': [
        "notes",
        "n.txt",
        DISPOSITION + 'name="notes"; filename="n.txt"',
    ],
    'name="notes"; filename="n.txt"; filename*=utf-8\'\'%6D.txt': [
        "notes",
        "m.txt",
        DISPOSITION + 'name="notes"; filename="n.txt"; filename*=utf-8\'\'%6D.txt',
        DISPOSITION + 'name="notes"; filename="n.txt"; filename*=utf-8\'\'m.txt',
    ],
    'name="notes"\r\nX-Note: hello': [
        "notes",
        DISPOSITION + 'name="notes"\nX-Note: hello',
    ],
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_a_text_unless_it_says_nothing(head: str) -> None:
    """A field's plain name says nothing; both spellings of a file's name are there."""
    assert names(head) == HEADS[head]
