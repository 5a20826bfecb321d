# METADATA
# title: Prompt injection
# description: |
#   Instructions and hidden characters in what tools return: text that the model will
#   read and that neither the user nor the application wrote. Detectors named
#   "injection." and "hidden." find; data.injection.roles says in whose texts it
#   matters.
package helm.rules.injection

# METADATA
# title: Instructions in a tool's result
# custom:
#   id: injection.instructions
#   code: PROMPT_INJECTION_DETECTED
#   finality: instance_context
#   severity: high
escalate contains {
	"rule": "injection.instructions",
	"code": "PROMPT_INJECTION_DETECTED",
	"message": sprintf("A tool's result holds what looks like instructions to the model (%s).", [finding.detector]),
	"finality": "instance_context",
	"pointer": finding.pointer,
} if {
	some finding in input.findings
	startswith(finding.detector, "injection.")
	untrusted(finding)
}

# METADATA
# title: Hidden characters in a tool's result
# custom:
#   id: injection.hidden
#   code: UNICODE_OBFUSCATION_DETECTED
#   finality: instance_context
#   severity: high
escalate contains {
	"rule": "injection.hidden",
	"code": "UNICODE_OBFUSCATION_DETECTED",
	"message": sprintf("A tool's result holds characters that a person can't see (%s).", [finding.detector]),
	"finality": "instance_context",
	"pointer": finding.pointer,
} if {
	some finding in input.findings
	startswith(finding.detector, "hidden.")
	untrusted(finding)
}

# Texts of an MCP server's answer are a tool's result; those of a model's are its own. A finding
# that doesn't say whose text it is in, as in documents of before, is doubted.
untrusted(finding) if {
	input.phase == "request"
	object.get(finding, "role", "tool") in data.injection.roles
}

untrusted(finding) if {
	input.phase == "response"
	input.operation.category == "mcp"
	object.get(finding, "role", "tool") in data.injection.roles
}
