# METADATA
# title: Tools
# description: |
#   Which tools a model may call, judged when it calls them: a request that only
#   offers a tool does nothing yet. Arguments are whole by then, streams included.
package helm.rules.tools

# METADATA
# title: Denied tool
# custom:
#   id: tools.denied
#   code: POLICY_VIOLATION
#   finality: class_forbidden
#   severity: high
deny contains {
	"rule": "tools.denied",
	"code": "POLICY_VIOLATION",
	"message": "The model called a tool that is never allowed.",
	"finality": "class_forbidden",
	"pointer": call.pointer,
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	matches(call.name, data.tools.deny, data.tools.deny_prefixes)
}

# METADATA
# title: Tool that needs a person
# custom:
#   id: tools.person
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: medium
escalate contains {
	"rule": "tools.person",
	"code": "APPROVAL_REQUIRED",
	"message": "The model called a tool that needs a person's approval.",
	"finality": "ungranted",
	"pointer": call.pointer,
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	matches(call.name, data.tools.person, data.tools.person_prefixes)
}

# METADATA
# title: Unlisted tool
# custom:
#   id: tools.unlisted
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: medium
escalate contains {
	"rule": "tools.unlisted",
	"code": "APPROVAL_REQUIRED",
	"message": "The model called a tool that the policy doesn't list.",
	"finality": "ungranted",
	"pointer": call.pointer,
	"counterfactual": "Ask for the tool to be added to tools.allow.",
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	not matches(call.name, data.tools.allow, data.tools.allow_prefixes)
	not matches(call.name, data.tools.person, data.tools.person_prefixes)
	not matches(call.name, data.tools.deny, data.tools.deny_prefixes)
}

matches(name, names, _) if name in names

matches(name, _, prefixes) if strings.any_prefix_match(name, prefixes)
