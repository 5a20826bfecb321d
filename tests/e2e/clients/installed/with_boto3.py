"""Bedrock's Converse API, as boto3 uses it: a call that passes and one that doesn't.

Takes the endpoint's address. Prints what it got, or its error, whole and as a stream.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3

client = boto3.client(
    "bedrock-runtime",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="AKIA" + "EXAMPLE" * 2,
    aws_secret_access_key="made up",
    config=boto3.session.Config(retries={"total_max_attempts": 1}),
)
TOOL = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}


def asked(words: str) -> dict[str, Any]:
    """Build a call."""
    return {
        "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "messages": [{"role": "user", "content": [{"text": words}]}],
        "toolConfig": {"tools": [TOOL]},
    }


def whole(words: str) -> list[Any]:
    """Return the blocks of a whole answer."""
    return list(client.converse(**asked(words))["output"]["message"]["content"])


def streamed(words: str) -> list[Any]:
    """Return what a stream told of blocks; as far as it came where it ends in an error."""
    told: list[Any] = []
    try:
        for event in client.converse_stream(**asked(words))["stream"]:
            for value in event.values():
                told += [value[key] for key in ("start", "delta", "stopReason") if key in value]
    except Exception as error:
        return [*told, f"{type(error).__name__}: {error}"]
    return told


for ask in (whole, streamed):
    for words in sys.argv[2:]:
        try:
            print(json.dumps(ask(words)))
        except Exception as error:
            print(json.dumps(f"{type(error).__name__}: {error}"))
