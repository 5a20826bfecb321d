# ---- tools that are listed
v contains tool.name if {
	some tool in input.tools
	tool.name in {"search", "read_file"}
}
# ---- tools that are not
v contains tool.name if {
	some tool in input.tools
	not tool.name in {"search", "read_file"}
}
# ---- tools by prefix
v if {
	some tool in input.tools
	startswith(tool.name, "mcp_")
}
# ---- no tool at all
v if count(input.tools) == 0
# ---- too many tools
v if count(input.tools) > 2
# ---- tools by index
v contains i if {
	some i, tool in input.tools
	tool.type == "function"
}
# ---- names by index
v := {i: tool.name | some i, tool in input.tools}
# ---- two tools of one name
v if {
	some i, j
	input.tools[i].name == input.tools[j].name
	i < j
}
# ---- names that are there twice
names := [tool.name | some tool in input.tools]

v := {name | some name in names; count([1 | some other in names; other == name]) > 1}
# ---- all are functions
v if every tool in input.tools { tool.type == "function" }
# ---- some is hosted
hosted if {
	some tool in input.tools
	tool.type != "function"
}

v if not hosted
# ---- a tool's parameters are an object
v if every tool in input.tools { is_object(tool.parameters) }
# ---- a tool's required arguments
v := {tool.name: tool.parameters.required | some tool in input.tools}
# ---- tools that take a path
v contains tool.name if {
	some tool in input.tools
	tool.parameters.properties.path.type == "string"
}
# ---- tool choice is forced
v if input.tool_choice == "required"
# ---- tool choice names a listed tool
v if {
	some tool in input.tools
	input.tool_choice.name == tool.name
}
# ---- calls of a shell
v contains call.pointer if {
	some call in input.response.tool_calls
	call.name == "run_shell"
}
# ---- calls of tools that weren't offered
offered := {tool.name | some tool in input.tools}

v contains call.name if {
	some call in input.response.tool_calls
	not call.name in offered
}
# ---- forbidden words in a command
v contains word if {
	some call in input.response.tool_calls
	some word in ["rm -rf", "curl", "sudo"]
	is_string(call.arguments.command)
	contains(call.arguments.command, word)
}
# ---- a path outside of the workspace
v if {
	some call in input.response.tool_calls
	path := call.arguments.path
	not startswith(path, "/workspace/")
}
# ---- a path with dots
v if {
	some call in input.response.tool_calls
	is_string(call.arguments.path)
	".." in split(call.arguments.path, "/")
}
# ---- arguments that aren't JSON
v if {
	some call in input.response.tool_calls
	call.valid_json == false
}
# ---- every call is readable
v if every call in input.response.tool_calls { call.valid_json }
# ---- refused: arguments that a tool doesn't have
known := {"search": {"q", "limit"}, "read_file": {"path"}}

v contains name if {
	some call in input.response.tool_calls
	some name, _ in call.arguments
	not name in known[call.name]
}
# ---- how many calls of each
v := {name: n |
	some name in {call.name | some call in input.response.tool_calls}
	n := count([1 | some call in input.response.tool_calls; call.name == name])
}
# ---- more than one call at a time
v if count(input.response.tool_calls) > 1
# ---- payments over a limit
v if {
	some call in input.response.tool_calls
	call.name == "pay"
	call.arguments.amount > 100
}
# ---- payments in other currencies
v contains currency if {
	some call in input.response.tool_calls
	currency := call.arguments.currency
	not currency in {"EUR", "USD"}
}
# ---- risk by a tool's name
risk := {"run_shell": "high", "search": "low"}

v contains {"tool": name, "risk": level} if {
	some name, level in risk
	some tool in input.tools
	tool.name == name
}
# ---- the highest risk
score := {"run_shell": 9, "search": 1, "read_file": 3}

v := max({score[tool.name] | some tool in input.tools})
# ---- a score summed over tools
score(name) := 9 if name == "run_shell"

score(name) := 1 if name != "run_shell"

v := sum([score(tool.name) | some tool in input.tools])
# ---- sql that writes
v if {
	some call in input.response.tool_calls
	is_string(call.arguments.query)
	regex.match(`(?i)^\s*(insert|update|delete|drop)\b`, call.arguments.query)
}
# ---- sql without a limit
v contains call.id if {
	some call in input.response.tool_calls
	is_string(call.arguments.query)
	not contains(lower(call.arguments.query), "limit")
}
# ---- refused: a url's host
host(url) := h if {
	is_string(url)
	h := split(split(url, "://")[1], "/")[0]
}

v contains host(call.arguments.url) if some call in input.response.tool_calls
# ---- https only
v if {
	some call in input.response.tool_calls
	is_string(call.arguments.url)
	not startswith(call.arguments.url, "https://")
}
# ---- a list of recipients
v contains to if {
	some call in input.response.tool_calls
	some to in call.arguments.to
	is_string(to)
	not endswith(to, "@acme.test")
}
# ---- tools of messages
v := {call.name | some message in input.messages; some call in message.tool_calls}
# ---- a call without a result
asked := {call.id | some message in input.messages; some call in message.tool_calls}

answered := {message.tool_call_id | some message in input.messages; message.role == "tool"}

v := asked - answered
# ---- last message is a tool's
v if input.messages[count(input.messages) - 1].role == "tool"
# ---- roles in order
v := [message.role | some message in input.messages]
# ---- any system message that isn't the first
v if {
	some i, message in input.messages
	message.role == "system"
	i > 0
}
# ---- a description that is too long
v contains tool.name if {
	some tool in input.tools
	count(tool.description) > 10
}
# ---- descriptions that give orders
v contains tool.name if {
	some tool in input.tools
	some phrase in ["ignore previous", "do not tell"]
	contains(lower(tool.description), phrase)
}
# ---- refused: not a call's field
v if {
	some call in input.response.tool_calls
	not startswith(call.arguments.path, "/workspace/")
}
# ---- refused: a pattern for a tool
v contains name if some {"name": name} in input.tools
# ---- refused: a set by a missing key
deny := {"run_shell"}

v if not deny[input.parameters.tool]
