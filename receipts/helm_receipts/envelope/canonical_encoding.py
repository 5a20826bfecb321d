"""Canonical JSON as it is written: values outside the profile are refused."""

from helm_receipts.errors import CanonicalError

from .canonical import encode_fast, in_range


def encode(value: object) -> bytes:
    """Return the canonical UTF-8 text of a value; `CanonicalError` for one outside the profile."""
    _check(value)
    return encode_unchecked(value)


def encode_unchecked(value: object) -> bytes:
    """Do what `encode` does, for values whose types are in the profile; text is still checked."""
    try:
        return encode_fast(value)
    except UnicodeEncodeError as error:
        raise CanonicalError(
            f"a string holds the lone surrogate {error.object[error.start]!r}, which has no "
            "UTF-8 form; replace it before recording"
        ) from error


def _check(value: object) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is dict:
        for name, member in value.items():  # type: ignore[attr-defined]
            if type(name) is not str or not name.isascii():
                raise CanonicalError(f"member names are ASCII strings, found {name!r}")
            _check(member)
    elif kind is list or kind is tuple:
        for element in value:  # type: ignore[attr-defined]
            _check(element)
    elif kind is int:
        in_range(value)  # type: ignore[arg-type]
    else:
        raise CanonicalError(f"expected strings, integers, lists and objects, found {kind}")
