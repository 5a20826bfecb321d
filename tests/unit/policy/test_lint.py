"""Faults that the engine would find too late, or never, found at load."""

from __future__ import annotations

import json

import pytest

from helm_boundary.policy.engines.evaluator import compile_engine
from helm_boundary.policy.rego.lint import Program, lint
from helm_boundary.policy.rego.syntax import read_rules
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.policy import read_policy

SCHEMA = json.loads((default_policy_folder() / "input.schema.json").read_bytes())
DEFAULT = read_policy([])
_READ = ("main.rego", "models.rego", "principal.rego")
BESIDE = {name: text for name, text in DEFAULT.modules.items() if name.endswith(_READ)}
"""What the snippets read of the default policy: with all of it each takes seven times as long."""


def problems(text: str, package: str = "helm.rules.mine") -> list[str]:
    """Return what the lint says about a module beside a part of the default policy."""
    modules = {**BESIDE, "mine.rego": f"package {package}\n{text}\n"}
    modules["speaks.rego"] = 'package helm.rules.mine\n\ndeny contains 1 if input.model == "x"\n'
    tree = compile_engine(modules, json.dumps(DEFAULT.data)).get_ast_as_json()
    found = map(str, lint(Program(read_rules(tree), DEFAULT.data, SCHEMA)))
    return [problem for problem in found if not problem.startswith(str(default_policy_folder()))]


def deny(condition: str) -> str:
    return f'deny contains {{"rule": "mine"}} if {{ {condition} }}'


