import json
import sys

import openai

base, model = sys.argv[1:]
client = openai.OpenAI(base_url=base, api_key="made-up")
try:
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}])
except openai.PermissionDeniedError as denied:
    print(json.dumps({"status": denied.status_code, "code": denied.code}))
else:
    print(json.dumps({"status": 200, "code": None}))
