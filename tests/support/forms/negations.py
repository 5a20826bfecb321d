"""``not`` over what may be undefined."""

COMMON = """
s := {"x", "y"}
t := {"x": {"y": 1}}
r := 5 if input.p.n == 9
h(x) if x == 1
g(x) := x + 1
gd(x) := 1 if x.q
default d := 1
d := 2 if input.p.n == 9
set contains input.p.k
obj[k] := 1 if k := input.p.k
always := y if { y := object.get(input.p, "n", 1) }
chain := 1 if { input.p.n == 9 } else := 2
"""

REFUSED = (
    # comparisons and arithmetic
    "v if not input.p.n < 3",
    "v if not input.p.n <= 3",
    "v if not input.p.n > 3",
    "v if not input.p.n >= 3",
    "v if not input.p.n != 3",
    "v if not 3 < input.p.n",
    "v if not input.p.n + 1 == 2",
    "v if not input.p.n - 1 > 2",
    "v if not input.p.n > input.p.o.m",
    "v if not {input.p.n} & {1}",
    "v if not (input.p.n > 3) == true",
    "v if not (input.p.n == 3) == true",
    "v if not input.p.n > 3 with input.name as `z`",
    # indices
    "v if not s[input.p.k]",
    "v if not t[input.p.k].y",
    "v if not t[input.p.k].y == 1",
    "v if not input.p.o[input.p.k]",
    "v if not data.two[input.p.k]",
    'v if not {"x": 1}[input.p.k]',
    # memberships
    "v if not input.p.k in s",
    "v if not 3 in input.p.l",
    "v if not 0, 1 in input.p.l",
    "v if not lower(input.p.k) in s",
    # calls
    "v if not h(input.p.n)",
    "v if not g(input.p.n) == 2",
    "v if not gd(input.p) == 2",
    "v if not gd(input.p) > 2",
    "v if not h(gd(input.p))",
    'v if not startswith(input.p.k, "x")',
    "v if not count(input.p.l) > 1",
    "v if not count(input.p.l) == 2",
    "v if not max(input.p.l) > 1",
    "v if not max([x | some x in input.p.l]) > 1",
    'v if not sprintf("%s", [input.p.k]) == "x"',
    'v if not object.get(input.p.o, "m", 1) > 3',
    'v if not object.get(input.p, "n", input.p.k) == 1',
    'v if not regex.find_n("x", "y", 1)[0] > "a"',
    # rules that may be undefined
    "v if not r > 3",
    "v if not r != 3",
    "v if not r in [1]",
    "v if not g(r) == 3",
    "v if not data.form.r > 3",
    # literals
    "v if not [input.p.n] == [1]",
    'v if not {"a": input.p.n} == {"a": 1}',
    "v if not [input.p.n]",
    # through names
    "v if { p := input.p; not p.n > 3 }",
    "v if { p = input.p; not p.n > 3 }",
    "v if { p := input.p.o; not p.m > 3 }",
    "v if { p := input.p; o := p.o; not o.m > 3 }",
    "v if { not p.n > 3; p = input.p }",
    "v if { [p, _] := [input.p, 1]; not p.n > 3 }",
    "v if { some p in [input.p]; not p.n > 3 }",
    "v if count([1 | some tool in input.tools; not tool.size > 3]) > 0",
    "v := [tool.name | some tool in input.tools; not tool.size > 3]",
    "v if every tool in input.tools { not tool.size > 3 }",
    "v := [tool.name | some i, tool in input.tools; i >= 0; not tool.size > 3]",
    "v := [name | some name, row in data.some; not row.max > 3]",
    "v := [1 | some tool in input.tools; small(tool)]\nsmall(tool) if not tool.size > 3",
    # bodies that don't make sure of it
    "v if { y := [1 | input.p.n]; not input.p.n > 3; y == y }",
    "v if { not input.p.n == 3; not input.p.n > 3 }",
    "v if { input.p; not input.p.n > 3 }",
    "v if { y := input.p.n in [1]; not input.p.n > 3; y == y }",
    "v if not count(input.response.calls) > 0",
    'v if { input.phase != "nothing"; not count(input.response.calls) > 0 }',
    "v := 1 if { input.p.n == 9 } else := 2 if { not input.p.n > 3 }",
    "v := {1 | not input.p.n > 3}",
)

