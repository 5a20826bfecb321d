"""The names and references that are known inside one body of a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from helm_boundary.policy.rego.syntax import Module, Node

from .shapes import ANY, Shape
from .terms import key_of, name_of, spelling, steps

type Route = tuple[str, ...]
"""Where a reference leads: the same for every way to write it."""


@dataclass(slots=True, eq=False)
class Scope:
    """Local names with their shapes, and what the statements around make sure of.

    ``aliases`` are names for references, ``defined`` the references that have a value wherever
    the body holds, ``narrowed`` those of which the body says what they look like. ``blind`` is
    set below a ``with``, where input and data may be anything. ``own`` are the names bound here,
    ``early`` those that were asked for before they were bound, ``each`` those of an every around.
    """

    module: Module
    is_rule: Callable[[Route], bool]
    names: dict[str, Shape] = field(default_factory=dict)
    aliases: dict[str, Route] = field(default_factory=dict)
    defined: set[Route] = field(default_factory=set)
    narrowed: dict[Route, Shape] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    early: set[str] = field(default_factory=set)
    blind: bool = False
    each: frozenset[str] = frozenset()

    def inner(self) -> Scope:
        """Return a scope inside this one: it knows all this, and nothing of it comes back."""
        return replace(
            self,
            names=dict(self.names),
            aliases=dict(self.aliases),
            defined=set(self.defined),
            narrowed=dict(self.narrowed),
            own=set(),
            early=set(),
        )

    def bind(self, name: str, shape: Shape, alias: Route | None = None) -> None:
        """Note what a local name stands for."""
        if name == "_":
            return
        if name in self.names and name not in self.own:
            self._forget(name)
        self.names[name] = shape
        self.own.add(name)
        self.aliases.pop(name, None)
        if alias is not None and alias[0] != f"${name}":
            self.aliases[name] = alias

    def _forget(self, name: str) -> None:
        """Forget what is known of an outer variable: another one has its name from here on."""
        said = {f"${name}", f"[${name}"}
        self.defined = {route for route in self.defined if said.isdisjoint(route)}
        self.narrowed = {
            route: shape for route, shape in self.narrowed.items() if said.isdisjoint(route)
        }

    def is_local(self, name: str) -> bool:
        """Tell whether the name is a variable's here, and not a rule's or an import's."""
        if name in self.names:
            return True
        elsewhere = name in self.module.imports or name in {"input", "data"}
        return not (elsewhere or self.is_rule((*self.module.package, name)))

    def shape(self, name: str) -> Shape:
        """Return what a local name looks like; one that is bound further down is noted."""
        if name not in self.names:
            self.early.add(name)
        return self.names.get(name, ANY)

    def root(self, name: str) -> Route:
        """Return where a name leads."""
        if self.is_local(name):
            return self.aliases.get(name, (f"${name}",))
        if name in self.module.imports:
            return tuple(map(str, self.module.imports[name]))
        return (name,) if name in {"input", "data"} else ("data", *self.module.package, name)

    def route(self, node: Node) -> Route | None:
        """Return where a reference leads; None when it doesn't start at a name."""
        start, path = steps(node)
        name = name_of(start)
        return None if name is None else (*self.root(name), *map(self.step, path))

    def step(self, node: Node) -> str:
        """Return one step of a route."""
        key, name = key_of(node), name_of(node)
        if isinstance(key, str):
            return key
        if name == "_":
            return f"[_{id(node)}"  # each is another one
        if name is not None and self.is_local(name):
            return "[" + "/".join(self.root(name))
        return "[" + spelling(node)

    def define(self, route: Route) -> None:
        """Note that a reference has a value, and all that it leads through."""
        self.defined.update(route[:size] for size in range(1, len(route) + 1))

    def under(self, given: Mapping[Route, Shape]) -> Scope:
        """Return the scope of a statement with values given by ``with``."""
        roots = {route[0] for route in given}
        scope = self.inner()
        scope.own = set(self.own)
        scope.blind = True
        scope.defined = {route for route in self.defined if route[0] not in roots}
        scope.narrowed = {
            route: shape for route, shape in self.narrowed.items() if route[0] not in roots
        }
        for route, shape in given.items():
            scope.define(route)
            scope.narrowed[route] = shape
        return scope
