"""Which module has which built-in that runs in the engine's place, read when a policy names one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module

from .builtins import IN_MODULES

type Extension = tuple[str, int, Callable[..., object]]
"""A name, the number of its arguments, and the function."""


def extensions_for(texts: Iterable[str]) -> Iterator[Extension]:
    """Yield the extensions of each module of which a text names a built-in."""
    known = list(texts)
    for module, names in IN_MODULES.items():
        if any(name in text for name in names for text in known):
            yield from extensions_of(module)


def extensions_of(module: str) -> Iterator[Extension]:
    """Yield the extensions that a module has."""
    functions: Mapping[str, tuple[int, Callable[..., object]]]
    functions = import_module(f"{__package__}.{module}").FUNCTIONS
    for name, (arity, function) in functions.items():
        yield name, arity, function
