package tools_test

import data.helm.rules.tools

test_listed_tool_passes if said("search") == {"deny": set(), "escalate": set()}

test_listed_prefix_passes if said("read_file") == {"deny": set(), "escalate": set()}

test_denied_tool_is_denied if said("shutdown") == {"deny": {"tools.denied"}, "escalate": set()}

test_tool_for_a_person_escalates if said("pay") == {"deny": set(), "escalate": {"tools.person"}}

test_unlisted_tool_escalates if said("other") == {"deny": set(), "escalate": {"tools.unlisted"}}

test_deny_beats_allow if said("read_secret") == {"deny": {"tools.denied"}, "escalate": set()}

test_all_servers_but_one if {
	calls("mcp__notes__search", servers) == set()
	calls("mcp__other__search", servers) == {"tools.denied"}
	calls("mcp__notes__drop", servers) == {"tools.denied"}
}

servers := {
	"allow": [],
	"allow_prefixes": ["mcp__notes__"],
	"person": [],
	"person_prefixes": [],
	"deny": ["mcp__notes__drop"],
	"deny_prefixes": ["mcp__"],
	"arguments": {},
	"hosted": [],
}

calls(name, listed) := result if {
	result := {reason.rule | some reason in (tools.deny | tools.escalate)} with input as called([name]) with data.tools as listed
}

test_a_person_is_asked_even_for_an_allowed_tool if {
	said("read_mail") == {"deny": set(), "escalate": {"tools.person"}}
}

test_every_call_is_judged if {
	count(tools.escalate) == 2 with input as called(["search", "pay", "other"]) with data.tools as lists
}

test_offering_a_tool_is_not_calling_it if {
	offer := {"phase": "request", "tools": [{"type": "function", "name": "other", "pointer": "/tools/0"}]}
	tools.escalate == set() with input as offer with data.tools as lists
}

test_constrained_arguments if {
	{r.rule | some r in tools.deny} == {"tools.arguments"} with input as running("rm -rf /") with data.tools as lists
	tools.deny == set() with input as running("ls") with data.tools as lists
}

test_all_constraints_must_hold if {
	{r.rule | some r in tools.deny} == {"tools.arguments"} with input as running("ls; sudo x") with data.tools as lists
}

test_unreadable_arguments if {
	unreadable({"arguments_text": "{\"a\": 1,}"}) == {"tools.unreadable"}
	unreadable({"arguments_text": "{\"a\": 1,}", "type": "function", "complete": true}) == {"tools.unreadable"}
}

test_arguments_that_nobody_misreads if {
	unreadable({"arguments_text": "{\"a\": ", "type": "function", "complete": false}) == set()
	unreadable({"arguments_text": "*** Begin Patch", "type": "custom", "complete": true}) == set()
	unreadable({"arguments_text": " ", "type": "function", "complete": true}) == set()
	unreadable({"arguments_text": "{}", "valid_json": true}) == set()
}

unreadable(more) := result if {
	call := object.union({"name": "list", "pointer": "/x", "valid_json": false, "arguments": null}, more)
	result := {reason.rule | some reason in tools.deny} with input as {
		"phase": "response",
		"response": {"tool_calls": [call]},
	}
		with data.tools as lists
}

test_tools_of_the_provider if {
	offered("function") == set()
	offered("web_search") == set()
	offered("mcp") == {"tools.hosted"}
}

test_a_dated_type_is_of_its_family if {
	offered("web_search_20250305") == set()
	offered("web_search_2025_08_26") == set()
	offered("web_search_preview") == {"tools.hosted"}
	offered("web_search_20250305_x") == {"tools.hosted"}
}

test_what_may_be_offered_may_have_run if {
	ran("web_search", "hosted") == set()
	ran("web_search", "function") == {"tools.unlisted"}
	ran("code_interpreter", "hosted") == {"tools.unlisted"}
}

test_a_name_with_its_namespace if {
	said("crm.search").escalate == {"tools.unlisted"}
	said("crm.pay").escalate == {"tools.person"}
	said("crm.shutdown").deny == {"tools.denied"}
	said("mcp.files.read_secret_key").deny == {"tools.denied"}
}

test_a_bare_name_beside_a_listed_one_with_its_namespace if {
	both("read_it.look", "/output/0") == set()
	both("crm.look", "/output/0") == {"tools.unlisted"}
	both("read_it.look", "/output/1") == {"tools.unlisted"}
}

both(name, pointer) := result if {
	result := {reason.rule | some reason in tools.escalate} with input as {
		"phase": "response",
		"response": {"tool_calls": [{"name": name, "pointer": pointer}, {"name": "look", "pointer": "/output/0"}]},
	}
		with data.tools as lists
}

ran(name, type) := result if {
	result := {reason.rule | some reason in tools.escalate} with input as {
		"phase": "response",
		"response": {"tool_calls": [{"name": name, "type": type, "pointer": "/output/0"}]},
	}
		with data.tools as lists
}

test_a_principal_may_have_tools_of_its_own if {
	tools.escalate == set() with input as object.union(called(["deploy"]), {"client": {"principal": "alice"}})
		with data.principals as {"alice": {"tools": ["deploy"]}}
}

running(command) := {"phase": "response", "response": {"tool_calls": [{
	"name": "search",
	"pointer": "/choices/0/message/tool_calls/0",
	"valid_json": true,
	"arguments": {"command": command},
}]}}

offered(type) := result if {
	result := {r.rule | some r in tools.escalate} with input as {
		"phase": "request",
		"tools": [{"type": type, "name": "x", "pointer": "/tools/0"}],
	}
		with data.tools as lists
}

lists := {
	"arguments": {"search": [
		{"argument": "command", "never": [`\brm\b`]},
		{"argument": "command", "never": [`\bsudo\b`]},
	]},
	"hosted": ["function", "web_search"],
	"allow": ["search"],
	"allow_prefixes": ["read_"],
	"person": ["pay", "read_mail"],
	"person_prefixes": [],
	"deny": ["shutdown"],
	"deny_prefixes": ["read_secret"],
}

called(names) := {"phase": "response", "response": {"tool_calls": [call |
	some i, name in names
	call := {"name": name, "valid_json": true, "arguments": {"command": ""}, "pointer": sprintf("/choices/0/message/tool_calls/%d", [i])}
]}}

said(name) := result if {
	result := {
		"deny": {reason.rule | some reason in tools.deny},
		"escalate": {reason.rule | some reason in tools.escalate},
	} with input as called([name]) with data.tools as lists
}

test_letter_case_makes_no_other_tool if {
	calls("mcp__notes__Drop", servers) == {"tools.denied"}
	calls("mcp.Notes.DROP", servers) == {"tools.denied"}
	calls("READ_secret", object.union(lists, {"allow_prefixes": ["READ_"]})) == {"tools.denied"}
	calls("Pay", object.union(lists, {"allow_prefixes": ["P"]})) == {"tools.person"}
}

test_a_spelling_that_is_allowed_is_another_tool if {
	both := object.union(lists, {"allow": ["write"], "person": ["Write"], "arguments": {"Write": [{"argument": "file_path"}]}})
	calls("write", both) == set()
	calls("Write", both) == {"tools.person", "tools.arguments"}
	calls("WRITE", object.union(both, {"allow_prefixes": ["W"]})) == {"tools.person", "tools.arguments"}
}
