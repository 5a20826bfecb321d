"""``x in y`` as a value."""

COMMON = """
g(x) := x
r := 5 if input.p.n == 9
"""

REFUSED = (
    "v := input.p.n in [1]",
    "v := (input.p.n in [1]) if true",
    "v := 1 in input.p.l",
    'v := "k", 1 in input.p.l',
    'v := {"a": input.p.n in [1]}',
    "v := [input.p.n in [1]]",
    "v := g(input.p.n in [1])",
    "v := r in [5]",
    "v if { y := input.p.n in [1]; y == false }",
    "v if { y := input.p.n in [1]; not y }",
    "v if (input.p.n in [1]) == false",
    "v if (input.p.n in [1]) != true",
    "v := [y | y := 1 in input.p.l]",
    "v contains (1 in input.p.l) if true",
    "v := f(input.p)\nf(p) := p.n in [1]",
    "v := f(input.p)\nf(p) := p.n in [1] if true else := 7",
    "v if w == false\nw := input.p.n in [1]",
)

AGREE = (
    "v if input.p.n in [1]",
    "v if 1 in input.p.l",
    "v if { input.p.n in [1]; input.p.k in {`x`} }",
    "v := 1 if input.p.n in [1]",
    "v := input.name in data.names",
    'v := {"a": input.model in data.names}',
    "v := 1 in [input.p.n | input.p.n]",
    "v if { n := input.p.n; y := n in [1]; not y }",
    "v if { input.p.n; (input.p.n in [1]) == false }",
    "v := [(t.name in {`a`}) | some t in input.tools]",
    "v if count([1 | input.p.n in [1]]) == 0",
    "v if every p in [input.p] { p.n in [1] }",
    'v := object.get(input.p, "n", 1) in [1]',
    "v if { print(input.p.n in [1]); input.name }",
)
