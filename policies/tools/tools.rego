# METADATA
# title: Tools
# description: |
#   Which tools a model may call, judged when it calls them: a request that only
#   offers a tool does nothing yet. Arguments are whole by then, streams included.
#   A call that goes to an MCP server is judged by the same rules (see mcp).
package helm.rules.tools

import data.helm.arguments
import data.helm.tool_names

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
	some name in tool_names.of(call)
	tool_names.caught(name, data.tools.deny, data.tools.deny_prefixes)
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
	some name in tool_names.of(call)
	tool_names.caught(name, data.tools.person, data.tools.person_prefixes)
	not asked_on_the_wire(call)
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
	not allowed(call)
	not listed_elsewhere(call)
	not listed_with_namespace(call)
	not ran_by_provider(call)
	not asked_on_the_wire(call)
}

# METADATA
# title: Arguments not allowed
# description: |
#   data.tools.arguments has, by a tool's name, a list of constraints: on the whole
#   of the arguments (schema, a JSON Schema), or on one argument by its name: match
#   and never (regular expressions), within (folders of a path; "./" is the working folder),
#   hosts (of a URL). With optional: true it holds where the argument is absent. Of a custom
#   tool the whole text is what is constrained.
# custom:
#   id: tools.arguments
#   code: POLICY_VIOLATION
#   finality: instance_parameter
#   severity: high
deny contains {
	"rule": "tools.arguments",
	"code": "POLICY_VIOLATION",
	"message": "The model called a tool with arguments that are not allowed.",
	"finality": "instance_parameter",
	"pointer": call.pointer,
	"counterfactual": "Call the tool with arguments that its constraints allow.",
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	some name in tool_names.of(call)
	some listed, constraints in data.tools.arguments
	tool_names.is_same(name, listed)
	some constraint in constraints
	not arguments.satisfied(call, constraint)
}

# METADATA
# title: Arguments that can't be read
# description: |
#   Arguments that readers of JSON read differently, or not at all: a member twice, a
#   trailing comma, a string of JSON in place of an object. A tolerant client makes of
#   them what no rule over arguments has seen. A call that was cut off (complete is
#   false) comes with what partial parsers make of it, and none at all says nothing.
# custom:
#   id: tools.unreadable
#   code: SCHEMA_VIOLATION
#   finality: instance_parameter
#   severity: medium
deny contains {
	"rule": "tools.unreadable",
	"code": "SCHEMA_VIOLATION",
	"message": "The model called a tool with arguments that are not one JSON value.",
	"finality": "instance_parameter",
	"pointer": call.pointer,
	"counterfactual": "Call the tool with arguments that are one JSON object.",
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	call.valid_json == false
	object.get(call, "type", "function") != "custom"
	object.get(call, "complete", true) != false
	trim_space(object.get(call, "arguments_text", "")) != ""
}

# METADATA
# title: Tool that the provider runs
# description: |
#   A tool of the provider acts before anyone sees its call, so offering it is what
#   is judged: types that aren't in data.tools.hosted need a person.
# custom:
#   id: tools.hosted
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: high
escalate contains {
	"rule": "tools.hosted",
	"code": "APPROVAL_REQUIRED",
	"message": "The request offers a tool that the provider would run by itself.",
	"finality": "ungranted",
	"pointer": tool.pointer,
	"counterfactual": "Leave the tool out, or ask for its type to be added to tools.hosted.",
} if {
	input.phase == "request"
	some tool in input.tools
	not may_be_offered(tool.type)
}

# A type with the date of its version is of its family: web_search_20250305 is a web_search.
may_be_offered(type) if type in data.tools.hosted

may_be_offered(type) if {
	regex.replace(type, `_20[0-9]{2}(_?[0-9]{2}){2}$`, "") in data.tools.hosted
}

# What may be offered has run by the time its call is seen.
ran_by_provider(call) if {
	call.type == "hosted"
	may_be_offered(call.name)
}

# The bare name of a call that comes with its namespace as well, which is what is listed.
listed_with_namespace(call) if {
	some other in with_namespace(call)
	allowed(other)
}

listed_elsewhere(call) if {
	some name in tool_names.of(call)
	matches(name, data.tools.person, data.tools.person_prefixes)
}

listed_elsewhere(call) if {
	some name in tool_names.of(call)
	matches(name, data.tools.deny, data.tools.deny_prefixes)
}

allowed(call) if {
	some name in tool_names.allowing(call)
	matches(name, data.tools.allow, data.tools.allow_prefixes)
}

allowed(call) if {
	some name in tool_names.allowing(call)
	name in object.get(data.helm.principal.settings, "tools", [])
}

# With mcp.ask: wire, a person is asked where a named server is called, and not before
# that, when the model wants it. What a provider calls itself comes by no wire of ours.
asked_on_the_wire(call) if {
	data.mcp.ask == "wire"
	input.operation.category != "mcp"
	some reading in ({call} | with_namespace(call))
	object.get(reading, "type", "function") == "function"
	tool_names.server_of(reading) in object.keys(data.mcp.servers)
}

# The readings of a call that have its namespace before its name.
with_namespace(call) := {other |
	some other in input.response.tool_calls
	other.pointer == call.pointer
	endswith(other.name, concat("", [".", call.name]))
}

matches(name, names, _) if name in names

matches(name, _, prefixes) if strings.any_prefix_match(name, prefixes)
