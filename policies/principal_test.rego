package principal_test

import data.helm.principal

test_the_user_counts if asked("alice", "k1") == {"a": 1}

test_the_key_counts_without_a_user if asked(null, "k1") == {"k": 1}

test_a_user_without_settings_has_its_keys if asked("bob", "k1") == {"k": 1}

test_others_have_none if asked(null, null) == {}

asked(user, key) := settings if {
	settings := principal.settings with input as {"client": {"principal": user, "key_id": key}}
		with data.principals as {"alice": {"a": 1}, "k1": {"k": 1}}
}

test_a_group_holds_for_its_users_and_keys if {
	grouped("alice", null).models == ["o3"]
	grouped(null, "k1").models == ["o3"]
	grouped("bob", "k1").models == ["o3"]
	grouped("bob", null).models == []
}

test_groups_add_up if {
	settings := grouped("carol", null)
	settings.models == ["own", "o3", "o4"]
	settings.tools == ["search"]
}

test_the_strictest_of_the_groups_counts if {
	grouped("carol", null).rules == {"a.x": "escalate", "a.y": "off", "a.z": "observe"}
}

test_what_is_said_of_the_caller_alone_counts_first if {
	grouped("dora", null).rules == {"a.x": "off", "a.z": "observe"}
}

grouped(user, key) := settings if {
	settings := principal.settings with input as {"client": {"principal": user, "key_id": key}}
		with data.principals as {"carol": {"models": ["own"]}, "dora": {"rules": {"a.x": "off"}}}
		with data.groups as {
			"research": {
				"principals": ["alice", "carol"],
				"keys": ["k1"],
				"models": ["o3"],
				"rules": {"a.x": "off", "a.y": false},
			},
			"staff": {
				"principals": ["carol", "dora"],
				"models": ["o4"],
				"tools": ["search"],
				"rules": {"a.x": "escalate", "a.z": "observe"},
			},
		}
}
