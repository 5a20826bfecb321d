"""What README.md says of policy is true: its own blocks, in the real proxy, with the real SDK."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from helm_boundary.service.options import OPTIONS
from support.boundary import ROOT, Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.upstream import Upstream


def block(pattern: str) -> str:
    """The text in README.md that a pattern's only group finds."""
    found = re.search(pattern, (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None, pattern
    return found[1]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """The upstream."""
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def client(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """The SDK before a boundary with the README's policy."""
    folder, state = tmp_path_factory.mktemp("policy"), tmp_path_factory.mktemp("state")
    (folder / "data.yaml").write_text(block(r"<<'YAML'\n(.*?)YAML\n"))
    (folder / "acme.rego").write_text(block(r"```rego\n(.*?)```"))
    with Boundary(upstream, state=state, policy=folder) as boundary:
        yield openai.OpenAI(base_url=boundary.url + "/v1", api_key="none")


def ask(client: openai.OpenAI, model: str = "gpt-5-mini", **more: Any) -> Any:
    """One chat completion."""
    messages: Any = [{"role": "user", "content": "Hello"}]
    return client.chat.completions.create(model=model, messages=messages, **more)


def test_only_the_listed_model_passes(client: openai.OpenAI, upstream: Upstream) -> None:
    """A list replaces the default's list."""
    upstream.answer(lambda _: None)
    assert ask(client).choices
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, "gpt-4o")


@pytest.mark.parametrize(
    ("tool", "kind"),
    [
        ("get_weather", None),
        ("send_email", "helm_escalated"),
        ("delete_everything", "helm_denied"),
        ("something_else", "helm_escalated"),
    ],
)
def test_tools_do_as_the_data_says(
    client: openai.OpenAI, upstream: Upstream, tool: str, kind: str | None
) -> None:
    """Allowed, a person's, never, and what nobody listed."""
    upstream.answer(lambda request: reply_to_chat(request, Turn("", (ToolCall(tool),))))
    if kind is None:
        assert ask(client).choices[0].message.tool_calls[0].function.name == tool
        return
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask(client)
    assert refused.value.type == kind


def test_the_rule_of_its_own_speaks(client: openai.OpenAI, upstream: Upstream) -> None:
    """Rego beside the data extends the default policy."""
    upstream.answer(lambda _: None)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask(client, store=True)
    assert "may not be stored" in refused.value.message
    assert ask(client, store=False).choices


def test_every_option_in_the_table_is_one() -> None:
    """Names in the README are the boundary's own."""
    told = re.findall(r"^\| `(helm_\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(told) <= {row[0] for row in OPTIONS}
    assert len(told) == len(set(told)) >= 9
