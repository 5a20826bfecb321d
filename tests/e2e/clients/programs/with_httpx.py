import json
import sys

import httpx

base, model = sys.argv[1:]
asked = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
response = httpx.post(f"{base}/chat/completions", json=asked, timeout=20)
error = response.json().get("error", {})
print(json.dumps({"status": response.status_code, "code": error.get("code")}))
