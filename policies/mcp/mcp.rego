# METADATA
# title: MCP servers
# description: |
#   Which servers agents may call, what these list, and what they ask for. The calls of
#   their tools are judged by the topic of tools, like those that a model wants. This is
#   no topic in helm.rules, so that a model's call costs nothing here: main asks it about
#   calls of servers alone.
package helm.mcp

import data.helm.rules.commands
import data.helm.rules.tools
import data.helm.tool_names

deny contains reason if {
	input.phase == "request"
	some reason in tools.deny with input as wanted
}

escalate contains reason if {
	input.phase == "request"
	some reason in tools.escalate with input as wanted
}

deny contains reason if {
	input.phase == "request"
	some reason in commands.deny with input as wanted
}

escalate contains reason if {
	input.phase == "request"
	some reason in commands.escalate with input as wanted
}

# What a client asks of a server, as if a model had asked it for that.
wanted := {
	"phase": "response",
	"operation": input.operation,
	"client": input.client,
	"response": {"tool_calls": input.tool_calls},
}

# METADATA
# title: Server without a name
# description: |
#   Listing what a server has is let through; calling and reading is not, until
#   data.mcp.servers names it.
# custom:
#   id: mcp.server_unlisted
#   code: APPROVAL_REQUIRED
#   finality: instance_membership
#   severity: medium
escalate contains {
	"rule": "mcp.server_unlisted",
	"code": "APPROVAL_REQUIRED",
	"message": "The call goes to an MCP server that the policy doesn't name.",
	"finality": "instance_membership",
	"counterfactual": "Ask for the server's address to be added to mcp.servers.",
} if {
	input.phase == "request"
	input.operation.id in acting
	input.server == null
}

acting := {
	"mcp.tools.call",
	"mcp.resources.read",
	"mcp.resources.subscribe",
	"mcp.prompts.get",
	"mcp.completion.complete",
	"mcp.subscriptions.listen",
}

# METADATA
# title: Transport of 2024-11-05
# description: |
#   Its answers come apart from the requests, in a stream that began before them.
# custom:
#   id: mcp.transport
#   code: CAPABILITY_UNKNOWN
#   finality: instance_parameter
#   severity: medium
deny contains {
	"rule": "mcp.transport",
	"code": "CAPABILITY_UNKNOWN",
	"message": "The request is made over MCP's transport of 2024-11-05 (HTTP with SSE), whose answers can't be judged.",
	"finality": "instance_parameter",
	"counterfactual": "Use the server's Streamable HTTP endpoint.",
} if {
	input.phase == "request"
	some name in input.http.query
	lower(name) in {"session_id", "sessionid"}
	not input.http.headers["mcp-protocol-version"]
}

# METADATA
# title: Tool that is new or has changed
# description: |
#   data.mcp.pins has the digests of a server's tools as somebody has looked at them.
#   Without pins for a server, nothing is compared.
# custom:
#   id: mcp.tool_changed
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: high
escalate contains {
	"rule": "mcp.tool_changed",
	"code": "APPROVAL_REQUIRED",
	"message": "An MCP server lists a tool that is new, or that says something else of itself than when it was pinned.",
	"finality": "ungranted",
	"pointer": tool.pointer,
	"counterfactual": "Look at the tool, and ask for its digest to be added to mcp.pins.",
} if {
	input.phase == "response"
	pins := data.mcp.pins[input.server]
	some tool in input.response.tools
	digest := object.get(tool, "digest", null)
	not pinned(object.get(pins, tool.name, null), digest)
	not hidden(tool)
}

pinned(pin, digest) if pin == digest

pinned(pin, digest) if {
	is_array(pin)
	digest in pin
}

# METADATA
# title: Denied tools are not listed
# description: |
#   What may never be called is taken out of the list, so that no model sees it.
rewrite contains {"op": "drop", "pointer": tool.pointer} if {
	input.phase == "response"
	some tool in input.response.tools
	hidden(tool)
}

hidden(tool) if {
	some name in names(tool)
	tool_names.caught(name, data.tools.deny, data.tools.deny_prefixes)
}

names(tool) := tool_names.of({"type": "mcp", "name": tool.name, "server": input.server})

# METADATA
# title: Server that asks for a model's answer
# description: |
#   Sampling is a call of a model by another way: the server writes the prompt.
# custom:
#   id: mcp.sampling
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: high
escalate contains {
	"rule": "mcp.sampling",
	"code": "APPROVAL_REQUIRED",
	"message": "An MCP server asks the client's model for an answer.",
	"finality": "ungranted",
	"pointer": request.pointer,
} if {
	some request in asked
	request.method == "sampling/createMessage"
}

# METADATA
# title: Server that sends a person to a page
# description: |
#   An elicitation with a URL may lead anywhere; data.mcp.url_hosts lists where it may.
# custom:
#   id: mcp.elicitation_url
#   code: APPROVAL_REQUIRED
#   finality: instance_parameter
#   severity: high
escalate contains {
	"rule": "mcp.elicitation_url",
	"code": "APPROVAL_REQUIRED",
	"message": "An MCP server sends a person to a page on a host that the policy doesn't list.",
	"finality": "instance_parameter",
	"pointer": request.pointer,
	"counterfactual": "Ask for the host to be added to mcp.url_hosts.",
} if {
	some request in asked
	request.method == "elicitation/create"
	request.mode != "form"
	not request.host in data.mcp.url_hosts
}

# METADATA
# title: Server that asks for something unknown
# custom:
#   id: mcp.request_unknown
#   code: CAPABILITY_UNKNOWN
#   finality: ungranted
#   severity: medium
deny contains {
	"rule": "mcp.request_unknown",
	"code": "CAPABILITY_UNKNOWN",
	"message": "An MCP server asks its client for something that isn't known here.",
	"finality": "ungranted",
	"pointer": request.pointer,
} if {
	some request in asked
	not request.method in known
	not startswith(request.method, "tasks/")
}

known := {"elicitation/create", "ping", "roots/list", "sampling/createMessage"}

asked contains request if {
	input.phase == "response"
	some request in input.response.requests
}
