"""The boundary as a mitmproxy script: `mitmdump -s addon/helm.py`."""

import sys
from pathlib import Path

_here = Path(__file__).resolve().parent
# mitmproxy has put this folder on the path and takes it off again; the packages must stay found.
for _root in (str(_here), str(_here.parent / "receipts")):
    if _root in sys.path:
        sys.path.remove(_root)
    sys.path.append(_root)

from helm_boundary.seal import install as load  # noqa: E402

__all__ = ["load"]
