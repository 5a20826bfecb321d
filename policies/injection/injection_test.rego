package injection_test

import data.helm.rules.injection

test_instructions_in_a_tool_result if {
	said("request", "tool", "injection.override") == {["injection.instructions", "PROMPT_INJECTION_DETECTED", "/messages/2/content"]}
}

test_hidden_characters_in_a_tool_result if {
	said("request", "tool", "hidden.bidi") == {["injection.hidden", "UNICODE_OBFUSCATION_DETECTED", "/messages/2/content"]}
}

test_a_user_may_write_what_they_like if said("request", "user", "injection.override") == set()

test_responses_are_not_its_business if said("response", "tool", "injection.override") == set()

test_other_findings if said("request", "tool", "secret.github") == set()

test_a_servers_answer_is_a_tools_result if {
	injection.escalate != set() with input as object.union(
		document("response", "tool", "injection.override"),
		{"operation": {"category": "mcp"}},
	)
}

said(phase, role, detector) := result if {
	result := {[r.rule, r.code, r.pointer] | some r in injection.escalate} with input as document(phase, role, detector)
}

document(phase, role, detector) := {
	"phase": phase,
	"findings": [{"detector": detector, "pointer": "/messages/2/content", "start": 0, "end": 1, "role": role}],
}
