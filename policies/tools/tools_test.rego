package tools_test

import data.helm.rules.tools

test_listed_tool_passes if said("search") == {"deny": set(), "escalate": set()}

test_listed_prefix_passes if said("read_file") == {"deny": set(), "escalate": set()}

test_denied_tool_is_denied if said("shutdown") == {"deny": {"tools.denied"}, "escalate": set()}

test_tool_for_a_person_escalates if said("pay") == {"deny": set(), "escalate": {"tools.person"}}

test_unlisted_tool_escalates if said("other") == {"deny": set(), "escalate": {"tools.unlisted"}}

test_deny_beats_allow if said("read_secret") == {"deny": {"tools.denied"}, "escalate": set()}

test_a_person_is_asked_even_for_an_allowed_tool if {
	said("read_mail") == {"deny": set(), "escalate": {"tools.person"}}
}

test_every_call_is_judged if {
	count(tools.escalate) == 2 with input as called(["search", "pay", "other"]) with data.tools as lists
}

test_offering_a_tool_is_not_calling_it if {
	tools.escalate == set() with input as {"phase": "request", "tools": [{"name": "other"}]} with data.tools as lists
}

lists := {
	"allow": ["search"],
	"allow_prefixes": ["read_"],
	"person": ["pay", "read_mail"],
	"person_prefixes": [],
	"deny": ["shutdown"],
	"deny_prefixes": ["read_secret"],
}

called(names) := {"phase": "response", "response": {"tool_calls": [call |
	some i, name in names
	call := {"name": name, "pointer": sprintf("/choices/0/message/tool_calls/%d", [i])}
]}}

said(name) := result if {
	result := {
		"deny": {reason.rule | some reason in tools.deny},
		"escalate": {reason.rule | some reason in tools.escalate},
	} with input as called([name]) with data.tools as lists
}
