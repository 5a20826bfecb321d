# METADATA
# title: Personal data
# description: |
#   Cuts out what detectors named "personal." find, or stops the call, as
#   data.personal says for requests and for responses: "redact", "deny",
#   "escalate" or "off".
package helm.rules.personal

action := object.get(data.personal, sprintf("%ss", [input.phase]), "deny")

found contains finding if {
	count(input.findings) > 0
	some finding in input.findings
	startswith(finding.detector, "personal.")
}

rewrite contains {
	"op": "redact",
	"pointer": finding.pointer,
	"start": finding.start,
	"end": finding.end,
	"with": sprintf("[%s removed]", [substring(finding.detector, count("personal."), -1)]),
} if {
	some finding in found
	action == "redact"
}

# METADATA
# title: Personal data not allowed
# custom:
#   id: personal.found
#   code: DATA_EGRESS_BLOCKED
#   finality: instance_parameter
#   severity: high
deny contains reason if {
	some finding in found
	not action in {"redact", "escalate", "off", false}
	reason := said(finding)
}

escalate contains reason if {
	some finding in found
	action == "escalate"
	reason := said(finding)
}

# A stream can only be rewritten when it is judged whole.
stream contains "buffer" if {
	input.phase == "request"
	object.get(data.personal, "responses", "off") == "redact"
}

said(finding) := {
	"rule": "personal.found",
	"code": "DATA_EGRESS_BLOCKED",
	"message": sprintf("The %s holds personal data (%s).", [input.phase, finding.detector]),
	"finality": "instance_parameter",
	"pointer": finding.pointer,
	"counterfactual": "Take the personal data out and send the request again.",
}
