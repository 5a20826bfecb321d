"""Zip files that come out the same, byte for byte, wherever and whenever they are made.

Names are sorted, times and permissions are fixed, and nothing is compressed: what a compressor
writes depends on its version.
"""

import zipfile
from collections.abc import Iterable
from typing import IO

_TIME = (1980, 1, 1, 0, 0, 0)


def write_zip(file: IO[bytes], contents: Iterable[tuple[str, bytes]]) -> None:
    """Write files, by name and content, in the order given; names in it must be sorted."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents:
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = 3  # Unix, as the permissions are
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content)
