"""Operations without a dialect of their own: the model if any, and every text found."""

from __future__ import annotations

from ..call import Answer, Call, Json, Text
from ..texts import attachments, strings

_SCALARS = (str, int, float, bool)


def read_request(body: Json) -> Call:
    """The call of any JSON body, or of none (`body` is then None)."""
    found = body if isinstance(body, dict) else {}
    model = found.get("model")
    return Call(
        model=model if isinstance(model, str) else None,
        stream=found.get("stream") is True,
        texts=tuple(strings(body, "", "user")),
        attachments=tuple(attachments(body, "")),
        parameters={key: item for key, item in found.items() if isinstance(item, _SCALARS[1:])},
        body=body,
    )


def read_response(status: int, body: Json) -> Answer:
    """The answer of any JSON body; a text that isn't JSON comes as one string."""
    if isinstance(body, str):
        return Answer(status, texts=(Text("", "assistant", body),))
    model = body.get("model") if isinstance(body, dict) else None
    return Answer(
        status,
        model=model if isinstance(model, str) else None,
        texts=tuple(strings(body, "", "assistant")),
    )
