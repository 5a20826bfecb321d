package tool_names_test

import data.helm.tool_names

test_a_tool_has_one_name_on_its_three_ways if {
	every call in [hosted, agents, codex, wire] {
		"mcp.github.create_issue" in tool_names.of(call)
		"mcp__github__create_issue" in tool_names.of(call)
		"create_issue" in tool_names.of(call)
		"mcp.github.create_issue" in tool_names.allowing(call)
		"mcp__github__create_issue" in tool_names.allowing(call)
	}
}

test_a_bare_name_allows_nothing_that_has_a_server if {
	every call in [hosted, agents, codex, wire] {
		not "create_issue" in tool_names.allowing(call)
	}
	tool_names.allowing(object.union(wire, {"server": null})) == set()
}

test_a_function_has_its_own_name if {
	tool_names.of({"name": "search", "type": "function"}) == {"search"}
	tool_names.allowing({"name": "search", "type": "function"}) == {"search"}
	tool_names.of({"name": "crm.search", "type": "function"}) == {"crm.search", "search"}
}

test_two_underscores_in_a_name_are_read_in_every_way if {
	names := tool_names.of({"name": "mcp__a__b__c", "type": "function", "server": "a"})
	{"mcp.a.b__c", "mcp.a__b.c", "c", "b__c"} & names == {"mcp.a.b__c", "mcp.a__b.c", "c", "b__c"}
}

test_the_first_reading_counts_unless_data_knows_another if {
	call := {"name": "mcp__a__b__c", "type": "function", "server": "a"}
	"mcp.a.b__c" in tool_names.allowing(call)
	not "mcp.a__b.c" in tool_names.allowing(call)
	"mcp.a__b.c" in tool_names.allowing(call) with data.mcp.servers as {"a__b": []}
	not "mcp.a.b__c" in tool_names.allowing(call) with data.mcp.servers as {"a__b": []}
}

test_a_server_without_a_name_may_be_any_of_those_with_one if {
	call := object.union(wire, {"server": null})
	"mcp.github.create_issue" in tool_names.of(call) with data.mcp.servers as {"github": []}
	tool_names.allowing(call) == set() with data.mcp.servers as {"github": []}
}

hosted := {"name": "mcp.github.create_issue", "type": "mcp", "server": "github"}

agents := {"name": "mcp__github__create_issue", "type": "function", "server": "github"}

codex := {"name": "mcp__github.create_issue", "type": "function", "server": "github"}

wire := {"name": "create_issue", "type": "mcp", "server": "github"}
