"""Objects as patterns."""

COMMON = """
t := {"x": 1, "y": 2}
"""

REFUSED = (
    'v := [n | some {"name": n} in input.tools]',
    'v if some {"name": "a"} in input.tools',
    'v := [n | some i, {"name": n} in input.tools; i >= 0]',
    'v := [n | some [{"name": n}] in [[tool] | some tool in input.tools]]',
    'v := n if { {"name": n} = input.tools[0] }',
    'v := n if { {"name": n} := input.tools[0] }',
    'v := n if { input.tools[0] = {"name": n} }',
    'v if input.p = {"k": _}',
    'v := n if { k := "name"; {k: n} = input.tools[0] }',
    'v := n if { {"k": n} = input.p }',
    'v := [n | {"name": n} = input.tools[_]]',
    'v := [n | {"name": n} := input.tools[_]]',
    'v := [n | [{"name": n}] = [input.tools[_]]]',
    'v := [n | [{"name": n}, _] := [input.tools[_], 1]]',
    'v := n if { {"a": {"k": n}} := {"a": input.p} }',
    'v := n if { {"a": {"k": n}} = {"a": input.p} }',
    'v := n if { {"x": n} := data.two }',
    'v := f(input.p)\nf({"k": x}) := x',
    'v := f(input.p)\nf({"k": "x"}) := 1',
    'v := f([input.p])\nf([{"k": x}]) := x',
    'v := [f(tool) | some tool in input.tools]\nf({"name": x}) := x',
    'v := [f(tool) | some tool in input.tools]\nf({"name": "a"}) := 1',
    'v if walk(input, [_, {"name": "a"}])',
    'v := {n | walk(input, [_, {"name": n}])}',
)

AGREE = (
    # no variable in it: it is compared
    'v if input.p = {"k": "x"}',
    'v if input.p.o == {"m": 1}',
    'v if {"name": "b"} in input.tools',
    'v if { {"name": input.p.k} = input.tools[0] }',
    'v if { n := "b"; {"name": n} = input.tools[0] }',
    'v if { [{"name": "a"}] = [input.tools[0]] }',
    # a value that has just these keys
    'v := n if { {"a": n} = {"a": input.p.n} }',
    'v := [n, m] if { {"name": n, "size": m} = {"name": input.p.k, "size": 1} }',
    'v := n if { {"x": n} := data.one }',
    'v := n if { {"max": n} = data.limits.low }',
    'v := [n | some {"max": n} in data.limits]',
    'v := [n | some {"max": n} in data.some]',
    'v := [n | some {"a": n} in [{"a": 1}, {"a": input.p.n}]]',
    'v := n if { {"z": n} := data.two }',
    'v := f({"a": input.p.n})\nf({"a": x}) := x',
    # arrays
    "v := n if { [n] = input.p.l }",
    "v := n if { [n, _] := input.p.l }",
    "v := [n | some [n] in [[1, 2], [3]]]",
    "v := f(input.p.l)\nf([x]) := x",
    "v := {n | walk(input.p, [[n], _])}",
    # statements of their own
    "v := [n | some tool in input.tools; n := tool.name]",
    'v := [tool.name | some tool in input.tools; tool.name == "a"]',
)