AGREE = (
    # equality, references and names of rules
    "v if not input.p.n == 3",
    "v if not input.p.n = 3",
    "v if not 3 == input.p.n",
    "v if not input.p.n == input.p.k",
    "v if not input.p.n",
    "v if not input.p.o.m",
    'v if not input.p["o"]',
    "v if not r",
    "v if not r == 3",
    "v if not h(input)",
    "v if not gd(input)",
    "v if not h(input.name)",
    "v if { p := input.p; not p.n == 3 }",
    "v if every tool in input.tools { not tool.size == 9 }",
    'v if not regex.find_n("x", "y", 1)[0] == "x"',
    "v if not [y | y := input.p.n][0] == 1",
    # what every document has
    'v if not startswith(input.name, "x")',
    "v if not input.name in data.names",
    "v if not input.model in data.names",
    'v if not input.phase != "request"',
    "v if not count(input.tools) > 1",
    "v if not count(input.p) > 1",
    'v := [tool.name | some tool in input.tools; not startswith(tool.name, "a")]',
    'v := [tool.name | some i, tool in input.tools; i >= 0; not tool.name in {"a"}]',
    'v := [n | n := input.tools[_].name; not startswith(n, "a")]',
    'v := [1 | input.tools[i]; not startswith(input.tools[i].name, "a")]',
    'v := [1 | some i, _ in input.tools; not startswith(input.tools[i].name, "a")]',
    'v := [1 | some tool in input.tools; mine(tool)]\nmine(tool) if not tool.name in {"a"}',
    'v := [1 | some tool in input.tools; a(tool)]\na(x) if b(x)\nb(y) if not y.name in {"a"}',
    'v if every tool in input.tools { not startswith(tool.name, "b") }',
    'v if { input.phase == "response"; not count(input.response.calls) > 0 }',
    'v if { "response" == input.phase; not count(input.response.calls) > 0 }',
    "v if { input.response; not count(input.response.calls) > 0 }",
    # what the data have
    "v if not data.two.y > 5",
    "v := [name | some name, row in data.limits; not row.max > 3]",
    "v := [k | some k in object.keys(data.limits); row := data.limits[k]; not row.max > 3]",
    "v if { data.off != null; not data.off.from > 3 }",
    "v if { data.on != null; not data.on.from > 3 }",
    # rules that always have a value
    "v if not d > 1",
    "v if not d in [2]",
    "v if not count(set) > 0",
    'v if not "x" in set',
    "v if not count(obj) > 0",
    "v if not always > 3",
    "v if not chain > 1",
    'v if not w.a > 3\nw := {"a": 5}',
    "v if not f(input.p) > 3\nf(p) := p.n if { p.n } else := 5",
    "v if not f(input.p) > 3\ndefault f(_) := 5\nf(p) := p.n if p.n",
    # a default, or a comprehension
    'v if not object.get(input.p, "n", 1) > 3',
    'v if not object.get(input.p, ["o", "m"], 1) > 3',
    "v if not count([y | y := input.p.n]) > 0",
    "v if not [y | y := input.p.n] == [1]",
    'v if not split(input.name, "/")[0] in {"a"}',
    # a body that makes sure of it
    "v if { k := input.p.k; not s[k] }",
    'v if { k := input.p.k; not startswith(k, "x") }',
    "v if { n := input.p.n; not n > 3 }",
    "v if { not n > 3; n = input.p.n }",
    "v if { y := r; not y > 3 }",
    "v if { input.p.n; not input.p.n > 3 }",
    "v if { not input.p.n > 3; input.p.n }",
    "v if { is_number(input.p.n); not input.p.n > 3 }",
    "v if { input.p.n != null; not input.p.n > 3 }",
    "v if { input.p.n in [1, 9]; not input.p.n > 3 }",
    "v if { input.p.n > 0; not input.p.n > 3 }",
    "v if { p := input.p; p.n > 0; not input.p.n > 3 }",
    "v if { input.p.o.m; o := input.p.o; not o.m > 3 }",
    "v if { y := [input.p.n]; not input.p.n > 3; y == y }",
    "v if { input.p.k; not s[input.p.k] }",
    "v if { input.p.n; x := [1 | not input.p.n > 3]; count(x) == 1 }",
    "v := [1 | some tool in input.tools; tool.size; not tool.size > 3]",
    "v := [1 | some tool in input.tools; small(tool)]\n"
    "small(one) if { one.size; not one.size > 3 }",
    # given by with
    'v if not input.p.n > 3 with input as {"p": {"n": 1}}',
    "v if not input.p.n > 3 with input.p.n as 5",
    "v if not h(1) with input.p as input.p.n",
)
