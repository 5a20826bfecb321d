package hours_test

import data.helm.rules.hours

# Monday 2026-01-05, 09:00 UTC
monday := 1767603600000000000

hour := 3600000000000

test_always_as_shipped if hours.escalate == set() with input as at(monday)

test_within if count(asked(monday)) == 0

test_the_first_hour_counts if count(asked(monday - (2 * hour))) == 0

test_before if asked(monday - (3 * hour)) == {["hours.outside", "TEMPORAL_INTERVENTION", "instance_context"]}

test_the_last_hour_does_not_count if count(asked(monday + (8 * hour))) == 1

test_another_day if count(asked(monday - (24 * hour))) == 1

office := {"days": ["Monday", "Tuesday"], "from": 8, "to": 18, "timezone": "Europe/Berlin"}

at(instant) := {"phase": "request", "context": {"now_ns": instant}}

asked(instant) := result if {
	result := {[r.rule, r.code, r.finality] | some r in hours.escalate} with input as at(instant) with data.hours as office
}
