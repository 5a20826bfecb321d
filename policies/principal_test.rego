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
