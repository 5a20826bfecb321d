package places_test

import data.helm.places

test_documents_of_before_have_texts_only if places.in_text({"detector": "personal.email", "pointer": "/user"})

test_names_are_no_texts if not places.in_text({"pointer": "/user", "place": "name"})

test_what_is_expected_in_a_header_is_no_reason if {
	places.expected({"detector": "personal.email", "pointer": "/http/headers/from", "place": "http"})
}

test_other_finds_in_it_are if {
	not places.expected({"detector": "secret.github", "pointer": "/http/headers/from", "place": "http"})
}

test_a_body_that_looks_like_a_header_is_none if {
	not places.expected({"detector": "personal.email", "pointer": "/http/headers/from", "place": "text"})
}