@pytest.mark.parametrize(
    "text",
    [
        deny('input.phase == "request"'),
        deny("input.body.anything.at.all"),
        deny("input.parameters.n > 1"),
        deny('input.http.headers["user-agent"]'),
        deny("some call in input.response.tool_calls; call.anything"),
        deny("walk(input.body, [path, value]); value == path"),
        deny("count(input.texts, x); x == 1"),
        deny("json.match_schema(input.body, {})[0]"),
        deny("[ok, _] := json.match_schema(input.body, {}); ok"),
        deny("found := json.match_schema(input.body, {}); found[0]"),
        deny('time.format([input.context.now_ns, "UTC", "2006-01-02"]) == "2026-01-05"'),
        deny('time.format([1, "UTC", "2006-01-02T15:04:05.000Z07:00"]) == "x"'),
        deny('json.match_schema(input.body, {"properties": {"format": {"pattern": "^a"}}})[0]'),
        deny('json.match_schema(input.body, {"dependencies": {"a": ["b"]}})[0]'),
        deny("json.match_schema(input.body, data.models)[0]"),
        deny('json.remove(input.body, ["/a/b", ["c", "d"]]) == {}'),
        deny("input.parameters.n * 0.5 > 1"),
        deny("input.parameters.n > 0.1"),
        deny("input.tools[i].name == input.tools[j].name; i != j"),
        deny("[a, b] = [input.model, 1]; a == b"),
        deny("walk(input.body, [path, value]); value == path[0]"),
        deny("split(input.http.path, `/`, parts); parts[0] == `v1`"),
        deny("every k, v in input.parameters { k != v }"),
        deny("f({`a`: [x, 1]})") + "\nf({`a`: [y, _]}) if y == 1\n\nx := 1",
        "few[name] := size if { some tool in input.tools; name := tool.name; size := 1 }",
        "import data.models as m\n" + deny("m.allow[n] == input.model; n > 1"),
        deny("f(input.model)") + "\nf(x) if x == 1",
        deny("f(input.model, x)") + "\nf(x) := 1",
        deny("data.helm.rules.mine.f(1)") + "\nf(x) := 1",
        "import data.helm.rules.models\n" + deny("models.deny"),
        "import data.models as names\n" + deny("names.allow[_] == input.model"),
        deny("data.models[input.phase]"),
        deny("data.helm.rules[_].allow"),
        deny("data.helm"),
        deny('data.helm["rules"].models'),
        deny("every x in [1] { x == input.model }"),
        deny("x := [y | some y in input.texts]; count(x) > 1"),
        deny('print("seen", input.model)'),
        deny("not input.body.user"),
        deny('not input.body.user == "x"'),
        deny('x := input.body.user; not startswith(x, "a")'),
        deny('not startswith(object.get(input.body, "user", ""), "a")'),
        deny('not startswith(input.model, "a")'),
        deny("not input.operation.category in data.operations.allow_categories"),
        deny("not count([x | some x in input.body.list]) > 1"),
        "default x := 1\nx := 2 if input.model",
        "allow if input.model",
        "default allow := false",
        "a := b\nb := c\nc := 1",
        # Forms of the same kinds on which both engines agree.
        deny("same([input.model, `x`])") + "\nsame([x, x]) if true",
        deny("risky(input.model)") + "\nrisky(m) if m == `a`\nelse if m == `b`",
        "limit := 3\n" + deny("some limit in input.tools; limit.name == `x`"),
        deny("fine") + "\nbounds := {`a`: {`m`: 5}}\n"
        "fine if { x = input.model; every k in [`m`] { bounds[x][k] > 1 } }",
        deny("data.helm.rules[_].mark == 1"),
        deny("some t in [`mine`]; data.helm.rules[t].mark == 1") + "\nmark := 1",
        deny("t := input.model; data.helm.rules[t].mark == 1") + "\nmark := 1",
        "w.a := 1 if input.model\n" + deny("w.a == 1"),
        "w.a := 1 if input.model\n" + deny("some x in w; x == 1"),
        "f(x) := x\nw if f(1) == 1\n" + deny("w with f as 6"),
        "a := {1}\nb := {2}\n" + deny("a > b"),
        deny("input.parameters.n > 9007199254740991"),
        deny("input.parameters.a + input.parameters.b <= 0.5"),
    ],
)
def test_sound_rules_pass(text: str) -> None:
    """No false alarms on what policies are made of."""
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (deny("nosuch(1)"), "nosuch is not a function"),
        (deny("not nosuch(1)"), "nosuch is not a function"),
        (deny("data.helm.rules.mine.nosuch(1)"), "nosuch is not a function"),
        (deny("count(1, 2, 3)"), "count takes 1 arguments, here it gets 3"),
        (deny("count()"), "count takes 1 arguments, here it gets 0"),
        (deny("f(1)") + "\nf(x, y) := 1", "f takes 2 arguments, here it gets 1"),
        (deny("x := [y | nosuch(y)]"), "nosuch is not a function"),
        (deny("every x in [1] { nosuch(x) }"), "nosuch is not a function"),
        (deny('{"a": [nosuch(1)]}'), "nosuch is not a function"),
        ("x := 1 if { false } else := nosuch(1)", "nosuch is not a function"),
        (deny("[p, v] := walk(input)"), "walk must be written walk(x, [path, value])"),
        (deny('http.send({"url": "x"})'), "http.send is not allowed"),
        (deny("time.now_ns() > 1"), "time.now_ns is not allowed: use input.context.now_ns"),
        (deny('rand.intn("x", 5)'), "rand.intn is not allowed"),
        (deny("opa.runtime()"), "opa.runtime is not allowed"),
        (deny('uuid.rfc4122("x")'), "uuid.rfc4122 is not allowed"),
        (deny('glob.match("a*", [":"], "a:b")'), "glob.match is not allowed"),
        (deny('graph.reachable_paths({"a": []}, ["a"])'), "graph.reachable_paths is not allowed"),
        (deny("crypto.sha256(input.model, x); x == 1"), "write x := crypto.sha256(…)"),
        ("p[q].r contains s if { some q in [1]; s := q }", "p is a set under a computed name"),
        (deny('crypto.x509.parse_certificates("x")'), "the embedded engine lacks it"),
        (deny("input.model == gpt"), "gpt has no value: it is no rule of this package"),
        ("f(x) := y", "y has no value"),
        ("few := [name | some tool in input.tools; tool.name == nam]", "name has no value"),
        (deny("not knwon"), "knwon has no value"),
        (deny("count(words) > 1"), "words has no value"),
        (deny("every x in xs { x == 1 }"), "xs has no value"),
        (deny("lower(input.model, x); x == 1"), "write x := lower(…)"),
        (deny("json.match_schema(input.body, {})[1] != []"), "read only its first value"),
        (deny("[_, why] := json.match_schema(input.body, {}); why"), "read only its first value"),
        (deny("found := json.match_schema(input.body, {}); found[_]"), "read only its first"),
        (deny('time.format([1, "UTC", "RFC1123"]) == "x"'), "time.format writes a zone's letters"),
        (deny('time.format([1, "UTC", input.model]) == "x"'), "time.format writes a zone's"),
        (deny('time.format([1, "UTC", "05.9999"]) == "x"'), "time.format writes parts of a second"),
        (deny('time.format([1, "UTC", "Stamp"]) == "x"'), "time.format writes parts of a second"),
        (deny('json.match_schema(input.body, {"format": "date"})[0]'), "use pattern, or enum"),
        (
            deny('json.match_schema(input.body, {"not": {"prefixItems": []}})[0]'),
            "the schema has prefixItems: OPA has none",
        ),
        (deny("json.verify_schema({})[0]"), "json.verify_schema is not allowed"),
        (deny('yaml.unmarshal("a: 1").a == 1'), "yaml.unmarshal is not allowed"),
        (deny('urlquery["decode"](input.model) == "x"'), "urlquery.decode must be written with"),
        (deny('yaml.is_valid("a: 1")'), "yaml.is_valid is not allowed"),
        (deny("input.parameters.n * 0.1 > 1"), "calculate in whole numbers"),
        (deny("{} < set()"), "the engine puts sets before objects"),
        (deny('yaml.marshal(input.body) == "x"'), "yaml.marshal is not allowed"),
        (deny('json.marshal_with_options(1, {}) == "x"'), "json.marshal_with_options is not"),
        (deny("input.phsae"), "input.phsae is never in the input document"),
        (deny("input.operation.catgory"), "input.operation.catgory is never"),
        (deny("input.response.tool_calls[_].nam"), "input.response.tool_calls.[…].nam is never"),
        (deny("input.tools[i].nam == i"), "input.tools.[…].nam is never"),
        ("import input.operation as o\n" + deny("o.nam"), "input.operation.nam is never"),
        (deny('not startswith(input.body.user, "x")'), "input.body.user may be undefined"),
        (deny('not input.parameters.user in ["x"]'), "input.parameters.user may be undefined"),
        (deny('not "x" in input.body.list'), "input.body.list may be undefined"),
        (deny("not f(input.texts[0].text)") + "\nf(x) if x", "may be undefined"),
        (deny("not count(input.http.headers.accept) > 5"), "input.http.headers.accept may be"),
        (deny("data.modles.allow"), "data.modles.allow is neither a rule nor in a data file"),
        (deny("not input.model in data.models.alow"), "data.models.alow is neither"),
        ("import data.models as m\n" + deny("m.alow"), "data.models.alow is neither"),
        (deny("data.helm.rules.models.dney"), "data.helm.rules.models.dney is neither"),
        (deny("data.helm.rules.modles.deny"), "data.helm.rules.modles.deny is neither"),
        ("default x := 1\ndefault x := 2", "x has a default already"),
        ("deny if input.model", "deny must be a set"),
        ("deny := {1}", "deny must be a set"),
        ("escalate if input.model", "escalate must be a set"),
        ('rewrite := [{"op": "remove"}]', "rewrite must be a set"),
        ('stream := "buffer"', "stream must be a set"),
        ("allow contains 1", "allow must be a plain rule"),
        ("f(x) := f(x)", "f depends on itself"),
        ("f(x) := g(x)\ng(x) := f(x)", "depends on itself"),
        ("a := b\nb := a", "depends on itself"),
        ("a := data.helm.rules.mine.a", "a depends on itself"),
        ("a := 1 if not a", "a depends on itself"),
        ("\n".join(f"r{i} := r{i + 1}" for i in range(450)) + "\nr450 := 1", "a chain of over 400"),
        # What OPA decides otherwise, found by asking both of some ten thousand programs.
        (deny("not same(input.model, `x`)") + "\nsame(x, x) if true", "a name of its own"),
        (deny("same(input.model, [`x`])") + "\nsame(x, [x]) if true", "a name of its own"),
        (
            deny("risky(input.model)") + "\nrisky(m) := true if m == `a`\nelse if m == `b`",
            "an else without a value",
        ),
        ("limit := 3\n" + deny("some limit; input.parameters[limit] == 1"), "takes limit for the"),
        (
            deny("fine") + "\nbounds := {`a`: {`m`: 5}, `b`: {`m`: 1}}\n"
            "fine if { every k in [`m`] { bounds[x][k] > 1 }; x = input.model }",
            "x has no value yet where this every",
        ),
        (
            deny("allowed") + "\nallowed if { k := `n`; input.parameters[k]; "
            "count([1 | k := `q`; not input.parameters[k] > 3]) == 1 }",
            "may be undefined",
        ),
        (
            deny("v") + "\nv if { x := {`n`: 1}; x.n; every x in input.body.t { not x.n > 3 } }",
            "x.n may be undefined",
        ),
        (deny("data.helm.rules[_].mark == 1") + "\nmark := 1", "leaves the package of this rule"),
        (
            deny("some t, x in data.helm.rules; x.mark == 1") + "\nmark := 1",
            "leaves the package of this rule",
        ),
        (
            deny("some t, _ in data.helm.rules; data.helm.rules[t].mark == 1") + "\nmark := 1",
            "leaves the package of this rule",
        ),
        ("w.a := 1 if input.model\n" + deny("count(data.helm.rules.mine) > 0"), "empty in OPA"),
        (
            "w.a := 1 if input.model\n" + deny("some k, _ in data.helm.rules.mine; k == `w`"),
            "empty in OPA",
        ),
        ("w.q.a := 1 if input.model\nw.r := 3\n" + deny("k := `q`; w[k]"), "empty in OPA"),
        ("w.q.a := 1 if input.model\nw.r := 3\n" + deny("w == {`r`: 3}"), "empty in OPA"),
        (
            "f(x) := x\nw if f(1) == 1\n" + deny("w with data.helm.rules.mine.f as 6"),
            "only where it is called by that name",
        ),
        (deny("input.parameters.a + input.parameters.b <= 0.3"), "calculate in whole numbers"),
        ("a := set()\nb := {}\n" + deny("a > b"), "sets before objects"),
        (deny("not input.body > {1}"), "sets before objects"),
        (deny("input.parameters.n > 100000000000000000000"), "beyond what the engine tells apart"),
        (deny("v == 5") + "\nv := object.subset if object := {`subset`: 5}", "a function's name"),
    ],
    ids=lambda text: str(text)[:60],
)
def test_unsound_rules_are_named(text: str, says: str) -> None:
    """With the file and the line."""
    found = problems(text)
    assert any(line.startswith("mine.rego:") and says in line for line in found), found


