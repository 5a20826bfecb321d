# METADATA
# title: Secrets
# description: |
#   No credentials in what is sent to a model. Any detector whose name starts with
#   "secret." counts, wherever it found something: in the body and its names, in the
#   path, the query and the headers, but for those that a key is sent in.
package helm.rules.secrets

import data.helm.places

# METADATA
# title: Secret in a request or a response
# description: |
#   The rules secrets.request and secrets.response. The second is only watched as
#   shipped, because models also write made-up keys into examples.
# custom:
#   id: [secrets.request, secrets.response]
#   code: DATA_EGRESS_BLOCKED
#   finality: instance_parameter
#   severity: critical
deny contains {
	"rule": sprintf("secrets.%s", [input.phase]),
	"code": "DATA_EGRESS_BLOCKED",
	"message": sprintf("The %s holds what looks like a credential (%s).", [input.phase, finding.detector]),
	"finality": "instance_parameter",
	"pointer": finding.pointer,
	"counterfactual": "Take the credential out and try again.",
} if {
	some finding in input.findings
	startswith(finding.detector, "secret.")
	not places.expected(finding)
}
