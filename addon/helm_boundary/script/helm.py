"""The boundary as a mitmproxy script, for an installed package: what `helm-boundary run` loads.

It does what `addon/helm.py` does in a checkout. It has a folder of its own because mitmproxy puts
a script's folder in front of everything else on the path while it loads it.
"""

from helm_boundary.proxy.installation import install as load

__all__ = ["load"]
