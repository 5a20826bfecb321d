"""Variables that are bound below their use, or nowhere."""

COMMON = """
s := {"x", "y"}
t := {"x": {"y": 1}}
"""

REFUSED = (
    # an index below a not that a later statement binds
    'v if { not input.p[x] == 1; x = "k" }',
    'v if { some x; not input.p[x] == 1; x = "k" }',
    'v if { some x; not input.p[x]; x = "k" }',
    'v if { not s[x]; x = "z" }',
    "v if { not s[x]; x = input.p.k }",
    "v if { some x; not s[x]; x = input.p.k }",
    'v if { some x, y; not t[x][y] == 1; x = "x"; y = "z" }',
    # an index that every gives
    'v if every x in ["q", "z"] { not s[x] }',
    'v if every k, _ in {"q": 1} { not s[k] }',
    'v if every x in ["q", "z"] { not t[x].y }',
    'v if every x in ["z"] { w := {"a": 1}; not w[x] }',
    'v if every x in ["z"] { count([1 | not s[x]]) == 1 }',
    # a step of walk
    'v if not walk(input.p, [["n"], 1])',
    'v if { x := 1; not walk(input.p, [["n"], x]) }',
)

# OPA doesn't compile them at all.
UNSAFE = (
    "v if not input.p.l[_] == 1",
    "v if not s[_]",
    "v if not t[_].y == 1",
    "v if not input.p[q]",
    "v if { some q; not input.p[q] }",
    "v := [1 | not s[q]]",
    'v if { some x; not input.p[x] == 1; x in ["k"] }',
    'v if { not input.p[x] == 1; x := "k" }',
    'v if { not input.p[x] == 1; some x in ["k"] }',
    'v if { startswith(x, "x"); x := input.p.k }',
    "v if { x > 1; x := input.p.n }",
    "v if { x > 1; some x in input.p.l }",
    "v if { x > 1; some i, x in input.p.l; i > 0 }",
    "v := y if { y := x + 1; x := input.p.n }",
    "v if { every x in l { x > 1 }; l := input.p.l }",
    "v := [y | y := x; x := 1]",
)

AGREE = (
    # bound above, around, or by what iterates
    "v if { x = input.p.k; not s[x] }",
    "v if { x := input.p.k; not s[x] }",
    "v if { input.p[x] == `x`; not s[x] }",
    'v if { some x; x = "k"; not input.p[x] == 1 }',
    'v if { some x in ["x", "z"]; not s[x] }',
    'v if { some x, y; x = "x"; y = "z"; not t[x][y] == 1 }',
    'v := [x | x := ["x", "z"][_]; not s[x]]',
    'v if { x := "z"; count([1 | not s[x]]) == 1 }',
    'v if every x in ["q", "z"] { y := x; not s[y] }',
    'v if every x in ["q", "z"] { not x in s }',
    'v if every x in ["q", "z"] { not x == "x" }',
    "v if every tool in input.tools { not s[tool.name] }",
    'v if every x in ["q", "z"] { not one(x) }\none(x) if s[x]',
    'v if every x in ["x", "y"] { s[x] }',
    'v if f("z")\nf(x) if not s[x]',
    "v := {k | input.p[k]; not s[k]}",
    "v if { r := input.p.k; not s[r] with input.p.n as 1 }",
    # no index
    "v if { not x == 1; x = 0 }",
    "v if { some x; not x > 1; x = 0 }",
    "v if { y = x + 1; x = input.p.n; y > 2 }",
    'v if { startswith(x, "x"); x = input.p.k }',
    "v if { some x; input.p[x] == `x`; x = `k` }",
    # a comprehension, or a rule that iterates
    "v if not count([1 | s[_]]) == 0",
    "v if not any_one\nany_one if input.p.l[_] == 1",
    "v if count([1 | walk(input.p, [_, 1])]) == 0",
    'v if not one\none if walk(input.p, [["n"], 1])',
    # the same name twice
    "v := [x | some x in [1]] if { y := [x | some x in [2]]; y == [2] }",
    "v if { y := [x | x := 2]; x := 1; y == [2]; x == 1 }",
    'v if { some x in ["x"]; s[x] }\nw if { some x in ["x"]; s[x] }',
)
