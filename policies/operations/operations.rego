# METADATA
# title: Operations
# description: Which parts of an API may be used, by category or by operation id.
package helm.rules.operations

allow if {
	input.operation.category in data.operations.allow_categories
} else if {
	input.operation.id in data.operations.allow
} else if {
	some place in data.operations.allow_paths
	is_at(place)
}

is_at(place) if place in {input.http.path, concat("", [input.http.host, input.http.path])}

is_at(place) if {
	endswith(place, "*")
	some asked in [input.http.path, concat("", [input.http.host, input.http.path])]
	startswith(asked, trim_suffix(place, "*"))
}

# METADATA
# title: Unknown operation
# custom:
#   id: operations.unknown
#   code: CAPABILITY_UNKNOWN
#   finality: ungranted
#   severity: high
deny contains {
	"rule": "operations.unknown",
	"code": "CAPABILITY_UNKNOWN",
	"message": "The operation is not one that the boundary knows how to judge.",
	"finality": "ungranted",
} if {
	not allow
	input.operation.id == "unknown"
}

# METADATA
# title: Operation not allowed
# custom:
#   id: operations.unlisted
#   code: INSUFFICIENT_PRIVILEGE
#   finality: ungranted
#   severity: high
deny contains {
	"rule": "operations.unlisted",
	"code": "INSUFFICIENT_PRIVILEGE",
	"message": "Operations of this kind are not allowed.",
	"finality": "ungranted",
	"counterfactual": "Ask for the operation to be added to operations.allow.",
} if {
	not allow
	input.operation.id != "unknown"
}

# METADATA
# title: Unknown member with a model or a tool
# description: |
#   A provider may act by a member that no dialect here has, and nobody can tell how.
#   Those in data.operations.allow_members are known; the models and tools in them are
#   judged like any others.
# custom:
#   id: operations.unclaimed
#   code: CAPABILITY_UNKNOWN
#   finality: instance_parameter
#   severity: high
deny contains {
	"rule": "operations.unclaimed",
	"code": "CAPABILITY_UNKNOWN",
	"message": "The request has a model, a tool or a server in a member that isn't known here.",
	"finality": "instance_parameter",
	"pointer": pointer,
	"counterfactual": "Leave the member out, or ask for it to be added to operations.allow_members.",
} if {
	input.phase == "request"
	some pointer in input.unclaimed
	not trim_prefix(pointer, "/") in data.operations.allow_members
}
