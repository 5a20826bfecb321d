package operations_test

import data.helm.rules.operations

test_inference_is_allowed if operations.allow with input as call("createChatCompletion", "inference")

test_listing_models_is_allowed if operations.allow with input as call("listModels", "meta")

test_allowed_operations_are_not_denied if {
	operations.deny == set() with input as call("createChatCompletion", "inference")
}

test_unknown_is_not_allowed if {
	not operations.allow with input as call("unknown", "unknown")
}

test_unknown_is_denied if {
	denied("unknown", "unknown") == {["operations.unknown", "CAPABILITY_UNKNOWN", "ungranted"]}
}

test_admin_is_denied if {
	denied("deleteProject", "admin") == {["operations.unlisted", "INSUFFICIENT_PRIVILEGE", "ungranted"]}
}

test_data_is_denied if {
	denied("createFile", "data") == {["operations.unlisted", "INSUFFICIENT_PRIVILEGE", "ungranted"]}
}

test_an_operation_can_be_allowed_by_its_id if {
	operations.allow with input as call("createFile", "data")
		with data.operations as {"allow_categories": [], "allow": ["createFile"]}
}

test_what_an_agent_asks_beside_is_not_allowed_as_such if {
	denied("claudeCode.sendMetrics", "agent") == {["operations.unlisted", "INSUFFICIENT_PRIVILEGE", "ungranted"]}
}

test_an_agents_settings_are_allowed if operations.allow with input as call("claudeCode.settings", "agent")

test_a_path_can_be_allowed if {
	every place in ["/v1/new", "api.example.com/v1/new", "/v1/*", "api.example.com/*"] {
		asked(place) == set()
	}
}

test_another_path_is_not if {
	every place in ["/v1", "/v1/new/", "other.example.com/v1/new", "v1/*", "/v2/*", ""] {
		asked(place) == {"operations.unknown"}
	}
}

asked(place) := result if {
	request := object.union(call("unknown", "unknown"), {"http": {"host": "api.example.com", "path": "/v1/new"}})
	result := {r.rule | some r in operations.deny} with input as request
		with data.operations.allow_paths as [place]
}

test_a_response_is_judged_alike if {
	operations.allow with input as object.union(call("createChatCompletion", "inference"), {"phase": "response"})
}

call(id, category) := {"phase": "request", "operation": {"id": id, "category": category}}

denied(id, category) := result if {
	result := {[r.rule, r.code, r.finality] | some r in operations.deny} with input as call(id, category)
}

test_an_unknown_member_that_carries_a_tool_is_denied if {
	unclaimed(["/agents"], []) == {["operations.unclaimed", "CAPABILITY_UNKNOWN", "instance_parameter"]}
}

test_a_listed_member_passes if unclaimed(["/extra_body"], ["extra_body"]) == set()

test_each_unknown_member_is_looked_at if count(unclaimed(["/extra_body", "/agents"], ["extra_body"])) == 1

test_plain_requests_have_no_unknown_members if unclaimed([], []) == set()

unclaimed(pointers, allowed) := result if {
	asked := object.union(call("createChatCompletion", "inference"), {"unclaimed": pointers})
	result := {[r.rule, r.code, r.finality] | some r in operations.deny} with input as asked
		with data.operations.allow_members as allowed
}
