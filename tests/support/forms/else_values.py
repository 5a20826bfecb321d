"""Values of rules and functions with ``else``."""

COMMON = """
t := {"x": 1}
t2 := {"x": 1, "y": 2}
r := 1 if input.p.n == 9
"""

REFUSED = (
    # an index that the last body doesn't bind
    'v := t[k] if { k := input.p.k } else := "d"',
    'v := data.one[k] if { k := input.p.k } else := "d"',
    'v := t[k] if { k = input.p.k } else := "d"',
    'v := t[k] if { some k in [input.p.k] } else := "d"',
    'v := t[k] if { some i, k in [input.p.k]; i >= 0 } else := "d"',
    'v := t[k] if { [k, _] := [input.p.k, 1] } else := "d"',
    'v := t[k] if { {"k": k} = {"k": input.p.k} } else := "d"',
    'v := w[k] if { k := input.p.k; w := t } else := "d"',
    'v := [t[k]] if { k := input.p.k } else := "d"',
    'v := {"a": t[k]} if { k := input.p.k } else := "d"',
    'v := {"a": [{"b": t[k]}]} if { k := input.p.k } else := "d"',
    'v := count([t[k]]) if { k := input.p.k } else := "d"',
    'v := sprintf("%v", [t[k]]) if { k := input.p.k } else := "d"',
    'v := t[k] + 1 if { k := input.p.k } else := "d"',
    'v := t[k] == 1 if { k := input.p.k } else := "d"',
    'v := [t[k] | true] if { k := input.p.k } else := "d"',
    'v := {a: t[k] | a := 1} if { k := input.p.k } else := "d"',
    'v := [1 | not t2[k]] if { k := input.p.k } else := "d"',
    'v := [1 | every z in [1] { not t2[k] == z }] if { k := input.p.k } else := "d"',
    'v := [1 | x := [t2[k] | true]; x == [1]] if { k := input.p.k } else := "d"',
    'v := data.limits.low[k] if { k := input.p.k } else := "d"',
    'v := t[k] if { k := input.p.k; k != "q" } else := "e" if { false } else := "d"',
    'v := t[k] if { k := input.p.k } else := k if { k := input.p.none } else := "d"',
    'v := f(input.p.k)\nf(x) := t[k] if { k := x } else := "d"',
    # a function's value that may be undefined
    'v := f(input.p.k)\nf(k) := t2[k] if true else := "d"',
    'v := f(input.p.k)\nf(k) := data.two[k] if { k != "q" } else := "d"',
    'v := f(input.p)\nf(p) := p.role if true else := "d"',
    'v := f(input.p)\nf(p) := p.o.m if { p.k } else := "d"',
    'v := f(input.p)\nf(p) := o.m if { o := p.o } else := "d"',
    'v := f(input.p)\nf(p) := [p.role] if { p.k } else := "d"',
    'v := f(input.p)\nf(p) := sprintf("%s", [p.role]) if { p.k } else := "d"',
    'v := f(input.p)\nf(p) := p.n > 3 if { p.k } else := "d"',
    'v := f(input.p)\nf(p) := p.n + 3 if { p.k } else := "d"',
    'v := f(1)\nf(x) := input.p.role if { x == 1 } else := "d"',
    'v := f(input.p.k)\nf(x) := g(x) if { x } else := "d"\ng("x") := 1',
    'v := f(input.p.k)\nf(x) := r if { x } else := "d"',
    'v := f(input.p.k)\nf(x) := "w" if { x == "y" } else := input.p.role if { x } else := "d"',
    'v := f(input.p.k)\nf(x) = t2[x] if { true } else = "d"',
    'v := f(input.p.k)\nf(x) := count(input.p.l) if { x } else := "d"',
    'v := [f(one) | some one in input.tools]\nf(one) := one.size if { one.name } else := "d"',
)

AGREE = (
    # a plain name, its fields, objects and calls of it
    'v := k if { k := input.p.k } else := "d"',
    'v := p.o.m if { p := input.p } else := "d"',
    'v := {"a": k, "b": [k]} if { k := input.p.k } else := "d"',
    'v := sprintf("%v", [k]) if { k := input.p.k } else := "d"',
    'v := object.get(t2, k, "none") if { k := input.p.k } else := "d"',
    'v := x if { k := input.p.k; x := t2[k] } else := "d"',
    'v := x if { x := t2[input.p.k] } else := x if { x := t2[input.p.none] } else := "d"',
    'v := t2[input.p.k] if { input.name } else := "d"',
    'v := t2["x"] if { input.p.k } else := "d"',
    'v := t2[p.k] if { p := input.p } else := "d"',
    'v := input.p.role if { input.p.k } else := "d"',
    'v := r if { input.p.k } else := "d"',
    # an index that is bound in the last body too, or that the body has tried
    'v := t2[k] if { k := input.p.k } else := t2[k] if { k := "x" }',
    'v := t[k] if { k := input.p.k; t[k] } else := "d"',
    'v := t[k] if { k := input.p.k; t[k] == 1 } else := "d"',
    'v := t[k] if { some k, _ in t; k == input.p.k } else := "d"',
    'v := "w" if { input.p.k == "y" } else := t2[k] if { k := input.p.k } else := "d"',
    'v := [y | y := t2[k]] if { k := input.p.k } else := "d"',
    'v := count({1 | t2[k] == 2}) if { k := input.p.k } else := "d"',
    "v := t2[k] if { k := input.p.k }",
    "v contains t2[k] if { k := input.p.k }",
    "v[k] := t2[k] if { k := input.p.k }",
    # a function's value that is there
    'v := f(input.p)\nf(p) := p.role if { p.role } else := "d"',
    'v := f(input.p)\nf(p) := p.role if { is_string(p.role) } else := "d"',
    'v := f(input.p)\nf(p) := p.role if { p.role != "q" } else := "d"',
    'v := f(input.p)\nf(p) := x if { x := p.role } else := "d"',
    'v := f(input.p.k)\nf(x) := x if { x == "x" } else := "d"',
    'v := f(input.p.k)\nf(x) := {"a": x} if { x == "x" } else := "d"',
    'v := f(input.p.k)\nf(x) := object.get(t2, x, 0) if { x == "x" } else := "d"',
    'v := f(input.p.k)\nf(x) := [y | y := t2[x]] if { true } else := "d"',
    'v := [f(one) | some one in input.tools]\nf(one) := one.name if { one.size } else := "d"',
    'v := f(input.p.k)\nf(x) := "w" if { x == "y" } else := input.p.role',
    'v := f(input.p.k)\nf(x) if { t2[x] == 1 } else := "d"',
    'v := f(input.p.k)\nf(x) := false if { x == "x" } else := "d"',
    'v := f(input.p.k)\ndefault f(_) := "d"\nf(x) := t2[x] if true',
)
