# METADATA
# title: Operations
# description: Which parts of an API may be used, by category or by operation id.
package helm.rules.operations

allow if {
	input.operation.category in data.operations.allow_categories
} else if {
	input.operation.id in data.operations.allow
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
