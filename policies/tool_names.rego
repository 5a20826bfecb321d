# METADATA
# title: Names of tools
# description: |
#   A tool of an MCP server has three names: the provider that calls it itself says
#   mcp.SERVER.TOOL, agents tell their model mcp__SERVER__TOOL, and on the wire it is
#   TOOL at the server's address. Data may write either of the first two, and governs
#   all three.
package helm.tool_names

# Every way in which a call's tool may be written, for what is denied or needs a
# person: with its namespace or server, and without.
of(call) := spellings(call) | {bare | some name in spellings(call); bare := regex.replace(name, `^.*\.`, "")}

# The ways by which a call may be allowed: one server, and never the bare name of what
# has a server.
allowing(call) := ({name |
	on_wire
	some reading in sent(call)
	some name in written(reading)
} | {call.name | not on_wire}) | {name |
	not on_wire
	some reading in told(call)
	reading.server == server_of(call)
	some name in written(reading)
}

spellings(call) := {call.name} | {name |
	some reading in ((sent(call) | anybodys(call)) | told(call))
	some name in written(reading)
}

# What goes to a server itself: its name is the tool's alone, whatever it looks like.
on_wire if input.operation.category == "mcp"

sent(call) := {reading |
	on_wire
	server := object.get(call, "server", null)
	is_string(server)
	reading := {"server": server, "tool": call.name}
}

# A server without a name may be any of those that have one, under another address.
anybodys(call) := {reading |
	on_wire
	object.get(call, "server", null) == null
	some server, _ in data.mcp.servers
	reading := {"server": server, "tool": call.name}
}

told(call) := told_by_provider(split(call.name, ".")) if {
	startswith(call.name, "mcp.")
} else := agents(call.name) if {
	startswith(call.name, "mcp__")
} else := set()

told_by_provider(parts) := {reading |
	count(parts) > 2
	reading := {"server": parts[1], "tool": concat(".", array.slice(parts, 2, count(parts)))}
}

written(reading) := {
	sprintf("mcp.%s.%s", [reading.server, reading.tool]),
	sprintf("mcp__%s__%s", [reading.server, reading.tool]),
	sprintf("mcp__%s__%s", [plain(reading.server), plain(reading.tool)]),
}

# As agents write what isn't a letter, a digit or a hyphen.
plain(text) := regex.replace(text, `[^A-Za-z0-9_-]`, "_")

# Where a server or a tool has two underscores in its name, there are several readings.
agents(name) := {reading |
	parts := split(regex.replace(trim_prefix(name, "mcp__"), `(__)?\.`, "__"), "__")
	some i in numbers.range(1, count(parts) - 1)
	reading := {
		"server": concat("__", array.slice(parts, 0, i)),
		"tool": concat("__", array.slice(parts, i, count(parts))),
	}
}

# The one that data knows, else the first.
server_of(call) := server if {
	some server in known(call)
	count(known(call)) == 1
} else := object.get(call, "server", null)

known(call) := {reading.server |
	some reading in told(call)
	some name, _ in data.mcp.servers
	plain(name) == plain(reading.server)
}

# In a list of names or of their beginnings; but what the allow lists name more exactly is an
# exception: mcp__notes__ of mcp__. Letter case makes no other tool, since some servers and
# clients don't mind it, unless the allow list has that very spelling: write beside Write.
caught(name, names, _) if {
	some listed in names
	is_same(name, listed)
}

caught(name, _, prefixes) if {
	some prefix in prefixes
	startswith(lower(name), lower(prefix))
	not is_exception(name, prefix)
}

is_same(name, listed) if name == listed

is_same(name, listed) if {
	lower(name) == lower(listed)
	not name in data.tools.allow
}

is_exception(name, _) if name in data.tools.allow

is_exception(name, prefix) if {
	some allowed in data.tools.allow_prefixes
	startswith(name, allowed)
	startswith(lower(allowed), lower(prefix))
	lower(allowed) != lower(prefix)
}
