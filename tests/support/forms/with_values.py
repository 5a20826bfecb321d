"""Values that ``with`` computes from what the statement needs."""

_LIB = """
--- lib.rego
package form.lib

import data.form.more

f(n) := n * unit
unit := 10
g(n) := n * 2
other := 5
k(n) := n * more.two
--- more.rego
package form.more

two := 2
three := 3
--- rules.rego
package form.rules

import data.form.lib
import data.form.more

unit if input.x > lib.f(1)
plain if input.x > lib.g(1)
other if input.x > lib.other
two if input.x > lib.k(1)
three if input.x > more.three
fixed if input.x > 1
deny contains 1 if input.x > lib.f(1)
"""


def _form(text: str) -> str:
    return f"package form\n\nimport data.form.lib\nimport data.form.rules\n\n{text}\n{_LIB}"


COMMON = ""

REFUSED = tuple(
    map(
        _form,
        (
            'v if rules.unit with input as {"x": lib.f(2)}',
            'v if not rules.unit with input as {"x": lib.f(2)}',
            'v if rules.deny == set() with input as {"x": lib.f(2)}',
            'v if count(rules.deny) == 1 with input as {"x": lib.f(2)}',
            'v := x if { x := rules.deny with input as {"x": lib.f(2)} }',
            "v if rules.unit with input.x as lib.f(2)",
            'v if rules.unit with input as {"x": lib.unit + 5}',
            'v if rules.unit with input as {"x": data.form.lib.unit + 5}',
            'v if rules.other with input as {"x": lib.other * 5}',
            'v if rules.two with input as {"x": lib.k(2)}',
            'v if rules.unit with input as {"x": 20} with data.on as lib.f(2)',
            'v if rules.unit with input as doc\ndoc := {"x": lib.f(2)}',
            'v if rules.unit with input as doc(2)\ndoc(n) := {"x": lib.f(n)}',
            'v if rules.unit with input as {"x": [y | y := lib.f(2)][0]}',
            'v if { some c in [2]; rules.unit with input as {"x": lib.f(c)} }',
            'v if { every c in [2] { rules.unit with input as {"x": lib.f(c)} } }',
            'v := [1 | rules.unit with input as {"x": lib.f(2)}]',
            'v if mine with input as {"x": n * 2}\nmine if input.x > n\nn := 20',
        ),
    )
)

AGREE = tuple(
    map(
        _form,
        (
            'v if { x := lib.f(2); rules.unit with input as {"x": x} }',
            'v if { u := lib.unit; rules.unit with input as {"x": u * 3} }',
            'v if rules.unit with input as {"x": lib.g(20)}',
            'v if rules.plain with input as {"x": lib.f(2)}',
            'v if rules.other with input as {"x": lib.f(2)}',
            'v if rules.unit with input as {"x": lib.other * 5}',
            'v if rules.two with input as {"x": lib.f(2)}',
            'v if rules.three with input as {"x": lib.k(2)}',
            'v if rules.fixed with input as {"x": lib.f(2)}',
            'v if rules.unit with input as {"x": lib.f(2)} with data.form.lib.unit as 10',
            'v if rules.unit with input as {"x": 20} with data.form.lib.unit as 5',
            'v if rules.unit with input as doc\ndoc := {"x": 20}',
            'v if rules.unit with input as doc(20)\ndoc(n) := {"x": n}',
            'v if mine with input as {"x": 50}\nmine if input.x > n\nn := 20',
            'v if { n := 50; mine with input as {"x": n} }\nmine if input.x > n\nn := 20',
        ),
    )
)
