package tool_names_test

import data.helm.tool_names

test_a_tool_has_one_name_on_its_three_ways if {
	every call in [hosted, agents, codex] {
		count(names - tool_names.of(call)) == 0
		count(allowed - tool_names.allowing(call)) == 0
	}
	count(names - tool_names.of(wire)) == 0 with input as on_the_wire
	tool_names.allowing(wire) == allowed with input as on_the_wire
}

names := allowed | {"create_issue"}

allowed := {"mcp.github.create_issue", "mcp__github__create_issue"}

on_the_wire := {"operation": {"category": "mcp"}}

test_a_bare_name_allows_nothing_that_has_a_server if {
	every call in [hosted, agents, codex] {
		not "create_issue" in tool_names.allowing(call)
	}
	not "create_issue" in tool_names.allowing(wire) with input as on_the_wire
	tool_names.allowing(object.union(wire, {"server": null})) == set() with input as on_the_wire
}

test_a_tool_cannot_take_the_name_of_another_servers if {
	call := {"name": "mcp.github.create_issue", "type": "mcp", "server": "crm"}
	not "mcp.github.create_issue" in tool_names.allowing(call) with input as on_the_wire
	"mcp.github.create_issue" in tool_names.of(call) with input as on_the_wire
	tool_names.allowing(object.union(call, {"server": null})) == set() with input as on_the_wire
		with data.mcp.servers as {"github": []}
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
		with input as on_the_wire
	tool_names.allowing(call) == set() with data.mcp.servers as {"github": []}
		with input as on_the_wire
}

hosted := {"name": "mcp.github.create_issue", "type": "mcp", "server": "github"}

agents := {"name": "mcp__github__create_issue", "type": "function", "server": "github"}

codex := {"name": "mcp__github.create_issue", "type": "function", "server": "github"}

wire := {"name": "create_issue", "type": "mcp", "server": "github"}
