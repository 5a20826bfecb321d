"""Starts `mcp-proxy` before a stdio server on a free port, and prints the port once it listens.

bridge.py MCP_PROXY COMMAND...
"""

import socket
import subprocess
import sys
import time

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
proxy, *command = sys.argv[1:]
with subprocess.Popen([proxy, "--port", str(port), "--pass-environment", "--", *command]) as bridge:
    while bridge.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    print(port, flush=True)
