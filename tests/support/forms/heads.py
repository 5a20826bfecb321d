"""Iteration in heads."""

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
    "v contains tool.size if some tool in input.tools",
    'v contains {"a": x} if { x := input.p.l[_] }',
    "v contains input.p.l[i] if input.p.l[i] > 0",
    "v contains [x | x := input.p.l[_]]",
    "v[k] := x if some k, x in input.p",
    "v[k] := input.p[k] if some k in object.keys(input.p)",
    "v[tool.name] := tool.size if some tool in input.tools",
)
