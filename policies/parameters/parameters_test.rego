package parameters_test

import data.helm.rules.parameters

test_no_limit_as_shipped if {
	parameters.deny == set() with input as {"phase": "request", "parameters": {"n": 100, "store": true}}
}

test_up_to_the_limit if denied({"n": 4}) == set()

test_over_the_limit if denied({"n": 5}) == {["parameters.max", "BUDGET_EXCEEDED", "The parameter n is larger than allowed."]}

test_left_out_is_within if denied({}) == set()

test_a_number_in_quotes_is_over if count(denied({"n": "4"})) == 1

test_null_is_left_out if denied({"n": null}) == set()

test_forbidden_value if count(denied({"store": true})) == 1

test_other_value if denied({"store": false}) == set()

denied(given) := result if {
	result := {[r.rule, r.code, r.message] | some r in parameters.deny} with input as {"phase": "request", "parameters": given}
		with data.parameters as {"max": {"n": 4}, "forbid": {"store": [true]}}
}
