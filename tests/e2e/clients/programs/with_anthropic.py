import json
import sys
from typing import Any

import anthropic

base, model = sys.argv[1:]
client = anthropic.Anthropic(base_url=base.removesuffix("/v1"), api_key="made-up")
try:
    client.messages.create(
        model=model, max_tokens=99, messages=[{"role": "user", "content": "Hello"}]
    )
except anthropic.PermissionDeniedError as denied:
    body: Any = denied.body
    print(json.dumps({"status": denied.status_code, "code": body["helm"]["reasons"][0]["code"]}))
else:
    print(json.dumps({"status": 200, "code": None}))
