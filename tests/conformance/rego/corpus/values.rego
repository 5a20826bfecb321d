# ---- union and intersection
a := {1, 2, 3}

b := {2, 3, 4}

v := [a | b, a & b, a - b, b - a]
# ---- a set of sets
v := {{1}, {2, 1}, set()}
# ---- union of many
v := union({{1, 2}, {2, 3}})
# ---- intersection of many
v := intersection({{1, 2}, {2, 3}})
# ---- an array from a set
v := [x | some x in {"b", "a"}]
# ---- an object from arrays
keys := ["a", "b"]

values := [1, 2]

v := {keys[i]: values[i] | some i in numbers.range(0, 1)}
# ---- an object inverted
o := {"a": 1, "b": 2}

v := {value: key | some key, value in o}
# ---- an object filtered
v := {k: x | some k, x in input.parameters; is_number(x)}
# ---- an object's numbers
v := [x | some x in input.parameters; is_number(x)]
# ---- keys
v := object.keys(input.parameters)
# ---- keys of an empty object
v := object.keys({})
# ---- values by kind
v := {k: type_name(x) | some k, x in input.parameters}
# ---- union of objects
v := object.union({"a": {"b": 1}, "c": 1}, {"a": {"d": 2}, "c": 2})
# ---- union of several objects
v := object.union_n([{"a": 1}, {"b": 2}, {"a": 3}])
# ---- members taken out
v := object.remove(input.parameters, ["store", "n"])
# ---- members kept
v := object.filter(input.parameters, {"n", "stop"})
# ---- a deep default
v := object.get(input.parameters, ["a", "b", 0], "none")
# ---- a subset
v if object.subset(input.parameters, {"store": true})
# ---- a subset of nothing
v if object.subset(input.models, [])
# ---- parts of json
v := json.filter(input.parameters, ["a/b", "n"])
# ---- parts of json taken out
v := json.remove(input.parameters, ["a/b", "/n"])
# ---- schemas
v := json.match_schema(input.parameters, {"type": "object", "required": ["n"]})[0]
# ---- schemas with numbers
v if {
	[ok, _] := json.match_schema({"n": object.get(input.parameters, "n", null)}, {"properties": {"n": {"type": "integer", "maximum": 5}}})
	ok
}
# ---- sum and product
v := [sum([1, 2, 3]), product([2, 3]), sum([]), product([])]
# ---- largest and smallest
v := [max([3, 1, 2]), min([3, 1, 2]), max({"a", "b"})]
# ---- the largest of none
v := max([])
# ---- arithmetic in whole numbers
v := [7 + 2, 7 - 2, 7 * 2, 7 / 2, 7 % 2, 8 / 2]
# ---- refused: of input
v := [n + 1 | some n in input.parameters; is_number(n); floor(n) == n]
# ---- of input, in parentheses
v := [(n + 1) | some n in input.parameters; is_number(n); floor(n) == n]
# ---- host paths by name
v := [name | some volume in input.body.spec.volumes; volume.hostPath; name := volume.name]
# ---- buckets by address
deny contains address if {
	some change in input.body.resource_changes
	change.change.after.acl == "public-read"
	address := change.address
}
# ---- actions by address
deny contains address if {
	some change in input.body.resource_changes
	some action in change.change.actions
	action == "delete"
	address := change.address
}
# ---- tags by address
deny contains [address, tag] if {
	some c in input.body.resource_changes
	tags := c.change.after.tags
	some tag in ["Owner", "Environment"]
	not tags[tag]
	address := c.address
}
# ---- containers without a limit on memory
deny contains name if {
	some container in input.body.spec.containers
	not container.resources.limits.memory
	name := object.get(container, "name", "?")
}
# ---- hosts of urls
host(url) := split(split(url, "://")[1], "/")[0] if is_string(url)

