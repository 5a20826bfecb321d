"""An execution boundary for OpenAI-shaped traffic.

Data goes one way: flow -> call -> document -> decision -> receipt -> wire. `flows` converts what
mitmproxy has, `matching`, `parsing` and `dialects` read it as a call, `evaluation` states it for
`policy` and asks, `enforcement` records and replies, `streaming` holds what isn't judged yet. Only
`flows`, `views`, `runtime` and `proxy` know mitmproxy. docs/architecture.md has the map.
"""

__version__ = "0.1.0"
