package mcp_test

import data.helm.mcp
import data.helm.rules.tools

test_what_acts_on_a_server_without_a_name_escalates if {
	asked("mcp.tools.call", null) == {"mcp.server_unlisted"}
	asked("mcp.resources.read", null) == {"mcp.server_unlisted"}
	asked("mcp.tools.call", "github") == set()
}

test_what_only_lists_passes if {
	asked("mcp.initialize", null) == set()
	asked("mcp.tools.list", null) == set()
	asked("mcp.notification", null) == set()
}

test_the_transport_of_2024_is_denied if {
	transport({"query": ["session_id"], "headers": {}}) == {"mcp.transport"}
	transport({"query": ["sessionId"], "headers": {}}) == {"mcp.transport"}
	transport({"query": ["session_id"], "headers": {"mcp-protocol-version": "2025-06-18"}}) == set()
	transport({"query": [], "headers": {}}) == set()
}

test_nothing_is_compared_without_pins if changed({}) == set()

test_a_pinned_tool_is_as_it_was if changed({"github": {"search": "aa", "drop": "bb"}}) == set()

test_any_of_several_pins_will_do if changed({"github": {"search": ["cc", "aa"], "drop": "bb"}}) == set()

test_a_tool_that_changed if changed({"github": {"search": "cc", "drop": "bb"}}) == {"/result/tools/0"}

test_a_tool_that_is_new if changed({"github": {"search": "aa"}}) == {"/result/tools/1"}

test_pins_of_another_server_say_nothing if changed({"crm": {"search": "cc"}}) == set()

test_a_denied_tool_is_dropped_and_not_compared if {
	lists := {"deny": ["mcp.github.drop"], "deny_prefixes": []}
	mcp.rewrite == {{"op": "drop", "pointer": "/result/tools/1"}} with input as listed with data.tools as lists
	mcp.escalate == set() with input as listed with data.tools as lists with data.mcp.pins as {"github": {"search": "aa"}}
}

test_a_server_that_asks_for_a_models_answer if {
	wanted({"method": "sampling/createMessage", "mode": null, "host": null}) == {"mcp.sampling"}
}

test_a_server_that_sends_a_person_to_a_page if {
	wanted({"method": "elicitation/create", "mode": "url", "host": "evil.example"}) == {"mcp.elicitation_url"}
	wanted({"method": "elicitation/create", "mode": "page", "host": null}) == {"mcp.elicitation_url"}
	wanted({"method": "elicitation/create", "mode": "url", "host": "login.example"}) == set()
	wanted({"method": "elicitation/create", "mode": "form", "host": null}) == set()
}

test_what_servers_usually_ask_for if {
	wanted({"method": "roots/list", "mode": null, "host": null}) == set()
	wanted({"method": "tasks/get", "mode": null, "host": null}) == set()
	wanted({"method": "files/delete", "mode": null, "host": null}) == {"mcp.request_unknown"}
}

test_the_lists_of_tools_govern_calls_on_the_wire if {
	called("search", "github") == {"deny": set(), "escalate": set()}
	called("drop", "github") == {"deny": {"tools.denied"}, "escalate": set()}
	called("create", "github") == {"deny": set(), "escalate": {"tools.person"}}
	called("search", "crm") == {"deny": set(), "escalate": {"tools.unlisted"}}
	called("search", null) == {"deny": set(), "escalate": {"tools.unlisted"}}
}

test_a_person_may_be_asked_on_the_wire_only if {
	wanted_by_model("mcp__github__create", "both") == {"tools.person"}
	wanted_by_model("mcp__github__create", "wire") == set()
	wanted_by_model("mcp__crm__create", "wire") == {"tools.unlisted"}
	wanted_by_model("mcp__github__drop", "wire") == {"tools.denied"}
	wanted_by_codex("both") == {"tools.person", "tools.unlisted"}
	wanted_by_codex("wire") == set()
}

# Codex writes a namespace and a name, and may run either.
wanted_by_codex(ask) := said if {
	said := {reason.rule | some reason in (tools.deny | tools.escalate)} with input as {
		"phase": "response",
		"operation": {"category": "inference"},
		"response": {"tool_calls": [
			{
				"name": "mcp__github.create", "type": "function", "server": "github",
				"valid_json": true, "arguments": {}, "pointer": "/x",
			},
			{
				"name": "create", "type": "function", "server": null,
				"valid_json": true, "arguments": {}, "pointer": "/x",
			},
		]},
	}
		with data.tools as lists
		with data.mcp as {"servers": {"github": []}, "ask": ask}
}

wanted_by_model(name, ask) := said if {
	said := {reason.rule | some reason in (tools.deny | tools.escalate)} with input as {
		"phase": "response",
		"operation": {"category": "inference"},
		"response": {"tool_calls": [{
			"name": name, "type": "function", "server": split(name, "__")[1],
			"valid_json": true, "arguments": {}, "pointer": "/x",
		}]},
	}
		with data.tools as lists
		with data.mcp as {"servers": {"github": []}, "ask": ask}
}

called(name, server) := said if {
	said := {
		"deny": {reason.rule | some reason in mcp.deny},
		"escalate": {reason.rule | some reason in mcp.escalate; reason.rule != "mcp.server_unlisted"},
	} with input as {
		"phase": "request",
		"operation": {"id": "mcp.tools.call", "category": "mcp"},
		"server": server,
		"http": {"query": [], "headers": {}},
		"client": {"principal": null, "key_id": null},
		"tool_calls": [{
			"name": name, "type": "mcp", "server": server,
			"valid_json": true, "arguments": {}, "pointer": "/params",
		}],
	}
		with data.tools as lists
}

lists := {
	"allow": ["mcp.github.search", "search"],
	"allow_prefixes": [],
	"person": ["mcp__github__create"],
	"person_prefixes": [],
	"deny": ["mcp.github.drop"],
	"deny_prefixes": [],
	"arguments": {},
	"hosted": ["function"],
}

asked(id, server) := {reason.rule | some reason in escalated} if {
	escalated := mcp.escalate with input as {
		"phase": "request",
		"operation": {"id": id, "category": "mcp"},
		"server": server,
		"http": {"query": [], "headers": {}},
		"client": {"principal": null, "key_id": null},
		"tool_calls": [],
	}
}

transport(sent) := {reason.rule | some reason in denied} if {
	denied := mcp.deny with input as {
		"phase": "request",
		"operation": {"id": "mcp.tools.call", "category": "mcp"},
		"server": "github",
		"http": sent,
		"client": {"principal": null, "key_id": null},
		"tool_calls": [],
	}
}

listed := {
	"phase": "response",
	"operation": {"id": "mcp.tools.list", "category": "mcp"},
	"server": "github",
	"response": {"requests": [], "tools": [
		{"name": "search", "digest": "aa", "pointer": "/result/tools/0"},
		{"name": "drop", "digest": "bb", "pointer": "/result/tools/1"},
	]},
}

changed(pins) := {reason.pointer | some reason in escalated} if {
	escalated := mcp.escalate with input as listed
		with data.mcp.pins as pins
		with data.tools as {"deny": [], "deny_prefixes": []}
}

wanted(request) := {reason.rule | some reason in said} if {
	said := mcp.escalate | mcp.deny with input as {
		"phase": "response",
		"operation": {"id": "mcp.tools.call", "category": "mcp"},
		"response": {"tools": [], "requests": [object.union(request, {"pointer": "/x"})]},
	}
		with data.mcp.url_hosts as ["login.example"]
}
