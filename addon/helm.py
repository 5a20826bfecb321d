"""The boundary as a mitmproxy script: `mitmdump -s addon/helm.py`."""

import sys
from pathlib import Path

# This checkout's packages, whatever else is installed; mitmproxy takes its own entry off again.
_root = Path(__file__).resolve().parents[1]
for _folder in (str(_root / "receipts"), str(_root / "addon")):
    if _folder in sys.path:
        sys.path.remove(_folder)
    sys.path.insert(0, _folder)

try:
    from helm_boundary.proxy.installation import install as load
except Exception as error:
    # mitmproxy would log this, open its port, and only then end: for a moment, a proxy without us.
    print(f"helm-boundary can't be loaded, so nothing is started: {error}", file=sys.stderr)
    raise SystemExit(1) from error

__all__ = ["load"]