v contains h if {
	some call in input.response.tool_calls
	h := host(call.arguments.url)
}
# ---- rounded
v := [[round(n), ceil(n), floor(n), abs(n)] | some n in [0.5, 1.5, -0.5, 2.25, -2.5]]
# ---- input rounded
v := [round(n) | some n in input.parameters; is_number(n); n > 0]
# ---- ranges
v := [numbers.range(1, 3), numbers.range(3, 1), numbers.range_step(0, 10, 5)]
# ---- bits
v := [bits.and(12, 10), bits.or(12, 10), bits.xor(12, 10), bits.lsh(1, 4), bits.rsh(16, 2), bits.negate(5)]
# ---- numbers in other bases
v := [format_int(255, 16), format_int(5, 2), format_int(64, 8)]
# ---- comparing kinds
v := [null < false, false < 0, 0 < "", "" < [], [] < {}, [] < set()]
# ---- sorted kinds
v := sort(["b", 1, null, true, [1], {"a": 1}, "a", false, 0])
# ---- comparing arrays
v := [[1, 2] < [1, 3], [1] < [1, 0], [2] > [1, 9]]
# ---- comparing input
v if input.parameters.a < input.parameters.b
# ---- equal, whatever the kind
v if input.parameters.a == input.parameters.b
# ---- not equal
v if input.parameters.a != input.parameters.b
# ---- equal as numbers
v if input.parameters.n == 1.0
# ---- arrays joined
v := array.concat([1], input.models)
# ---- arrays cut
v := array.slice(input.models, 0, 2)
# ---- arrays turned
v := array.reverse(input.models)
# ---- the first
v := input.models[0]
# ---- the last
v := input.models[count(input.models) - 1]
# ---- an index from input
v := ["a", "b", "c"][input.parameters.i]
# ---- a key from input
v := {"a": 1, "b": 2}[input.parameters.key]
# ---- a set's member from input
v if {"a", "b"}[input.parameters.key]
# ---- nested literals
v := {"a": [{"b": input.model}, [input.mode]], "c": {input.phase}}
# ---- a key that is computed
v := {concat("-", [input.phase, input.mode]): 1}
# ---- kinds
v := [is_string(x) | some x in [1, "a", null, true, [], {}, set()]]
# ---- other kinds
v := [[is_null(x), is_boolean(x), is_array(x), is_object(x), is_set(x)] | some x in [1, "a", null, true, [], {}, set()]]
# ---- walking for strings
v := [x | walk(input.parameters, [_, x]); is_string(x)]
# ---- walking for paths
v := {concat("/", [sprintf("%v", [p]) | some p in path]) | walk(input.parameters, [path, _])}
# ---- how deep
v := max({count(path) | walk(input.parameters, [path, _])})
# ---- equal to what it was
v if json.unmarshal(json.marshal(input.models)) == input.models
# ---- versions
v := semver.compare("1.10.0", "1.9.3")
# ---- versions that are valid
v := [semver.is_valid(x) | some x in ["1.0.0", "1.0", "v1.0.0", "1.0.0-rc.1"]]
# ---- units
v := [units.parse("10K"), units.parse_bytes("10KiB")]
# ---- null is a value
v if input.client.principal == null
# ---- null isn't missing
v if not input.client.principal
# ---- false is a value
v := input.operation.stream
# ---- a statement that is false
v if input.operation.stream
# ---- undefined in an array
v := [input.parameters.missing, 1]
# ---- undefined in a comprehension
v := [x | x := input.parameters.missing]
# ---- an empty array holds
v if []
# ---- zero holds
v if 0
# ---- big numbers
v := [9007199254740993, 9223372036854775807]
# ---- text with escapes
v := ["\t\"\\\u00e9", `raw\n`]
# ---- refused: an object before a set
v if {} < set()
# ---- refused: decimals
v := 0.1 + 0.2
# ---- refused: decimals with input
v if input.parameters.n * 0.3 > 1
# ---- refused: yaml
v := yaml.marshal(input.parameters)
# ---- refused: zones by letters
v := time.format([input.context.now_ns, "UTC", "RFC1123"])
# ---- refused: walk as a value
v contains p if [p, _] := walk(input.parameters)
