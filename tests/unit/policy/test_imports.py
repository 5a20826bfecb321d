"""Imported names are written out, and nothing else changes."""

from __future__ import annotations

import pytest

from helm_boundary.policy.rego.imports import write_out_imports


def written(text: str) -> str:
    module = f"package a\n\nimport data.b.c as q\nimport data.lib\nimport input.foo\n\n{text}\n"
    result = write_out_imports({"a.rego": module})["a.rego"]
    assert result.count("\n") == module.count("\n")
    assert "import" not in result
    return result.rsplit("\n", 2)[-2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v := q.x", "v := data.b.c.x"),
        ("v := lib", "v := data.lib"),
        ("v := lib.f(foo.bar)", "v := data.lib.f(input.foo.bar)"),
        ("v := x[q.k].lib", "v := x[data.b.c.k].lib"),
        ('v := {"q": q.x, q.y: [lib]}', 'v := {"q": data.b.c.x, data.b.c.y: [data.lib]}'),
        ("v := 1 if { foo.x } else := q.y", "v := 1 if { input.foo.x } else := data.b.c.y"),
        ("v if not q.x with lib.y as foo", "v if not data.b.c.x with data.lib.y as input.foo"),
        ("v contains q.x if foo", "v contains data.b.c.x if input.foo"),
        ("v[q.k] := 1 if foo", "v[data.b.c.k] := 1 if input.foo"),
        ("f(q) := q.x + lib.y", "f(q) := q.x + data.lib.y"),
        ("v := q if { q := lib.x }", "v := q if { q := data.lib.x }"),
        ("v := [q | some q in lib.x]", "v := [q | some q in data.lib.x]"),
        (
            "v := q.x if { [1 | some q in lib.x] }",
            "v := data.b.c.x if { [1 | some q in data.lib.x] }",
        ),
        ("v if every q in q.x { q.y }", "v if every q in data.b.c.x { q.y }"),
        (
            "v if { [q, {`a`: lib}] := foo; q; lib }",
            "v if { [q, {`a`: lib}] := input.foo; q; lib }",
        ),
        ("v if { some lib; x[lib] == q }", "v if { some lib; x[lib] == data.b.c }"),
        ('v := "q.x lib" # q.x', 'v := "q.x lib" # q.x'),
    ],
)
def test_names_are_written_out(text: str, expected: str) -> None:
    """Where they stand for the import, and not for a variable of the same name."""
    assert written(text) == expected


def test_a_name_that_is_no_word_is_put_in_brackets() -> None:
    """As in `import data["x y"].z`."""
    text = 'package a\n\nimport data["x y"].z\n\nv := z.a\n'
    assert write_out_imports({"a": text})["a"].endswith('v := data["x y"].z.a\n')


def test_modules_without_imports_are_left_alone() -> None:
    """A module that only imports rego.v1 imports no name."""
    text = "package a\n\nimport rego.v1\n\nv := data.b\n"
    assert write_out_imports({"a": text}) == {"a": text}


def test_a_long_line_may_grow() -> None:
    """What is written out doesn't count against the engine's limit for lines."""
    from helm_boundary.policy.engines.evaluator import compile_engine

    line = "v := [" + ", ".join(["q.x"] * 190) + "]"
    text = f"package a\n\nimport data.quite.a.long.path.indeed as q\n\n{line}\n"
    assert len(line) < 1_024
    assert compile_engine({"a": text}, "{}").eval_rule_as_json("data.a.v")
