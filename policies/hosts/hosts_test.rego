package hosts_test

import data.helm.rules.hosts

test_no_list_no_limit if count(denied("anything.test", {"allow": null, "allow_suffixes": []})) == 0

test_listed_host if count(denied("api.openai.com", lists)) == 0

test_listed_suffix if count(denied("mine.openai.azure.com", lists)) == 0

test_letter_case_does_not_matter if count(denied("API.OpenAI.com", lists)) == 0

test_other_host if denied("evil.test", lists) == {["hosts.unlisted", "DATA_EGRESS_BLOCKED", "instance_membership"]}

test_a_longer_name_is_another_host if count(denied("api.openai.com.evil.test", lists)) == 1

test_an_empty_list_allows_none if count(denied("api.openai.com", {"allow": [], "allow_suffixes": []})) == 1

lists := {"allow": ["api.openai.com"], "allow_suffixes": [".openai.azure.com"]}

denied(host, settings) := result if {
	result := {[r.rule, r.code, r.finality] | some r in hosts.deny} with input as {"phase": "request", "http": {"host": host}}
		with data.hosts as settings
}
