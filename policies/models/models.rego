# METADATA
# title: Models
# description: |
#   Which models may be called, by exact name or by the start of the name. All that may
#   run are looked at: fallbacks, routes and the models of tools, beside the one named first.
package helm.rules.models

# METADATA
# title: Model not allowed
# custom:
#   id: models.unlisted
#   code: POLICY_VIOLATION
#   finality: instance_parameter
#   severity: medium
deny contains {
	"rule": "models.unlisted",
	"code": "POLICY_VIOLATION",
	"message": "The model is not on the list of allowed models.",
	"finality": "instance_parameter",
	"counterfactual": "Call an allowed model, or ask for this one to be added to models.allow.",
} if {
	input.phase == "request"
	some model in asked
	not strings.any_prefix_match(model, data.models.allow_prefixes)
	not model in data.models.allow
	not model in object.get(data.helm.principal.settings, "models", [])
}

asked contains input.model if input.model != null

asked contains model if some model in input.models

# METADATA
# title: Inference without a model
# description: |
#   What answers then is the server's choice, and nobody has allowed it. A call without a
#   body asks for no answer: it opens a WebSocket, whose events are calls of their own.
# custom:
#   id: models.unnamed
#   code: MISSING_REQUIREMENT
#   finality: instance_parameter
#   severity: low
deny contains {
	"rule": "models.unnamed",
	"code": "MISSING_REQUIREMENT",
	"message": "The call names no model.",
	"finality": "instance_parameter",
	"counterfactual": "Name an allowed model.",
} if {
	input.phase == "request"
	input.operation.category == "inference"
	input.model == null
	input.body != null
}
