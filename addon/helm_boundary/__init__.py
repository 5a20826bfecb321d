"""An execution boundary for OpenAI-shaped traffic.

Data goes one way: flow -> call -> document -> decision -> receipt -> wire, and each arrow is one
module: `exchange`/`matching`/`dialects` read a flow into a call, `document` states it for policy,
`policy` decides, `recording` signs, `verdict` and `gate` speak to the client. Only `addon` and its
neighbours know mitmproxy.
"""

__version__ = "0.1.0"
