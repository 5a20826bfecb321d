# METADATA
# title: Secrets
# description: |
#   No credentials in what is sent to a model. Any detector whose name starts with
#   "secret." counts.
package helm.rules.secrets

# METADATA
# title: Secret in a request
# custom:
#   id: secrets.request
#   code: DATA_EGRESS_BLOCKED
#   finality: instance_parameter
#   severity: critical
deny contains {
	"rule": "secrets.request",
	"code": "DATA_EGRESS_BLOCKED",
	"message": sprintf("The request holds what looks like a credential (%s).", [finding.detector]),
	"finality": "instance_parameter",
	"pointer": finding.pointer,
	"counterfactual": "Take the credential out and send the request again.",
} if {
	input.phase == "request"
	some finding in input.findings
	startswith(finding.detector, "secret.")
}

# METADATA
# title: Secret in a response
# description: Watched by default, because models also write made-up keys into examples.
# custom:
#   id: secrets.response
#   code: DATA_EGRESS_BLOCKED
#   finality: instance_context
#   severity: medium
deny contains {
	"rule": "secrets.response",
	"code": "DATA_EGRESS_BLOCKED",
	"message": sprintf("The response holds what looks like a credential (%s).", [finding.detector]),
	"finality": "instance_context",
	"pointer": finding.pointer,
} if {
	input.phase == "response"
	some finding in input.findings
	startswith(finding.detector, "secret.")
}
