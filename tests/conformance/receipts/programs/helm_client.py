"""Ask for chat completions with HELM's own SDK, and nothing of ours: `helm_client.py URL MODEL…`.

Prints a line of JSON for each model: what the SDK returned, or the error that it raised.
"""

import json
import sys

from helm_sdk import HelmApiError, HelmClient
from helm_sdk.types_gen import ChatCompletionRequest


def main(url: str, models: list[str]) -> None:
    """Ask for one completion of each model."""
    with HelmClient(base_url=url, api_key="none", principal_id="ada", tenant_id="acme") as client:
        for model in models:
            messages = [{"role": "user", "content": "Hello"}]
            asked = ChatCompletionRequest.from_dict({"model": model, "messages": messages})
            try:
                told = {"answer": client.chat_completions(asked).to_dict()}
            except HelmApiError as error:
                told = {"status": error.status, "code": error.reason_code, "said": str(error)}
            print(json.dumps(told, default=str))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
