"""Functions in two files, and imports."""

COMMON = ""

_SAME = 'f(x) := y if { y := "x"; startswith(x, y) }'
_OTHER = 'f(x) := y if { y := "z"; startswith(x, y) }'

REFUSED = (
    f"v := f(input.p.k)\n{_SAME}\n--- other.rego\npackage form\n\n{_OTHER}",
    f"v := f(input.p.k)\n--- a.rego\npackage form\n\n{_SAME}\n--- b.rego\npackage form\n\n{_OTHER}",
    f"import data.form.lib\nv := lib.f(input.p.k)\n--- a.rego\npackage form.lib\n\n{_SAME}"
    f"\n--- b.rego\npackage form.lib\n\n{_OTHER}",
    f"v := l.f(input.p.k)\nl.{_SAME}\n--- other.rego\npackage form\n\nl.{_OTHER}",
)

_W = "w contains 1 if input.p.n"

AGREE = (
    # the parts of one set, one value, one object, and a function's default
    f"v := w\n{_W}\n--- other.rego\npackage form\n\nw contains 2 if input.p.k",
    'v := 1 if input.p.k == "x"\n--- other.rego\npackage form\n\nv := 2 if input.p.k == "y"',
    "v := 1 if input.p.n\n--- other.rego\npackage form\n\ndefault v := 2",
    "v[1] := 1 if input.p.n\n--- other.rego\npackage form\n\nv[2] := 2 if input.p.k",
    'v := f(input.name)\nf("q") := 1\n--- other.rego\npackage form\n\ndefault f(_) := 9',
    f"v := f(input.p.k)\n{_SAME}\n{_OTHER}",
    f"v := f(input.p.k)\n{_SAME}\n--- other.rego\npackage form.other\n\n{_OTHER}",
    # a package that imports itself, or the one it is in
    f"import data.form\nv if count(form.w) > 0\n{_W}",
    f"import data.form as me\nv if me.w[1]\n{_W}",
    "import data.form\nv := form.f(input.p.n)\nf(x) := x",
    f"import data.form\nv if count(form.w) > 0\n--- other.rego\npackage form\n\n{_W}",
    "import data.form.lib\nv := lib.v\n--- lib.rego\npackage form.lib\n\nimport data.form\n\n"
    "v if count(form.lib.w) > 0\nw contains 1 if input.p.n",
    "import data.form.lib\nv := lib.v\n--- lib.rego\npackage form.lib\n\nimport data.form as up\n\n"
    "v if count(up.lib.w) > 0\nw contains 1 if input.p.n",
    # packages that import each other
    f"import data.form.lib\nv := lib.v\n{_W}\n--- lib.rego\npackage form.lib\n\n"
    "import data.form\n\nv if count(form.w) > 0",
    # an import in a package that is read whole before
    "import data.form.a\nv if a.second\n--- a.rego\npackage form.a\n\nimport data.form.b\n\n"
    "first if input.p.n > b.other\nsecond if input.p.n >= b.k(1)\n--- b.rego\npackage form.b\n\n"
    "import data.form.c\n\nk(n) := n * c.two\nother := 5\n--- c.rego\npackage form.c\n\ntwo := 2",
    # names that are imported and declared, or defined
    "import data.form.lib\nv := [lib | some lib in [input.p.n]; lib > 0]\nw := lib.x\n"
    "--- lib.rego\npackage form.lib\n\nx := 1",
    "import data.form.lib as q\nv := {q | q := input.p.n} if q.x == 1\n"
    "--- lib.rego\npackage form.lib\n\nx := 1",
    "import data.form.lib\nv := f(input.p.n)\nf(lib) := lib\nw := lib.x\n"
    "--- lib.rego\npackage form.lib\n\nx := 1",
    "import data.two as rows\nv := rows[input.p.k]",
    'import data["two"].x as first\nv := [first, input.p.k]',
    "import input.p as given\nv if given.n == 3 with given.n as 3",
    "import data.form.lib\nv if lib.x with lib.x as true\n"
    "--- lib.rego\npackage form.lib\n\nx if false",
    "import data.form.lib\nv if lib.f(1) == 7 with lib.f as 7\n"
    "--- lib.rego\npackage form.lib\n\nf(x) := x",
)
