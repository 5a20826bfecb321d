"""Objects made of rules with dots in their names."""

COMMON = ""

REFUSED = (
    "v := w\nw.a := 1 if input.p.n",
    "v := w\nw.a.b := input.p.n",
    "v := w.a\nw.a.b := input.p.n",
    "v := w\nw.a := 1 if input.p.n\nw.b := 2 if input.p.n",
    "v if { not w }\nw.a := 1 if input.p.n",
    "v := count(w)\nw.a := 1 if input.p.n",
    "v := count(w.q)\nw.q.a := 1 if input.p.n",
    'v := object.get(w, "x", 0)\nw.x := 1 if input.p.n',
    "v := w\nw[k][j] := 1 if { k := input.p.k; j := input.p.n }",
    "v := w\nw[k].a := x if some k, x in input.p",
    "v := data.form.w\nw.x := 1 if input.p.n",
    "v := data.form.w.x\nw.x.y := 1 if input.p.n",
    "v := f(w)\nf(x) := x\nw.a := 2 if input.p.n",
    'v := {"w": w}\nw.a := 2 if input.p.n',
    "v if w == {}\nw.a := 2 if input.p.n",
    "v := y if { x := w; y := x }\nw.a := 2 if input.p.n",
    "v := data.form.lib.w\n--- lib.rego\npackage form.lib\n\nw.a := 1 if input.p.n",
)

AGREE = (
    # one of them
    "v := w.a\nw.a := 1 if input.p.n",
    "v if { not w.a }\nw.a := 1 if input.p.n",
    "v := w.a.b\nw.a.b := input.p.n",
    'v := data.form.w["x"].y\nw.x.y := 1 if input.p.n',
    # any of them
    "v := w[input.p.k]\nw.x := 1 if input.p.n",
    "v := {k | w[k]}\nw.x := 1 if input.p.n",
    "v := [x | some x in w]\nw.x := 1 if input.p.n",
    'v := w[k] if { k := "x" }\nw.x := 1 if input.p.n',
    # one that is always there
    "v := w.q\nw.q contains 1 if input.p.n",
    "v := w\nw.q contains 1 if input.p.n",
    "v := w\nw.x := 1",
    "v := w\nw.a.b := 1\nw.a.c := 2 if input.p.n",
    "v := w\ndefault w.a := 1\nw.a := 2 if input.p.n",
    # written with brackets
    'v := w\nw["x"] := 1 if input.p.n',
    "v := w\nw[k] := 1 if { k := input.p.k }",
    "v := w\nw.x[j] := 1 if { j := input.p.n }",
    # a package
    "v := data.form.lib\n--- lib.rego\npackage form.lib\n\nq := 1 if input.p.n",
    "v if not data.form.lib\n--- lib.rego\npackage form.lib\n\nq := 1 if input.p.n",
)
