"""Whole numbers that are written as floats, printed and not."""

COMMON = ""
REFUSED = (
    'v := sprintf("%d", [1.0])',
    'v := sprintf("%v and %d", ["a", 2.0])',
    'v := sprintf("%[2]d %[1]v", [2.0, 2.0])',
    'v := sprintf("%v", [1.0, 2.0])',
    'v := sprintf("%v", [[1.0]])',
    'v := sprintf("%v", [{"a": 1e2}])',
    "v := json.marshal(1.0)",
    'v := json.marshal({"a": [1, 2.0]})',
    'v if { some x in ["a"]; json.marshal([x, 1.0]) == "[\\"a\\",1.0]" }',
)
AGREE = (
    'v := sprintf("%v", [1.0])',
    'v := sprintf("100%% of %v", [1e2])',
    'v := sprintf("%s and %v", ["a", 2.0])',
    'v := sprintf("%d %v", [1, [1.5]])',
    "v := json.marshal([1, 1.5, -2])",
    "v if input.p.n > 1.0",
    "v if { x := 2.0; x == 2 }",
    "v := [x | some x in [1.0, 2.0]; x > 1]",
)
