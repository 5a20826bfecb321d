# ---- a default for a constant
default v := "none"

v := input.model if input.model == "o3"
# ---- several clauses, one value
v := 1 if input.mode == "observe"

v := 1 if input.phase == "request"
# ---- else after else
v := 1 if {
	input.parameters.n == 1
} else := 2 if {
	input.parameters.n == 2
} else := 3 if {
	input.parameters.n == 3
} else := 0
# ---- else without a value
v if {
	input.parameters.n == 1
} else := false if {
	input.parameters.n == 2
}
# ---- else in a function
size(n) := "small" if {
	n < 3
} else := "large"

v := [size(n) | some n in [1, 5]]
# ---- a function over two clauses
kind(x) := "text" if is_string(x)

kind(x) := "number" if is_number(x)

v := {k: kind(x) | some k, x in input.parameters}
# ---- a function by pattern
f("a") := 1

f("b") := 2

v := [f(x) | some x in ["a", "b"]]
# ---- a function of an array
first([x, _]) := x

v := [first(p) | some p in [[1, 2], ["a", "b"]]]
# ---- a function with two arguments
between(n, [low, high]) if {
	n >= low
	n <= high
}

v if between(input.parameters.n, [1, 5])
# ---- a function with a default
default g(_) := "no"

g(x) := "yes" if x == input.phase

v := [g("request"), g("other")]
# ---- a function that is undefined
h(x) := x.missing

v := [h(x) | some x in [{"missing": 1}, {}]]
# ---- functions of functions
double(x) := x * 2

twice(x) := double(double(x))

v := twice(count(input.models))
# ---- a partial object
v[name] := count(name) if some name in input.models
# ---- a partial object with a constant
v["a"] := 1

v["b"] := 2 if input.mode == "observe"
# ---- a partial set with a literal
v contains "a"

v contains "b" if input.operation.stream
# ---- nested refs in a head
v.a.b := 1

v.a.c := 2 if input.operation.stream

v.d := 3
# ---- a set by the old spelling
v contains x if some x in input.models
# ---- rules that use each other
a if b

b if c

c if input.mode == "enforce"

v if a
# ---- the same name in two comprehensions
v := [[x | some x in [1, 2]], [x | some x in ["a"]]]
# ---- a name that hides another
x := 1

v := [x | some x in [2, 3]]
# ---- every over an object
v if every k, x in {"a": 1, "b": 2} { count(k) == 1; x > 0 }
# ---- every over nothing
v if every x in [] { x == 1 }
# ---- every within every
v if every message in input.messages { every part in message.parts { part != "image" } }
# ---- not every
v if not all_users

all_users if every message in input.messages { message.role == "user" }
# ---- some with a key
v contains k if some k, "text" in input.parameters
# ---- some with a pattern of an array
v contains a if some [a, _] in [[1, 2], [3, 4]]
# ---- some without in
v contains i if {
	some i
	input.models[i] == "o3"
}
# ---- an index that is anything
v if input.models[_] == "o3"
# ---- two indices that are anything
v if input.messages[_].parts[_] == "text"
# ---- unified
v := x if [x, "b"] = ["a", "b"]
# ---- unified both ways
v := [x, y] if [x, 2] = [1, y]
# ---- unified with input
v := x if {"model": x} = {"model": input.model}
# ---- with in a rule
base if input.mode == "observe"

v if base with input.mode as "observe"
# ---- with data
limit := data.settings.limit

v := l if l := limit with data.settings.limit as 7
# ---- data
v := data.settings.names
# ---- data by key
v := data.settings.limits[input.mode]
# ---- data over all
v contains name if {
	some name, limit in data.settings.limits
	limit > 3
}
# ---- data of null
v if data.settings.off == null
# ---- data and input
v if input.model in data.settings.names
# ---- data and no input
v if not input.model in data.settings.names
# ---- data's objects
v contains row.name if {
	some row in data.settings.rows
	row.size > 1
}
# ---- data's objects by a function
named(name) := row if {
	some row in data.settings.rows
	row.name == name
}

