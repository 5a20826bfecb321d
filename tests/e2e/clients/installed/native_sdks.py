"""Providers' own SDKs, with their own APIs: a tool call that passes and one that doesn't.

Takes the SDK, the server's address and a CA's file. Prints a JSON object for each deed, whole and
as a stream: the tools that the client got, or its error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "look", "description": "Looks", "parameters": SCHEMA}
TOOL = {"type": "function", "function": FUNCTION}
kind, url, authority = sys.argv[1:]


def mistral(words: str, stream: bool) -> Iterator[str]:
    from mistralai.client import Mistral

    client = Mistral(api_key="made-up", server_url=url)
    asked: Any = {"model": "mistral-small", "inputs": words, "tools": [TOOL]}
    if not stream:
        for output in client.beta.conversations.start(**asked).outputs:
            yield getattr(output, "name", "")
        return
    with client.beta.conversations.start_stream(**asked) as events:
        for event in events:
            if event.event == "conversation.response.error" or "error" in str(event.data)[:40]:
                raise RuntimeError(str(event.data))
            yield getattr(event.data, "name", "")


def fim(words: str, stream: bool) -> Iterator[str]:
    from mistralai.client import Mistral

    client = Mistral(api_key="made-up", server_url=url)
    asked: Any = {"model": "mistral-small", "prompt": words}
    if not stream:
        yield client.fim.complete(**asked).choices[0].message.content
        return
    with client.fim.stream(**asked) as events:
        for event in events:
            yield event.data.choices[0].delta.content


def gemini(words: str, stream: bool) -> Iterator[str]:
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="made-up", http_options=types.HttpOptions(base_url=url))
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[FUNCTION])],
        automatic_function_calling={"disable": True},
    )
    asked: Any = {"model": "gemini-2.5-flash", "contents": words, "config": config}
    models = client.models
    answers = (
        models.generate_content_stream(**asked) if stream else [models.generate_content(**asked)]
    )
    for answer in answers:
        for call in answer.function_calls or ():
            yield call.name


def ollama(words: str, stream: bool) -> Iterator[str]:
    from ollama import Client

    asked: Any = {"model": "llama3", "messages": [{"role": "user", "content": words}]}
    answer = Client(host=url).chat(**asked, tools=[TOOL], stream=stream)
    for each in answer if stream else [answer]:
        for call in each.message.tool_calls or ():
            yield call.function.name


def cohere(words: str, stream: bool) -> Iterator[str]:
    from cohere import ClientV2

    client = ClientV2(api_key="made-up", base_url=url)
    asked: Any = {"model": "command-a", "messages": [{"role": "user", "content": words}]}
    if not stream:
        for call in client.chat(**asked, tools=[TOOL]).message.tool_calls or ():
            yield call.function.name
        return
    ended = False
    for event in client.chat_stream(**asked, tools=[TOOL]):
        ended = ended or event.type == "message-end"
        if event.type == "tool-call-start":
            yield event.delta.message.tool_calls.function.name
    if not ended:
        raise RuntimeError("the stream had no end")


def dashscope(words: str, stream: bool) -> Iterator[str]:
    import dashscope as api

    api.base_http_api_url = url + "/api/v1"
    asked: Any = {"model": "qwen-plus", "messages": [{"role": "user", "content": words}]}
    more: Any = {"result_format": "message", "tools": [TOOL], "api_key": "made-up"}
    answer = api.Generation.call(**asked, **more, stream=stream, incremental_output=stream)
    for each in answer if stream else [answer]:
        if each.status_code != 200:
            raise RuntimeError(f"{each.code}: {each.message}")
        for call in each.output.choices[0].message.get("tool_calls") or ():
            yield call["function"].get("name") or ""


def vertex(words: str, stream: bool) -> Iterator[str]:
    from anthropic import AnthropicVertex

    client = AnthropicVertex(
        region="us-east5",
        project_id="p",
        access_token="made-up",
        base_url=url + "/v1",
        max_retries=0,
    )
    asked: Any = {"model": "claude-sonnet-4-5@20250929", "max_tokens": 99}
    asked |= {"messages": [{"role": "user", "content": words}]}
    asked["tools"] = [{"name": "look", "input_schema": SCHEMA}]
    if not stream:
        for block in client.messages.create(**asked).content:
            yield getattr(block, "name", "")
        return
    for event in client.messages.create(**asked, stream=True):
        if event.type == "content_block_start":
            yield getattr(event.content_block, "name", "")


def watsonx(words: str, stream: bool) -> Iterator[str]:
    from ibm_watsonx_ai import APIClient, Credentials
    from ibm_watsonx_ai.foundation_models import ModelInference

    here = "https" + url.removeprefix("http")  # the only scheme that it takes
    known = Credentials(url=here, token="made-up", platform_url=here, verify=authority)
    client = APIClient(known, project_id="p", scope_validation=False)
    model = ModelInference(model_id="ibm/granite", api_client=client, validate=False)
    asked: Any = {"messages": [{"role": "user", "content": words}], "tools": [TOOL]}
    if not stream:
        for call in model.chat(**asked)["choices"][0]["message"].get("tool_calls") or ():
            yield call["function"]["name"]
        return
    for event in model.chat_stream(**asked):
        for choice in event["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                yield call["function"].get("name") or ""


def databricks(words: str, stream: bool) -> Iterator[str]:
    from databricks.sdk import WorkspaceClient

    client = WorkspaceClient(host=url, token="made-up").serving_endpoints.get_open_ai_client()
    asked: Any = {"model": "llama", "messages": [{"role": "user", "content": words}]}
    asked["tools"] = [TOOL]
    if not stream:
        for call in client.chat.completions.create(**asked).choices[0].message.tool_calls or ():
            yield call.function.name
        return
    for event in client.chat.completions.create(**asked, stream=True):
        for choice in event.choices:
            for call in choice.delta.tool_calls or ():
                yield call.function.name or ""


def mlflow(words: str, stream: bool) -> Iterator[str]:
    """Ask MLflow's gateway, or with a stream, which it hasn't, Databricks."""
    from mlflow.deployments import get_deploy_client

    os.environ.update(DATABRICKS_HOST=url, DATABRICKS_TOKEN="made-up")
    asked: Any = {"messages": [{"role": "user", "content": words}], "tools": [TOOL]}
    if not stream:
        answer = get_deploy_client(url).predict(endpoint="chat", inputs=asked)
        for call in answer["choices"][0]["message"].get("tool_calls") or ():
            yield call["function"]["name"]
        return
    for event in get_deploy_client("databricks").predict_stream(endpoint="e", inputs=asked):
        if "error" in event:
            raise RuntimeError(event["error"]["message"])
        for call in event["choices"][0]["delta"].get("tool_calls") or ():
            yield call["function"].get("name") or ""


ASK: dict[str, Callable[[str, bool], Iterator[str]]] = {
    each.__name__: each
    for each in (
        *(mistral, fim, gemini, ollama, cohere, dashscope, vertex, watsonx, databricks, mlflow),
    )
}
for is_stream in (False, True):
    for said in ("look", "forbidden"):
        told: list[str] = []
        try:
            for name in ASK[kind](said, is_stream):
                told += [name] if name else []
            print(json.dumps({"stream": is_stream, "said": said, "told": told}), flush=True)
        except Exception as error:
            failed = {"told": told, "error": type(error).__name__, "why": str(error)[:4000]}
            print(json.dumps({"stream": is_stream, "said": said, **failed}), flush=True)
