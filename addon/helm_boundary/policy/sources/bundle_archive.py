"""The archive of a bundle: a ``.tar.gz`` whose members are looked at before any is read.

Whoever can put a bundle where it is fetched wrote these bytes, and a signature says something of
them only once it is verified. So what the archive's own headers claim is bounded first: a sparse
member of some bytes stands for gigabytes of zeros, and headers may refer to each other without end.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from helm_boundary.policy.errors import PolicyError

MAX_PACKED = 32 * 1_048_576  # bytes
MAX_UNPACKED = 96 * 1_048_576
MAX_FILES = 2_000
MAX_MEMBERS = 3 * MAX_FILES  # with the folders, which are skipped


class BundleArchive:
    """The plain files of one archive, by name; nothing of their content is read before `read`."""

    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._path = path
        self._archive = archive
        self._members = _plain_members(path, archive)

    @property
    def names(self) -> frozenset[str]:
        """The names of its files."""
        return frozenset(self._members)

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        content = self._archive.extractfile(self._members[name])
        if content is None:
            raise PolicyError(f"{self._path}: has {name!r}, which is not a plain file inside it")
        return content.read()


@contextmanager
def open_archive(path: Path) -> Iterator[BundleArchive]:
    """Open a bundle's archive; PolicyError when it is none, or too large."""
    try:
        unpacked = _inflate(path, path.read_bytes())
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
            yield BundleArchive(path, archive)
    except OSError as error:
        raise PolicyError(f"{path}: can't be read: {error.strerror}") from None
    except (zlib.error, tarfile.TarError, EOFError, ValueError, LookupError, struct.error) as error:
        raise PolicyError(f"{path}: is not a .tar.gz: {error}") from None
    except RecursionError:
        raise PolicyError(f"{path}: is not a .tar.gz: its headers go on without end") from None


def _inflate(path: Path, packed: bytes) -> bytes:
    if len(packed) > MAX_PACKED:
        raise PolicyError(f"{path}: has {len(packed)} bytes, at most {MAX_PACKED} are taken")
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    unpacked = inflater.decompress(packed, MAX_UNPACKED)
    if inflater.unconsumed_tail:
        raise PolicyError(f"{path}: unpacks to more than {MAX_UNPACKED} bytes")
    if not inflater.eof or inflater.unused_data:
        raise PolicyError(f"{path}: is not one whole gzip file")
    return unpacked


def _plain_members(path: Path, archive: tarfile.TarFile) -> Mapping[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    total = 0
    for count, member in enumerate(archive):
        name = member.name.removeprefix("./").lstrip("/")
        if count == MAX_MEMBERS or len(found) == MAX_FILES:
            raise PolicyError(f"{path}: has more than {MAX_FILES} files, or too many folders")
        if member.isdir():
            continue
        if not _is_plain(member, name):
            raise PolicyError(f"{path}: has {member.name!r}, which is not a plain file inside it")
        if name in found:
            raise PolicyError(f"{path}: has {name!r} twice")
        total += member.size
        if total > MAX_UNPACKED:
            raise PolicyError(f"{path}: unpacks to more than {MAX_UNPACKED} bytes")
        found[name] = member
    return found


def _is_plain(member: tarfile.TarInfo, name: str) -> bool:
    is_whole = member.isreg() and not member.issparse() and member.size >= 0
    return is_whole and bool(name) and ".." not in name.split("/") and "\\" not in name
