"""Heads with values that may be missing, and iteration in heads."""

COMMON = """
t := {"x": {"y": 1}, "z": {"y": 2}}
"""

REFUSED = (
    "v contains input.tools[_].name",
    "v contains input.tools[_].size",
    "v contains input.p.l[_]",
    "v contains input.p.o[_]",
    "v contains input.p.o[k]",
    "v contains lower(input.tools[_].name)",
    'v contains {"a": input.p.l[_]}',
    'v contains {"a": [input.tools[_].name]}',
    "v contains input.tools[_].name if input.p.k",
    "v contains data.some[_].max",
    # a value that one of the solutions doesn't have
    "v contains tool.size if some tool in input.tools",
    "v contains tool.size if { some tool in input.tools; tool.name }",
    "v contains tool.size if { tool := input.tools[_] }",
    "v contains input.tools[i].size if input.tools[i]",
    "v contains input.tools[i].size if { some i; input.tools[i].name }",
    'v contains sprintf("%v", [tool.size]) if { some tool in input.tools }',
    'v contains {"a": [tool.size]} if { some tool in input.tools }',
    "v contains row.max if some row in data.some",
    'v contains f(tool.name) if { some tool in input.tools }\nf("a") := 1',
    "v[tool.name] := tool.size if some tool in input.tools",
    "v[tool.size] := tool.name if some tool in input.tools",
    "v := tool.size if { some tool in input.tools }",
    "v := tool.size if { tool := input.tools[_] }",
    "v := tool.size if { some tool in input.tools } else := 7",
)

AGREE = (
    "v contains t[_].y",
    "v contains data.limits[_].max",
    "v contains data.names[_]",
    "v contains input.p.role",
    "v contains t[input.p.k].y",
    "v contains x.y if x := t[_]",
    "v contains x if some x in input.p.l",
    "v contains x if x := input.p.l[_]",
    'v contains {"a": x} if { x := input.p.l[_] }',
    "v contains input.p.l[i] if input.p.l[i] > 0",
    "v contains [x | x := input.p.l[_]]",
    "v[k] := x if some k, x in input.p",
    "v[k] := input.p[k] if some k in object.keys(input.p)",
    # what each solution has
    "v contains tool.name if some tool in input.tools",
    "v contains tool.size if { some tool in input.tools; tool.size }",
    "v contains tool.size if { some tool in input.tools; tool.size > 3 }",
    "v contains size if { some tool in input.tools; size := tool.size }",
    'v contains size if { some tool in input.tools; size := {"a": tool.size} }',
    'v contains object.get(tool, "size", 0) if some tool in input.tools',
    "v contains [x | x := tool.size] if some tool in input.tools",
    'v contains {"a": input.model, "b": tool.name} if some tool in input.tools',
    "v contains row.max if some row in data.limits",
    "v[tool.name] := 1 if some tool in input.tools",
    "v[name] := size if { some tool in input.tools; name := tool.name; size := tool.size }",
    "v := tool.size if { some tool in input.tools; tool.size }",
    "v := tool.name if { some tool in input.tools; tool.size == 9 }",
    # one solution at most, and others of other rules
    "v contains input.p.role if input.name\nv contains 1",
    "v contains 1\nv contains input.p.role",
    "v[1] := input.p.role\nv[2] := 1",
    "v contains r\nv contains 1\nr := 5 if input.p.n == 9",
    # comprehensions
    "v := [tool.size | some tool in input.tools]",
    "v := {tool.name: tool.size | some tool in input.tools}",
    "v := {tool.size: tool.name | some tool in input.tools}",
    'v := [sprintf("%v", [tool.size]) | some tool in input.tools]',
    'v := [f(tool.name) | some tool in input.tools]\nf("b") := 1',
)
