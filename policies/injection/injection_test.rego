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

test_a_finding_elsewhere_in_the_call if {
	injection.escalate == set() with input as {
		"phase": "request",
		"texts": [
			{"pointer": "/messages/1/content", "role": "user", "text": "x"},
			{"pointer": "/messages/2/content", "role": "tool", "text": "x"},
		],
		"findings": [{"detector": "injection.override", "pointer": "/messages/1/content", "start": 0, "end": 1}],
	}
}

said(phase, role, detector) := result if {
	result := {[r.rule, r.code, r.pointer] | some r in injection.escalate} with input as {
		"phase": phase,
		"texts": [{"pointer": "/messages/2/content", "role": role, "text": "x"}],
		"findings": [{"detector": detector, "pointer": "/messages/2/content", "start": 0, "end": 1}],
	}
}
