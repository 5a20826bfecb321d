"""Preallocation: disk space for a file, without changing its size."""

import ctypes
import os
import sys
from typing import Any

_KEEP_SIZE = 1


def _load_fallocate() -> Any:
    if sys.platform != "linux":
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function


_fallocate = _load_fallocate()
_UNSUPPORTED = (95, 38, 22)  # EOPNOTSUPP, ENOSYS, EINVAL: a file system that can't reserve


def reserve_space(descriptor: int, size: int) -> None:
    """Allocate `size` bytes in all, or raise OSError; does nothing where the system can't.

    `os.posix_fallocate` would change the file's size, and readers would find zeros at its end.
    """
    if _fallocate is None or _fallocate(descriptor, _KEEP_SIZE, 0, size) == 0:
        return
    code = ctypes.get_errno()
    if code not in _UNSUPPORTED:
        raise OSError(code, os.strerror(code))
