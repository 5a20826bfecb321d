"""The session that a client names is policy's to read, and goes no further."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.scene import JSON_BODY, Scene, assert_refused, chat_body, scene

_POLICY = """package helm.rules.sessions

deny contains {
	"rule": "sessions.ended",
	"code": "CONTEXT_MISMATCH",
	"message": "The session has ended.",
	"finality": "instance_context",
} if {
	input.context.session == "ended"
}
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary whose policy denies one session."""
    folder = tmp_path_factory.mktemp("sessions")
    policy = folder / "sessions"
    policy.mkdir()
    (policy / "sessions.rego").write_text(_POLICY)
    (policy / "data.yaml").write_text("{models: {allow: [ordinary]}}")
    with scene(folder, policy=policy) as stage:
        yield stage


def test_a_denied_session_is_refused(stage: Scene) -> None:
    """By our header, by an agent's, and by what the body says."""
    for headers, body in (
        ([("X-Helm-Session", "ended")], chat_body()),
        ([("session-id", "ended")], chat_body()),
        ([], chat_body(prompt_cache_key="ended")),
    ):
        with stage.untouched():
            answer = stage.post(body, headers=(*JSON_BODY, *headers))
        assert_refused(stage, answer, "CONTEXT_MISMATCH")


def test_a_header_that_names_no_session_is_refused(stage: Scene) -> None:
    """The client learns what is expected."""
    with stage.untouched():
        answer = stage.post(chat_body(), headers=(*JSON_BODY, ("X-Helm-Session", "two words")))
    assert_refused(stage, answer, "SCHEMA_VIOLATION")
    assert "X-Helm-Session" in answer.json()["error"]["message"]


def test_another_session_passes_and_the_provider_sees_none(stage: Scene) -> None:
    """Agents' own headers go on as they came."""
    headers = (*JSON_BODY, ("X-Helm-Session", "running"), ("session-id", "ended"))
    assert stage.post(chat_body(), headers=headers).status == 200
    seen = dict(stage.upstream.requests[-1].headers)
    assert not [name for name in seen if name.startswith("x-helm")]
    assert seen["session-id"] == "ended"