@pytest.mark.parametrize(
    ("package", "text", "says"),
    [
        ("helm.rules.a.b", deny("input.model"), "deny is heard in a package helm.rules.<topic>"),
        ("helm.rules.a.b", "allow if input.model", "allow is heard in a package helm.rules"),
        ("helm.rules.silent", deny("input.model").replace("deny", "denny"), "silent says nothing"),
        ("helm.rules.a", "allow if input.n\n" + deny("input.n").replace("deny", "denies"), "deny?"),
        ("helm.rules.a", "allow if input.n\nescalates contains 1 if input.n", "mean escalate?"),
        ("helm.rules.a", "allow if input.n\nrewrites contains {} if input.n", "mean rewrite?"),
        ("helm.rules.a", deny("input.n") + "\nallows if input.n", "allows is read by nobody: did"),
    ],
)
def test_topics_without_effect_are_named(package: str, text: str, says: str) -> None:
    """A rule in the wrong place, or under the wrong name, would be a silence."""
    assert any(says in line for line in problems(text, package)), problems(text, package)


@pytest.mark.parametrize(
    "text",
    [
        "denied contains 1 if input.model\n" + deny("count(denied) > 1"),
        "denied contains 1 if input.model\n" + deny("count(data.helm.rules.mine.denied) > 1"),
        "denied contains 1 if input.model\n" + deny("some t; count(data.helm.rules[t].denied) > 1"),
        "allowed(x) if x == 1\n" + deny("input.model"),
        "limits contains 1 if input.model\n" + deny("input.model"),
    ],
)
def test_helpers_of_a_topic_are_no_slips(text: str) -> None:
    """What another rule reads may be called as it likes."""
    assert not any("is read by nobody" in problem for problem in problems(text))


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("not input.parameters.n > 3", 'write object.get(input, ["parameters", "n"], …)'),
        ('not startswith(input.body.a.b, "x")', 'write object.get(input, ["body", "a", "b"], …)'),
        ("not input.body.a[input.model] > 1", "give it a default, or write object.get(…)"),
    ],
)
def test_the_remedy_of_a_not_keeps_the_rule_speaking(condition: str, says: str) -> None:
    """A name for the value before the `not` skips the rule where the value is absent."""
    found = problems(deny(condition))
    assert any(says in line and "would skip the rule" in line for line in found), found
    mended = deny('not object.get(input, ["parameters", "n"], 0) > 3')
    assert problems(mended) == []


def test_the_shipped_policy_passes() -> None:
    """The default policy holds to its own lint."""
    tree = compile_engine(DEFAULT.modules, json.dumps(DEFAULT.data)).get_ast_as_json()
    assert lint(Program(read_rules(tree), DEFAULT.data, SCHEMA)) == []


def test_schemas_in_data_are_looked_at() -> None:
    """Those of constraints on arguments, which the shipped policy matches."""
    constraint = {"schema": {"properties": {"day": {"format": "date"}}}}
    tools = {**DEFAULT.data["tools"], "arguments": {"book": [constraint]}}
    data = {**DEFAULT.data, "tools": tools}
    tree = compile_engine(DEFAULT.modules, json.dumps(data)).get_ast_as_json()
    found = {problem.message for problem in lint(Program(read_rules(tree), data, SCHEMA))}
    assert found == {
        "data.tools.arguments.book[0].schema has format: the engine asserts no format: use "
        "pattern, or enum"
    }
