package attachments_test

import data.helm.rules.attachments

test_no_limit_as_shipped if attachments.deny == set() with input as {"attachments": [inline, remote]}

test_size if {
	denied(inline, {"max_bytes": 99}) == {["attachments.size", "BUDGET_EXCEEDED"]}
	denied(inline, {"max_bytes": 100}) == set()
	denied(remote, {"max_bytes": 1}) == set()
}

test_type if {
	denied(inline, {"types": ["image/"]}) == set()
	denied(inline, {"types": ["application/pdf"]}) == {["attachments.type", "POLICY_VIOLATION"]}
	denied(remote, {"types": ["image/"]}) == {["attachments.type", "POLICY_VIOLATION"]}
	denied(remote, {"types": ["image/", "image_url"]}) == set()
	denied(inline, {"types": []}) == {["attachments.type", "POLICY_VIOLATION"]}
}

test_host if {
	denied(remote, {"hosts": ["cdn.test"]}) == set()
	denied(remote, {"hosts": ["other.test"]}) == {["attachments.host", "DATA_EGRESS_BLOCKED"]}
	denied(inline, {"hosts": []}) == set()
}

inline := {"pointer": "/a", "kind": "image", "media_type": "image/png", "host": null, "bytes": 100, "sha256": "0"}

remote := {"pointer": "/b", "kind": "image_url", "media_type": null, "host": "CDN.test", "bytes": null, "sha256": null}

denied(attachment, limits) := result if {
	settings := object.union({"max_bytes": null, "types": null, "hosts": null}, limits)
	result := {[r.rule, r.code] | some r in attachments.deny} with input as {"attachments": [attachment]}
		with data.attachments as settings
}
