"""The rules that an expression needs, and those that the engine evaluates on its way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from helm_boundary.policy.rego.syntax import Call, Module, Node, Reader, Reference, flatten, static

from .program import Program

type Path = tuple[str, ...]


class Reach:
    """Rules by their paths in one program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def needed(
        self, module: Module, node: Node, local: Collection[str], without: Sequence[Node]
    ) -> set[Path]:
        """Return the rules whose values an expression needs, except those that are replaced."""
        routes = [tuple(static(module.resolve(flatten(part)[0]))) for part in without]
        replaced = [route[1:] for route in routes if route[0] == "data"]
        found = Reader(module)
        found.read(node)
        references = [one for one in found.references if one.path[0] not in local]
        start = self._targets(module.package, found.calls, references, whole=False)
        return self._closure(start, replaced, whole=False)

    def evaluated(self, module: Module, node: Node, local: Collection[str]) -> set[Path]:
        """Return the rules that the engine evaluates: of an imported package, every one."""
        found = Reader(module)
        found.read(node)
        references = [one for one in found.references if one.path[0] not in local]
        start = self._targets(module.package, found.calls, references, whole=True)
        return self._closure(start, (), whole=True)

    def _closure(
        self, start: Iterable[Path], replaced: Sequence[Path], *, whole: bool
    ) -> set[Path]:
        found: set[Path] = set()
        waiting = list(start)
        while waiting:
            path = waiting.pop()
            if path in found or any(path[: len(other)] == other for other in replaced):
                continue
            found.add(path)
            for rule in self._program.named[path]:
                waiting += self._targets(rule.package, rule.calls, rule.references, whole=whole)
        return {path for path in found if self._has_value(path)}

    def _targets(
        self,
        package: Path,
        calls: Iterable[Call],
        references: Iterable[Reference],
        *,
        whole: bool,
    ) -> Iterator[Path]:
        for call in calls:
            target = self._program.path_from(package, call.name)
            if target is not None:
                yield target
        for reference in references:
            target = self._program.path_from(package, reference.path)
            if target is not None:
                yield target
            if target is None or whole:
                yield from self._packages(reference, imported=target is not None)

    def _packages(self, reference: Reference, *, imported: bool) -> Iterator[Path]:
        """Yield all rules of the packages that are reached whole."""
        path = reference.imported if imported else reference.path
        names = tuple(static(path or ()))
        if names[:1] == ("data",) and names[1:] not in self._program.named:
            for known in self._program.named:
                if known[: len(names) - 1] == names[1:]:
                    yield known

    def _has_value(self, path: Path) -> bool:
        return any(rule.kind != "function" for rule in self._program.named[path])
