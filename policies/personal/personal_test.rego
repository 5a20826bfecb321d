package personal_test

import data.helm.rules.personal

test_found_data_is_cut_out if {
	personal.rewrite == {{
		"op": "redact",
		"pointer": "/messages/0/content",
		"start": 3,
		"end": 9,
		"with": "[email removed]",
	}} with input as judged("request", ["personal.email"]) with data.personal as {"request": "redact", "response": "off"}
}

test_redaction_denies_nothing if {
	personal.deny == set() with input as judged("request", ["personal.email"])
		with data.personal as {"request": "redact", "response": "off"}
}

test_it_can_deny_instead if {
	denied := {["personal.found", "DATA_EGRESS_BLOCKED", "/messages/0/content"]}
	{[r.rule, r.code, r.pointer] | some r in personal.deny} == denied with input as judged("request", ["personal.payment_card"])
		with data.personal as {"request": "deny", "response": "off"}
}

test_denial_rewrites_nothing if {
	personal.rewrite == set() with input as judged("request", ["personal.email"])
		with data.personal as {"request": "deny", "response": "off"}
}

test_off_is_off if {
	silent with input as judged("request", ["personal.email"]) with data.personal as {"request": "off", "response": "off"}
}

test_unquoted_off_is_off if {
	silent with input as judged("request", ["personal.email"]) with data.personal as {"request": false, "response": false}
}

test_a_misspelt_word_denies if {
	count(personal.deny) == 1 with input as judged("request", ["personal.email"])
		with data.personal as {"request": "redcat", "response": "off"}
}

test_responses_are_left_alone_as_shipped if silent with input as judged("response", ["personal.email"])

test_responses_can_be_redacted if {
	count(personal.rewrite) == 1 with input as judged("response", ["personal.email"])
		with data.personal as {"request": "off", "response": "redact"}
}

test_streams_are_buffered_for_redaction if {
	personal.stream == {"buffer"} with input as judged("request", []) with data.personal as {"request": "off", "response": "redact"}
}

test_streams_flow_otherwise if personal.stream == set() with input as judged("request", [])

test_other_findings_stay if silent with input as judged("request", ["secret.github"])

test_what_cannot_be_cut_out_is_denied_saying_where if {
	denied := {["personal.fixed", "DATA_EGRESS_BLOCKED", "/messages/0/content"]}
	every place in ["name", "coded", "http"] {
		{[r.rule, r.code, r.pointer] | some r in personal.deny} == denied with input as found("request", place)
			with data.personal as {"request": "redact", "response": "off"}
		personal.rewrite == set() with input as found("request", place) with data.personal as {"request": "redact", "response": "off"}
	}
}

test_the_message_says_what_it_is if {
	said := "The request holds personal data (personal.email) in its address or headers, where it can't be cut out."
	{r.message | some r in personal.deny} == {said} with input as found("request", "http")
}

test_off_is_off_everywhere if {
	silent with input as found("request", "http") with data.personal as {"request": "off", "response": "off"}
}

test_denied_everywhere_by_one_rule if {
	{r.rule | some r in personal.deny} == {"personal.found"} with input as found("request", "http")
		with data.personal as {"request": "deny", "response": "off"}
}

test_what_data_expect_is_no_reason if {
	silent with input as found("request", "http") with data.expected as {"/messages/0/content": ["personal.email"]}
}

test_nothing_is_expected_in_a_body if {
	count(personal.deny) == 1 with input as found("request", "name") with data.expected as {"/messages/0/content": ["personal.email"]}
}

found(phase, place) := {
	"phase": phase,
	"findings": [{"detector": "personal.email", "pointer": "/messages/0/content", "start": 3, "end": 9, "place": place}],
}

silent if {
	personal.deny == set()
	personal.rewrite == set()
}

judged(phase, detectors) := {
	"phase": phase,
	"findings": [finding |
		some detector in detectors
		finding := {"detector": detector, "pointer": "/messages/0/content", "start": 3, "end": 9}
	],
}
