"""Files that are either there whole or not at all, whatever stops the machine in between.

The order is the one that file systems promise something for: write a temporary file, sync it,
rename it over the name, sync the folder that holds the name.
"""

import fcntl
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path`, durably, replacing what is there. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_file(temporary, content, mode)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put contents at paths below a folder as `replace_file` does, syncing each folder once."""
    folders: dict[Path, None] = {}
    for name, content in contents.items():
        path = folder / name
        _make_below(folder, path.parent, folders)
        # By process: two may start on a fresh folder at once, and publish the same.
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            write_file(temporary, content)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        folders[path.parent] = None
    for parent in folders:
        sync_folder(parent)


def _make_below(folder: Path, path: Path, changed: dict[Path, None]) -> None:
    """Make missing folders; those that got a new name in them are `changed`."""
    if path.is_dir():
        return
    if path != folder:
        _make_below(folder, path.parent, changed)
    path.mkdir(mode=0o755, exist_ok=True)
    changed[path.parent] = None


def create_once(path: Path, content: bytes, mode: int) -> None:
    """Put `content` at `path`, durably, unless somebody else was first.

    Two processes may start on a fresh folder at once: the link decides which of them wins, and
    both then read the same file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write_file(temporary, content, mode)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write and sync a file; its name isn't durable before its folder is synced too."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`, or raise OSError: a short write is a failed one here."""
    written = os.write(descriptor, content) if content else 0
    if written != len(content):
        raise OSError(f"expected to write {len(content)} bytes, found room for {written}")


def sync(descriptor: int) -> None:
    """Make a file's bytes durable, and its size where that changed."""
    _sync(descriptor)


# macOS has neither fdatasync nor an fsync that waits for the disk itself.
if sys.platform == "darwin":

    def _sync(descriptor: int) -> None:
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
else:
    _sync = os.fdatasync


def has_name(descriptor: int, name: str) -> bool:
    """Tell whether an open file still has this name, in whatever folder it is now.

    Asked without `fstat` where that can be: whoever asks Linux (6.13 and later) for a file's times
    has its next write note a new one, which makes the next sync half as slow again.
    """
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - for every receipt
    except OSError:  # no Linux, or no /proc
        return os.fstat(descriptor).st_nlink > 0
    return path.endswith(f"/{name}")  # that of a deleted file ends otherwise


def make_folder(path: Path, mode: int = 0o700) -> None:
    """Make a folder and whatever is missing above it, durably."""
    if path.is_dir():
        return
    make_folder(path.parent, mode)
    path.mkdir(mode=mode, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
