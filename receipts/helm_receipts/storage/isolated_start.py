"""The program that an isolated Python runs first: `python -I isolated_start.py ROOTS MODULE …`.

A script by itself, for no package of ours can be found yet. See `isolated`.
"""

import os
import runpy
import sys


def main(roots: str, module: str, arguments: list[str]) -> None:
    """Make the source roots importable, behind the standard library, and run the module."""
    place = next((at for at, folder in enumerate(sys.path) if _has_packages(folder)), len(sys.path))
    sys.path[place:place] = [root for root in roots.split(os.pathsep) if root not in sys.path]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _has_packages(folder: str) -> bool:
    return folder.endswith(("site-packages", "dist-packages"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
