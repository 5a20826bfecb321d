package models_test

import data.helm.rules.models

test_listed_name_passes if {
	models.deny == set() with input as request("gpt-audio")
		with data.models as {"allow": ["gpt-audio"], "allow_prefixes": []}
}

test_listed_prefix_passes if {
	models.deny == set() with input as request("gpt-4.1-mini")
		with data.models as {"allow": [], "allow_prefixes": ["gpt-4.1"]}
}

test_unlisted_model_is_denied if {
	codes("other-model") == {["models.unlisted", "POLICY_VIOLATION", "instance_parameter"]}
}

test_prefix_matches_only_at_the_start if {
	codes("not-gpt-4.1") == {["models.unlisted", "POLICY_VIOLATION", "instance_parameter"]}
}

test_names_are_compared_as_written if {
	codes("GPT-4.1") == {["models.unlisted", "POLICY_VIOLATION", "instance_parameter"]}
}

test_empty_name_is_denied if {
	codes("") == {["models.unlisted", "POLICY_VIOLATION", "instance_parameter"]}
}

test_every_model_that_may_run_is_looked_at if {
	among(["gpt-4.1", "a"]) == set()
	among(["gpt-4.1", "other-model"]) == {"models.unlisted"}
	among(["other-model", "a"]) == {"models.unlisted"}
}

test_inference_without_a_model_is_denied if {
	codes(null) == {["models.unnamed", "MISSING_REQUIREMENT", "instance_parameter"]}
}

test_opening_a_websocket_needs_none if {
	models.deny == set() with input as object.union(request(null), {"body": null})
		with data.models as {"allow": [], "allow_prefixes": []}
}

test_listing_models_needs_none if {
	models.deny == set() with input as object.union(request(null), {"operation": {"category": "meta"}})
		with data.models as {"allow": [], "allow_prefixes": []}
}

test_shipped_list_has_the_main_providers if {
	every model in ["gpt-4o", "gpt-5-mini", "o3", "claude-sonnet-4-5", "gemini-2.5-pro", "llama3.2", "mistral-large-latest"] {
		models.deny == set() with input as request(model)
	}
}

test_responses_are_not_its_business if {
	models.deny == set() with input as object.union(request("other-model"), {"phase": "response"})
}

request(model) := {
	"phase": "request",
	"model": model,
	"operation": {"category": "inference"},
	"body": {"model": model},
}

codes(model) := result if {
	result := {[reason.rule, reason.code, reason.finality] | some reason in models.deny} with input as request(model)
		with data.models as {"allow": ["a"], "allow_prefixes": ["gpt-4.1"]}
}

among(models_named) := result if {
	asked := object.union(request(models_named[0]), {"models": models_named})
	result := {reason.rule | some reason in models.deny} with input as asked
		with data.models as {"allow": ["a"], "allow_prefixes": ["gpt-4.1"]}
}