v := named("b").size
# ---- not a rule
none if input.mode == "none"

v if not none
# ---- not a rule with a default
default flag := false

flag if input.operation.stream

v if not flag
# ---- not a member
v if not "o3" in input.models
# ---- not a comparison that is certain
v if not count(input.models) > 1
# ---- not an equality that may be undefined
v if not input.parameters.n == 3
# ---- not below a name
v if {
	n := input.parameters.n
	not n > 3
}
# ---- not below object.get
v if not object.get(input.parameters, "n", 0) > 3
# ---- not below a test
v if {
	is_number(input.parameters.n)
	not input.parameters.n > 3
}
# ---- not of a comprehension
v if not count([1 | some m in input.models; m == "o3"]) > 0
# ---- not not
bad if input.model == "o3"

good if not bad

v if not good
# ---- not in every
v if every m in input.models { not startswith(m, "o") }
# ---- not in a comprehension
v := [m | some m in input.models; not contains(m, "-")]
# ---- not with a function
odd(n) if n % 2 == 1

v := [n | some n in [1, 2, 3]; not odd(n)]
# ---- refused: statements in any order
v := y if {
	y := x + 1
	x := count(input.models)
}
# ---- a count of rules
hits contains 1 if input.mode == "enforce"

hits contains 2 if input.phase == "request"

hits contains 3 if input.operation.stream

v := count(hits)
# ---- points
points := sum([p | some p in [risk, size]])

risk := 5 if {
	input.operation.stream
} else := 1

size := 3 if {
	count(input.models) > 1
} else := 0

v if points > 5
# ---- a first match in order
rows := [
	{"if": "o3", "then": "deny"},
	{"if": "gpt-4.1-mini", "then": "allow"},
]

v := [row["then"] | some row in rows; row["if"] == input.model][0]
# ---- a table of tests
tests := {"stream": input.operation.stream, "request": input.phase == "request"}

v contains name if {
	some name, holds in tests
	holds == true
}
# ---- print does nothing
v if {
	print("model", input.model)
	input.mode == "enforce"
}
# ---- METADATA
# METADATA
# title: said
# custom: {id: a.b}
v if input.phase == "request"
# ---- chained
a := b + 1

b := c * 2

c := count(input.tools)

v := a
# ---- a conflict that never happens
v := "a" if input.phase == "request"

v := "b" if input.phase == "response"
# ---- a long condition
v if {
	input.phase == "request"
	input.mode == "enforce"
	input.operation.category == "inference"
	input.http.scheme == "https"
	count(input.models) >= 0
}
# ---- raw keys
v := input["operation"]["id"]
# ---- refused: a ternary of sorts
v := [x | input.operation.stream == b; x := w][0] if {
	some b, w in {"true": "yes", "false": "no"}
	b == "true"
}
# ---- an object's first key
v := sort([k | some k, _ in input.parameters])[0]
# ---- recursion by reach
edges := {"a": ["b"], "b": ["c"], "c": []}

v := graph.reachable(edges, ["a"])
# ---- refused: recursion
v := f(3)

f(n) := 1 if n == 0

f(n) := f(n - 1) if n > 0
# ---- refused: used above
v := x if {
	y := x + 1
	x := 1
	y > 0
}
# ---- refused: no such name
v := nothing
# ---- refused: no such function
v := frobnicate(input.model)
# ---- refused: a function's field with else
role(u) := u.role if {
	is_object(u)
} else := "none"

v := role(input.parameters.user)
# ---- refused: the time of day
v := time.now_ns()
# ---- refused: two defaults
default v := 1

default v := 2
# ---- refused: out of reach
v := http.send({"method": "GET", "url": "http://127.0.0.1/"}).status_code
# ---- refused: an index below not
v if not input.tools[i].name == "x"
