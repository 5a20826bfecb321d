"""The shapes of expressions, rules and functions, and whether they have a value for certain.

Certain means: for every document that the input's schema allows, with the data that the policy
has. An argument of the wrong type isn't looked at, since the engine fails loudly then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from helm_boundary.policy.rego.syntax import Body, Node, Rule, flatten, only

from .learning import bind_pattern, learn
from .program import Program
from .scope import Route, Scope
from .shapes import ANY, NEVER, Constant, Items, Record, Shape, described, union
from .terms import is_reference, key_of, literal, name_of, operands, queries, statement, steps
from .visits import Visit, visit

type Term = tuple[Shape, bool]
"""What a value looks like, and whether there certainly is one."""

UNKNOWN: Term = ANY, False
MAX_DEPTH = 30  # rules and functions that are looked into below each other
MAX_CALLS = 20_000  # that are looked into at all
# They have no value for some arguments of the right type, and don't fail.
UNSURE = frozenset({"json.patch", "max", "min", "uuid.parse"})
# The results whose first members are always there.
SIZES = {"io.jwt.decode": 3, "json.match_schema": 2, "time.clock": 3, "time.date": 3}


class Inference:
    """Answers about one program, each found out once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._input = described(program.schema, program.schema)
        self._data = Shape([Constant(program.data)])
        self._rules: dict[tuple[Route, bool], Term] = {}
        self._parameters: dict[Route, Sequence[Shape]] = {}
        self._scopes: dict[Rule, Sequence[Scope]] = {}
        self._visits: dict[Rule, Sequence[Visit]] = {}
        self._depth = self._calls = 0

    # -- scopes --------------------------------------------------------------------------

    def scopes(self, rule: Rule) -> Sequence[Scope]:
        """Return the scope of each body of a rule; a parameter is what the calls give it."""
        if rule not in self._scopes:
            given = self.parameters(rule.path) if rule.parameters else []
            self._scopes[rule] = [self._scope(rule, body, given) for body in rule.bodies]
        return self._scopes[rule]

    def query(self, outer: Scope, statements: Sequence[Node]) -> Scope:
        """Return the scope of statements inside an expression or statement of another scope."""
        scope = outer.inner()
        learn(scope, statements, self.shape)
        return scope

    def visits(self, rule: Rule) -> Sequence[Visit]:
        """Return every expression of a rule, in its scope."""
        if rule not in self._visits:
            self._visits[rule] = list(visit(rule, self.scopes(rule), self))
        return self._visits[rule]

    def parameters(self, function: Route) -> Sequence[Shape]:
        """Return what each parameter of a function looks like, over all calls of it."""
        if function not in self._parameters:
            self._parameters[function] = ()  # while it is being found out
            self._parameters[function] = self._look(lambda: self._given(function), ())
        return self._parameters[function]

    def _given(self, function: Route) -> Sequence[Shape]:
        calls = [
            [self.shape(node, found.scope) for node in only(call)[1]["params"]]
            for rule in self.program.callers(function)
            for found in self.visits(rule)
            for call in found.nodes()
            if only(call)[0] == "Call" and self.function(call, found.scope) == function
        ]
        size = max(map(len, calls), default=0)
        return [union(call[i] if i < len(call) else ANY for call in calls) for i in range(size)]

    def _scope(
        self, rule: Rule, body: Body, given: Sequence[Shape], *, blind: bool = False
    ) -> Scope:
        scope = Scope(rule.module, self.is_rule, blind=blind)
        for position, node in enumerate(rule.parameters):
            bind_pattern(scope, node, given[position] if position < len(given) else ANY)
        return self.query(scope, body.statements)

    def is_rule(self, route: Route) -> bool:
        """Tell whether a route (without data in front) is a rule's or a function's."""
        return route in self.program.named

    # -- expressions ---------------------------------------------------------------------

    def shape(self, node: Node, scope: Scope) -> Shape:
        """Return what the value of an expression looks like."""
        return self.term(node, scope)[0]

    def certain(self, node: Node, scope: Scope) -> bool:
        """Tell whether an expression has a value for certain."""
        return self.term(node, scope)[1]

    def term(self, node: Node, scope: Scope) -> Term:
        """Return what an expression's value looks like, and whether it has one."""
        kind, body = only(node)
        value = literal(node)
        if value is not None:
            return Shape([Constant(value[0])]), True
        if is_reference(node):
            return self._reference(node, scope)
        if (inside := queries(node)) is not None:
            within = self.query(scope, inside[1])
            return Shape([Items((), self.shape(inside[0][-1], within))]), True
        parts = [self.term(part, scope) for part in operands(node)]
        certain = all(sure for _, sure in parts)
        shapes = [shape for shape, _ in parts]
        match kind:
            case "Array":
                return Shape([Items(shapes, NEVER)]), certain
            case "Set" | "BinExpr":
                rest = shapes if kind == "Set" else [shape.element() for shape in shapes]
                return Shape([Items((), union(rest))]), certain
            case "Object":
                return Shape([_record(body["fields"], shapes)]), certain
            case "Call":
                shape, sure = self._call(node, shapes, scope)
                return shape, sure and certain
        return ANY, certain

    def _reference(self, node: Node, scope: Scope) -> Term:
        start, path = steps(node)
        name = name_of(start)
        if name is None:
            shape, certain = self.term(start, scope)
            return self._walk(shape, certain, None, path, scope)
        route = scope.root(name)
        if scope.is_local(name):
            shape = scope.narrowed.get(route, scope.shape(name))
            return self._walk(shape, True, route, path, scope)
        first = [{"String": {"value": part}} for part in route[1:]]
        return self._global(route[0], [*first, *path], scope)

    def _global(self, root: str, path: Sequence[Node], scope: Scope) -> Term:
        if root == "data":
            names = tuple(_static(path))
            for size in range(1, len(names) + 1):
                if names[:size] in self.program.named:
                    term = self.rule(names[:size], blind=scope.blind)
                    return self._walk(*term, ("data", *names[:size]), path[size:], scope)
            for package in self.program.packages:
                if package[: len(names)] == names:
                    return ANY, len(names) == len(path)
        known = {"input": self._input, "data": self._data}.get(root, ANY)
        shape = scope.narrowed.get((root,), ANY if scope.blind else known)
        return self._walk(shape, True, (root,), path, scope)

    def _walk(
        self, shape: Shape, certain: bool, route: Route | None, path: Sequence[Node], scope: Scope
    ) -> Term:
        """Take the steps of a path from a value on."""
        certain = certain or route in scope.defined
        for step in path:
            shape, there = shape.member(key_of(step))
            certain = certain and there and self.certain(step, scope)
            if route is not None:
                route = (*route, scope.step(step))
                shape = scope.narrowed.get(route, shape)
                certain = certain or route in scope.defined
        return shape, certain

    # -- calls and rules -----------------------------------------------------------------

    def function(self, call: Node, scope: Scope) -> Route | None:
        """Return the path of the policy's own function that is called."""
        path = scope.module.resolve(flatten(only(call)[1]["fcn"])[0])
        return self.program.path_from(scope.module.package, path)

    def _call(self, call: Node, given: Sequence[Shape], scope: Scope) -> Term:
        function = self.function(call, scope)
        if function is not None:
            outcome = lambda: self._outcome(function, given, blind=scope.blind)  # noqa: E731
            return self._look(outcome, UNKNOWN)
        body = only(call)[1]
        name = ".".join(part or "" for part in flatten(body["fcn"])[0])
        return _builtin(name, body["params"], given), name not in UNSURE

    def rule(self, path: Route, *, blind: bool = False) -> Term:
        """Return what a rule's value looks like, and whether it always has one."""
        if (path, blind) not in self._rules:
            self._rules[path, blind] = UNKNOWN  # while it is being found out
            self._rules[path, blind] = self._look(
                lambda: self._outcome(path, (), blind=blind), UNKNOWN
            )
        return self._rules[path, blind]

    def _look[Found](self, inside: Callable[[], Found], unknown: Found) -> Found:
        """Look into a rule or function, but not too deep and not too often."""
        if self._depth >= MAX_DEPTH or self._calls >= MAX_CALLS:
            return unknown
        self._depth, self._calls = self._depth + 1, self._calls + 1
        try:
            return inside()
        except RecursionError:
            return unknown
        finally:
            self._depth -= 1

    def _outcome(self, path: Route, given: Sequence[Shape], *, blind: bool) -> Term:
        found = [self._definition(rule, given, blind=blind) for rule in self.program.named[path]]
        return union(shape for shape, _ in found), any(certain for _, certain in found)

    def _definition(self, rule: Rule, given: Sequence[Shape], *, blind: bool) -> Term:
        bodies = [(body, self._scope(rule, body, given, blind=blind)) for body in rule.bodies]
        terms = [self._value(body, scope) for body, scope in bodies]
        shape = union(found for found, _ in terms)
        if rule.kind == "set" or rule.head[1:] == (None,):
            return Shape([Items((), shape)]), len(rule.head) == 1 or rule.kind == "value"
        if len(rule.head) > 1:
            return ANY, False
        if rule.kind == "function" and not given:
            return ANY, False
        simple = rule.kind == "default" or all(name_of(node) for node in rule.parameters)
        holds = any(
            sure and all(self._holds(node, scope) for node in body.statements)
            for (body, scope), (_, sure) in zip(bodies, terms, strict=True)
        )
        return shape, simple and holds

    def _value(self, body: Body, scope: Scope) -> Term:
        if body.value is None:
            return Shape([Constant(True)]), True
        return self.term(body.value, scope)

    def _holds(self, node: Node, scope: Scope) -> bool:
        """Tell whether a statement always holds: a name for a value that is there."""
        kind, body = statement(node)
        if kind == "SomeVars":
            return True
        expression = body.get("expr", {"Null": {}})
        if kind != "Expr" or only(expression)[0] != "AssignExpr" or node.get("with_mods"):
            return literal(expression) == (True,)
        assignment = only(expression)[1]
        return name_of(assignment["lhs"]) is not None and self._alone(assignment, scope)

    def _alone(self, assignment: Mapping[str, Any], scope: Scope) -> bool:
        # The statement itself has noted that the value is there, which is what is asked here.
        before = scope.inner()
        before.defined, before.narrowed = set(), {}
        return assignment["op"] == "ColEq" and self.certain(assignment["rhs"], before)


def _builtin(name: str, nodes: Sequence[Node], given: Sequence[Shape]) -> Shape:
    """Return what the result of one of Rego's own functions looks like."""
    if name == "object.get" and len(given) == 3:
        return union([given[0].member(key_of(nodes[1]))[0], given[2]])
    if name == "split" and len(given) == 2 and (literal(nodes[1]) or ("",))[0]:
        return Shape([Items([ANY], ANY)])
    return Shape([Items([ANY] * SIZES[name], ANY)]) if name in SIZES else ANY


def _record(fields: Sequence[Any], shapes: Sequence[Shape]) -> Record | Items:
    keys = [key_of(key) for _, key, _ in fields]
    if all(isinstance(key, str) for key in keys):
        return Record(dict(zip(map(str, keys), shapes[1::2], strict=True)))
    return Items((), union(shapes[1::2]))


def _static(path: Sequence[Node]) -> Iterator[str]:
    for step in path:
        key = key_of(step)
        if not isinstance(key, str):
            return
        yield key
