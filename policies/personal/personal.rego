# METADATA
# title: Personal data
# description: |
#   Cuts out what detectors named "personal." find, or stops the call, as
#   data.personal says for each phase: "redact", "deny" or "off". What can't be cut
#   out where it stands stops the call, too. Calls to MCP servers have a word of
#   their own.
package helm.rules.personal

import data.helm.places

rewrite contains {
	"op": "redact",
	"pointer": finding.pointer,
	"start": finding.start,
	"end": finding.end,
	"with": sprintf("[%s removed]", [substring(finding.detector, 9, -1)]),
} if {
	some finding in input.findings
	startswith(finding.detector, "personal.")
	wanted == "redact"
	places.in_text(finding)
}

# METADATA
# title: Personal data not allowed
# custom:
#   id: personal.found
#   code: DATA_EGRESS_BLOCKED
#   finality: instance_parameter
#   severity: high
deny contains {
	"rule": "personal.found",
	"code": "DATA_EGRESS_BLOCKED",
	"message": sprintf("The %s holds personal data (%s).", [input.phase, finding.detector]),
	"finality": "instance_parameter",
	"pointer": finding.pointer,
	"counterfactual": "Take the personal data out and try again.",
} if {
	some finding in input.findings
	startswith(finding.detector, "personal.")
	not wanted in {"redact", "off", false}
	not places.expected(finding)
}

# METADATA
# title: Personal data where it can't be cut out
# custom:
#   id: personal.fixed
#   code: DATA_EGRESS_BLOCKED
#   finality: instance_parameter
#   severity: high
deny contains {
	"rule": "personal.fixed",
	"code": "DATA_EGRESS_BLOCKED",
	"message": sprintf(
		"The %s holds personal data (%s) in its %s, where it can't be cut out.",
		[input.phase, finding.detector, where(finding)],
	),
	"finality": "instance_parameter",
	"pointer": finding.pointer,
	"counterfactual": "Take the personal data out and try again.",
} if {
	some finding in input.findings
	startswith(finding.detector, "personal.")
	wanted == "redact"
	not places.in_text(finding)
	not places.expected(finding)
}

# What goes to an MCP server is what its tool needs: who gets a mail, for one.
wanted := object.get(data.personal, "mcp", "deny") if {
	input.phase == "request"
	input.operation.category == "mcp"
} else := object.get(data.personal, input.phase, "deny")

where(finding) := "address or headers" if {
	finding.place == "http"
} else := "names" if {
	finding.place == "name"
} else := "encoded texts"

# A stream can only be rewritten when it is judged whole.
stream contains "buffer" if {
	data.personal.response == "redact"
	input.phase == "request"
}
