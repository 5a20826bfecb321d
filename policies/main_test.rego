package main_test

test_nothing_said_is_denied if {
	decided({}) == {"verdict": "DENY", "reasons": [{
		"code": "NO_POLICY_DEFINED",
		"rule": "main",
		"message": "No rule of the policy allows this call.",
		"finality": "ungranted",
	}]}
}

test_allow_is_allow if {
	decided({"a": {"allow": true}}) == {"verdict": "ALLOW", "reasons": [], "rewrite": [], "stream": "gate"}
}

test_deny_beats_escalate_and_allow if {
	decision := decided({"a": {"allow": true, "deny": {"d"}}, "b": {"escalate": {"e"}}})
	[decision.verdict, decision.reasons] == ["DENY", [reason("d")]]
}

test_escalate_beats_allow if {
	decision := decided({"a": {"allow": true}, "b": {"escalate": {"e"}}})
	[decision.verdict, decision.reasons] == ["ESCALATE", [reason("e")]]
}

test_what_a_person_lets_through_is_still_cut_and_held_back if {
	cut := {"op": "remove", "path": "/user"}
	decision := decided({"a": {"escalate": {"e"}, "rewrite": {cut}, "stream": {"buffer"}}})
	[decision.rewrite, decision.stream] == [[cut], "buffer"]
}

test_escalate_without_allow_still_escalates if {
	decided({"b": {"escalate": {"e"}}}).verdict == "ESCALATE"
}

test_rules_can_be_softened if {
	decision := decided({"a": {"allow": true, "deny": {"softened", "watched", "gone", "gone_too"}}})
	[decision.verdict, decision.reasons, decision.observed] == ["ESCALATE", [reason("softened")], [reason("watched")]]
}

test_rules_can_be_hardened if {
	decided({"a": {"allow": true, "escalate": {"hardened"}}}).verdict == "DENY"
}

test_a_misspelt_setting_denies if {
	decided({"a": {"allow": true, "escalate": {"misspelt"}}}).verdict == "DENY"
}

test_only_watched_rules_allow if {
	decision := decided({"a": {"allow": true, "deny": {"watched"}}})
	[decision.verdict, decision.reasons, decision.observed] == ["ALLOW", [], [reason("watched")]]
}

test_watched_without_allow_is_denied if {
	decided({"a": {"deny": {"watched"}}}).verdict == "DENY"
}

test_rewrites_are_gathered if {
	decided({"a": {"allow": true, "rewrite": {1}}, "b": {"rewrite": {2}}}).rewrite == [1, 2]
}

test_what_a_person_lets_through_is_still_rewritten if {
	decision := decided({"a": {"escalate": {"e"}, "rewrite": {1}}, "b": {"stream": {"buffer"}}})
	[decision.verdict, decision.rewrite, decision.stream] == ["ESCALATE", [1], "buffer"]
}

test_one_topic_can_ask_for_the_whole_stream if {
	decided({"a": {"allow": true}, "b": {"stream": {"buffer"}}}).stream == "buffer"
}

test_a_principal_can_have_settings_of_its_own if {
	said := {"a": {"allow": true, "escalate": {"other"}}}
	decided(said).verdict == "ESCALATE"
	decided(said).verdict == "DENY" with input as {"client": {"principal": "alice"}}
		with data.principals as {"alice": {"rules": {"other": "deny"}}}
}

settings := {
	"softened": "escalate",
	"hardened": "deny",
	"watched": "observe",
	"gone": "off",
	"gone_too": false,
	"misspelt": "observ",
}

reason(id) := {"rule": id, "code": "C", "message": "m", "finality": "ungranted"}

# Topics as in the table, with the sets of rule ids turned into reasons.
decided(table) := decision if {
	topics := {name: topic |
		some name, said in table
		topic := object.union(said, {kind: {reason(id) | some id in said[kind]} |
			some kind in {"deny", "escalate"}
			said[kind]
		})
	}
	decision := data.helm.decision with data.helm.topics as topics with data.rules as settings
}
