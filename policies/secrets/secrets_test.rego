package secrets_test

import data.helm.rules.secrets

test_no_findings_no_deny if secrets.deny == set() with input as judged("request", [])

test_a_secret_in_a_request_is_denied if {
	secrets.deny == {{
		"rule": "secrets.request",
		"code": "DATA_EGRESS_BLOCKED",
		"message": "The request holds what looks like a credential (secret.github).",
		"finality": "instance_parameter",
		"pointer": "/messages/0/content",
		"counterfactual": "Take the credential out and try again.",
	}} with input as judged("request", ["secret.github"])
}

test_a_secret_in_a_response_has_a_rule_of_its_own if {
	{reason.rule | some reason in secrets.deny} == {"secrets.response"} with input as judged("response", ["secret.github"])
}

test_other_findings_are_not_secrets if {
	secrets.deny == set() with input as judged("request", ["personal.email", "secretive", "hidden.secret."])
}

test_a_secret_is_one_wherever_it_is if {
	every place in ["text", "name", "coded", "http"] {
		{reason.pointer | some reason in secrets.deny} == {"/http/headers/x-note"} with input as placed(place)
	}
}

test_a_secret_where_data_expect_it_is_none if {
	secrets.deny == set() with input as placed("http") with data.expected as {"/http/headers/x-note": ["secret.jwt"]}
}

placed(place) := {
	"phase": "request",
	"findings": [{"detector": "secret.jwt", "pointer": "/http/headers/x-note", "start": 0, "end": 9, "place": place}],
}

judged(phase, detectors) := {
	"phase": phase,
	"findings": [finding |
		some detector in detectors
		finding := {"detector": detector, "pointer": "/messages/0/content", "start": 0, "end": 9}
	],
}
