# METADATA
# title: Parameters
# description: |
#   Limits on what a request may ask for: data.parameters.max has the largest value
#   of each number (max_output_tokens, n, ...), data.parameters.forbid the values that
#   a parameter must not have (store: [true]).
# custom:
#   off_unless: [parameters.max, parameters.forbid]
package helm.rules.parameters

# METADATA
# title: Parameter too large
# custom:
#   id: parameters.max
#   code: BUDGET_EXCEEDED
#   finality: instance_parameter
#   severity: low
deny contains {
	"rule": "parameters.max",
	"code": "BUDGET_EXCEEDED",
	"message": sprintf("The parameter %s is larger than allowed.", [name]),
	"finality": "instance_parameter",
	"counterfactual": "Ask for less.",
} if {
	some name, limit in data.parameters.max
	input.phase == "request"
	input.parameters[name] > limit
}

# METADATA
# title: Parameter not allowed
# custom:
#   id: parameters.forbidden
#   code: POLICY_VIOLATION
#   finality: instance_parameter
#   severity: medium
deny contains {
	"rule": "parameters.forbidden",
	"code": "POLICY_VIOLATION",
	"message": sprintf("The parameter %s has a value that is not allowed.", [name]),
	"finality": "instance_parameter",
	"counterfactual": "Leave the parameter out or change it.",
} if {
	some name, values in data.parameters.forbid
	input.phase == "request"
	input.parameters[name] in values
}
