"""What is volatile makes no difference, and nothing that says what is asked for can be so whole."""

from __future__ import annotations

import pytest
import yaml

from helm_boundary.calls.call import Json, Text
from helm_boundary.calls.volatile import (
    LONGEST,
    VolatileError,
    read_volatile,
    texts_without,
    told,
    without,
)
from support.boundary import ROOT

UUID = "1d6ae590-3313-4160-879c-e8f7b28e09f6"


@pytest.mark.parametrize(
    "pointer",
    [
        "", "messages", "/messages", "/messages/0", "/messages/*", "/messages/0/content",
        "/messages/*/content/*/text", "/tools", "/tools/0", "/tools/*/input_schema", "/model",
        "/Model", "/input", "/input/*", "/input/0/content", "/input/*/id", "/system",
        "/system/0/text", "/instructions", "/contents/0/parts", "/tool_choice",
        "/previous_response_id", "/conversation", "/fallbacks", "/mcp_servers",
    ],
)  # fmt: skip
def test_what_says_what_is_asked_for_is_never_volatile_whole(pointer: str) -> None:
    """The message says what would do."""
    with pytest.raises(VolatileError, match=r"add a pattern|expected a pointer"):
        read_volatile(pointer, None)


@pytest.mark.parametrize(
    "pattern", ["(", "", "a*", ".*", ".+", r"[\s\S]+", "(?s).+", r"\S+", "[a-z_]+", r"\bcch=.*|.+"]
)
def test_a_pattern_of_everything_is_refused(pattern: str) -> None:
    """It would make the whole text volatile."""
    with pytest.raises(VolatileError, match="pattern"):
        read_volatile("/system/0/text", pattern)


BODIES: dict[str, tuple[tuple[str, str | None], Json, Json]] = {
    "a member": (("/metadata/user_id", None), {"metadata": {"user_id": "a", "x": 1}},
                 {"metadata": {"x": 1}}),
    "a member with a slash": (("/a~1b", None), {"a/b": 1, "a": 2}, {"a": 2}),
    "a part of a text": (("/system/0/text", "cch=[0-9a-f]+;"),
                         {"system": [{"text": "v=1; cch=3fa; end"}, {"text": "cch=1;"}]},
                         {"system": [{"text": "v=1;  end"}, {"text": "cch=1;"}]}),
    "a part of each item": (("/input/*/id", f"^msg_{UUID}$"),
                            {"input": [{"id": f"msg_{UUID}"}, {"id": "msg_1"}, "text"]},
                            {"input": [{"id": ""}, {"id": "msg_1"}, "text"]}),
    "a member of each item": (("/input/*/passthrough", None),
                              {"input": [{"passthrough": 1, "a": 2}, {"a": 3}]},
                              {"input": [{"a": 2}, {"a": 3}]}),
}  # fmt: skip


@pytest.mark.parametrize("case", BODIES)
def test_what_is_volatile_is_left_out(case: str) -> None:
    """And named; the body itself stays."""
    given, body, left = BODIES[case]
    before = repr(body)
    volatile = read_volatile(*given)
    assert without(body, [volatile]) == (left, [given[0]])
    assert repr(body) == before
    assert read_volatile(*told(volatile)).pointer == given[0]


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, {"metadata": "text"}, {"metadata": {"user": 1}}, {"metadata": [{}]}],
)
def test_a_body_without_it_is_as_it_was(body: Json) -> None:
    """Nothing is named then."""
    assert without(body, [read_volatile("/metadata/user_id", None)]) == (body, [])


def test_what_is_long_is_not_volatile() -> None:
    """Nobody hides a text in what a pattern matches."""
    volatile = read_volatile("/system", "cch=[a-z ]+;")
    for length, was_there in ((LONGEST, True), (LONGEST + 1, False)):
        body = {"system": "cch=" + "x" * (length - 5) + ";"}
        assert bool(without(body, [volatile])[1]) is was_there


def test_one_match_of_a_text_is_volatile() -> None:
    """Nor in many short ones."""
    volatile = read_volatile("/system", "cch=[0-9]+;")
    assert without({"system": "cch=1;cch=2;"}, [volatile])[0] == {"system": "cch=2;"}


def test_texts_are_left_out_with_their_members() -> None:
    """Those within a member, and of a text what a pattern matches."""
    volatile = [
        read_volatile("/metadata/user_id", None),
        read_volatile("/system/*/text", "cch=[0-9]+"),
    ]
    texts = [
        Text("/metadata/user_id", "user", "a"),
        Text("/metadata/user_id/b", "user", "b"),
        Text("/metadata/user_ids", "user", "c"),
        Text("/system/0/text", "system", "d cch=7"),
        Text("/messages/0/content", "user", "cch=7"),
    ]
    assert texts_without(texts, volatile) == [
        ("/metadata/user_ids", "c"),
        ("/system/0/text", "d "),
        ("/messages/0/content", "cch=7"),
    ]


def test_the_default_members_fit_what_agents_send() -> None:
    """As Claude Code 2.1 and Codex 0.171 were seen to send it."""
    data = yaml.safe_load((ROOT / "policies" / "data.yaml").read_text())["approvals"]["volatile"]
    volatile = [read_volatile(each["pointer"], each.get("pattern")) for each in data]

    def claude(cch: str, session: str) -> Json:
        said = f"x-anthropic-billing-header: cc_version=2.1.197.2f2; cch={cch};"
        return {"system": [{"type": "text", "text": said}], "metadata": {"user_id": session}}

    def codex(turn: str, item: str) -> Json:
        said = {"id": f"msg_{item}", "internal_chat_message_metadata_passthrough": {"turn": turn}}
        return {
            "input": [{"type": "message", **said, "content": "Do it."}],
            "prompt_cache_key": turn,
            "client_metadata": {"turn_id": turn},
        }

    other = UUID[::-1].replace("-", "a")[:8] + UUID[8:]
    assert without(claude("9c37b", "a"), volatile) == without(claude("61656", "b"), volatile)
    assert without(codex("a", UUID), volatile) == without(codex("b", other), volatile)
    changed = codex("b", other)
    changed["input"][0]["content"] = "Do another thing."
    assert without(codex("a", UUID), volatile) != without(changed, volatile)
    referred = {"input": [{"type": "item_reference", "id": "msg_68a1b2c3d4"}]}
    assert without(referred, volatile) == (referred, [])
