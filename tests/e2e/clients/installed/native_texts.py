"""Providers' own SDKs, with their own APIs: one question, and the words of its answer.

Takes the SDK, the server's address, the question and a CA's file. Prints the words as JSON, or the
error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

kind, url, question, authority = sys.argv[1:]
MESSAGES = [{"role": "user", "content": question}]


def mistral() -> str:
    from mistralai.client import Mistral

    client = Mistral(api_key="made-up", server_url=url)
    answer = client.beta.conversations.start(model="mistral-small", inputs=question)
    return str(answer.outputs[0].content)


def fim() -> str:
    from mistralai.client import Mistral

    client = Mistral(api_key="made-up", server_url=url)
    answer = client.fim.complete(model="mistral-small", prompt=question)
    return str(answer.choices[0].message.content)


def gemini() -> str:
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="made-up", http_options=types.HttpOptions(base_url=url))
    return str(client.models.generate_content(model="gemini-2.5-flash", contents=question).text)


def ollama() -> str:
    from ollama import Client

    return str(Client(host=url).chat(model="llama3", messages=MESSAGES).message.content)


def cohere() -> str:
    from cohere import ClientV2

    client = ClientV2(api_key="made-up", base_url=url)
    return str(client.chat(model="command-a", messages=MESSAGES).message.content[0].text)


def dashscope() -> str:
    import dashscope as api

    api.base_http_api_url = url + "/api/v1"
    answer = api.Generation.call(
        model="qwen-plus", messages=MESSAGES, result_format="message", api_key="made-up"
    )
    return str(answer.output.choices[0].message.content)


def vertex() -> str:
    from anthropic import AnthropicVertex

    client = AnthropicVertex(
        region="us-east5", project_id="p", access_token="made-up", base_url=url + "/v1"
    )
    asked: Any = {"model": "claude-sonnet-4-5@20250929", "max_tokens": 99, "messages": MESSAGES}
    return str(client.messages.create(**asked).content[0].text)


def watsonx() -> str:
    from ibm_watsonx_ai import APIClient, Credentials
    from ibm_watsonx_ai.foundation_models import ModelInference

    here = "https" + url.removeprefix("http")
    known = Credentials(url=here, token="made-up", platform_url=here, verify=authority)
    client = APIClient(known, project_id="p", scope_validation=False)
    model = ModelInference(model_id="ibm/granite", api_client=client, validate=False)
    return str(model.chat(messages=MESSAGES)["choices"][0]["message"]["content"])


def databricks() -> str:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.serving import ChatMessage, ChatMessageRole

    client = WorkspaceClient(host=url, token="made-up")
    said = ChatMessage(role=ChatMessageRole.USER, content=question)
    answer = client.serving_endpoints.query(name="llama", messages=[said])
    return str(answer.choices[0].message.content)


def bedrock() -> str:
    import boto3

    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIA" + "EXAMPLE" * 2,
        aws_secret_access_key="made up",
        config=boto3.session.Config(retries={"total_max_attempts": 1}),
    )
    answer = client.converse(
        modelId="amazon.nova-lite-v1:0",
        messages=[{"role": "user", "content": [{"text": question}]}],
    )
    return str(answer["output"]["message"]["content"][0]["text"])


ASK: dict[str, Callable[[], str]] = {
    each.__name__: each
    for each in (
        *(mistral, fim, gemini, ollama, cohere, dashscope, vertex, watsonx, databricks),
        bedrock,
    )
}
try:
    print(json.dumps({"text": ASK[kind]()}))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "why": str(error)}))
