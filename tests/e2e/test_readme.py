"""The README's promises: its policy in the real proxy with the real SDK, and its demo."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from support.boundary import ROOT, Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.pages import DOCS, README, blocks, section
from support.upstream import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Start the upstream."""
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def client(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """Return the SDK before a boundary with the README's policy."""
    folder, state = tmp_path_factory.mktemp("policy"), tmp_path_factory.mktemp("state")
    [data] = re.findall(
        r"<<'YAML'\n(.*?)^YAML$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    rule = blocks(DOCS / "policy.md", "rego")[0]
    (folder / "data.yaml").write_text(data)
    (folder / "acme.rego").write_text(rule)
    with Boundary(upstream, state=state, policy=folder) as boundary:
        yield openai.OpenAI(base_url=boundary.url + "/v1", api_key="none")


def ask(client: openai.OpenAI, model: str = "gpt-5-mini", **more: Any) -> Any:
    """Ask for one chat completion."""
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
def test_tools_are_judged_as_the_data_says(
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


def test_the_readmes_own_rule_applies(client: openai.OpenAI, upstream: Upstream) -> None:
    """Rego beside the data extends the default policy."""
    upstream.answer(lambda _: None)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask(client, store=True)
    assert "may not be stored" in refused.value.message
    assert ask(client, store=False).choices


def test_the_demo_prints_what_the_readme_shows() -> None:
    """Each call with its verdict and its reason, in that order."""
    shown = re.findall(r"^```text\n(.*?)^```", section(README, "Two commands"), re.DOTALL | re.M)
    done = subprocess.run(
        [ROOT / "scripts" / "demo"], capture_output=True, text=True, timeout=60, check=False
    )
    printed, at = done.stdout, 0
    for line in shown[0].splitlines():
        for cell in re.split(r" {2,}", line):
            at = printed.find(cell, at)
            assert at >= 0, (cell, printed)
