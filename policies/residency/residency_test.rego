package residency_test

import data.helm.rules.residency

test_no_limit_as_shipped if {
	residency.deny == set() with input as {"phase": "request", "http": {"host": "api.openai.com"}}
}

test_hosts_of_an_allowed_region if {
	every host in ["eu.api.openai.com", "api.mistral.ai", "bedrock-runtime.eu-central-1.amazonaws.com", "EU.api.openai.com"] {
		count(denied(host, ["eu"])) == 0
	}
}

test_hosts_elsewhere if {
	every host in ["api.openai.com", "us.api.openai.com", "bedrock-runtime.us-east-1.amazonaws.com"] {
		denied(host, ["eu"]) == {["residency.outside", "JURISDICTION_VIOLATION", "class_forbidden"]}
	}
}

test_several_regions if count(denied("us.api.openai.com", ["eu", "us"])) == 0

test_an_unknown_region_allows_none if count(denied("eu.api.openai.com", ["ue"])) == 1

denied(host, regions) := result if {
	result := {[r.rule, r.code, r.finality] | some r in residency.deny} with input as {"phase": "request", "http": {"host": host}}
		with data.residency.allow as regions
}

test_a_region_that_the_request_names if {
	count(asked("api.anthropic.com", {"inference_geo": "us"})) == 0
	count(asked("api.anthropic.com", {"inference_geo": "global"})) == 2
	count(asked("api.anthropic.com", {})) == 1
	count(asked("us.api.openai.com", {"inference_geo": "eu"})) == 1
	count(asked("elsewhere.example", {"inference_geo": "us"})) == 1
	count(asked("us.api.openai.com", null)) == 0
}

test_each_request_of_a_batch_names_its_region if {
	us := {"params": {"inference_geo": "us"}}
	count(asked("api.anthropic.com", {"requests": [us, us]})) == 0
	count(asked("api.anthropic.com", {"requests": [us, {"params": {}}]})) == 1
	count(asked("api.anthropic.com", {"requests": [us, {"params": {"inference_geo": "eu"}}]})) == 2
}

asked(host, body) := result if {
	result := residency.deny with input as {"phase": "request", "http": {"host": host}, "body": body}
		with data.residency.allow as ["us"]
}
