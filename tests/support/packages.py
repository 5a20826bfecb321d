"""A Python environment with `cryptography` and nothing else, for what claims to need no more."""

from importlib.util import find_spec
from pathlib import Path

_NEEDED = ("cryptography", "cffi", "_cffi_backend", "pycparser")


def bare_packages(folder: Path) -> Path:
    """Link what `cryptography` needs into a folder; returns it, for `sys.path`."""
    for name in _NEEDED:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            found = origin.parent if origin.stem == "__init__" else origin
            (folder / found.name).symlink_to(found)
    return folder
