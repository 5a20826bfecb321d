"""A policy that does as the call tells it, so that a test can have each verdict when it wants.

The request phase follows the model's name, the response phase the names of tools and words in the
text. It replaces the default policy whole.
"""

from __future__ import annotations

from pathlib import Path

REGO = """\
package helm

allow := {"verdict": "ALLOW", "reasons": []}

reason(rule, message) := {
	"code": "POLICY_VIOLATION",
	"rule": rule,
	"message": message,
	"finality": "instance_parameter",
}

rewritten(operations) := {"verdict": "ALLOW", "reasons": [], "rewrite": operations}

streaming(way) := {"verdict": "ALLOW", "reasons": [], "stream": way}

default content := ""

content := input.body.messages[0].content

decision := about_request if input.phase == "request"

decision := about_response if input.phase == "response"

special := {
	"denied", "escalated", "redacted", "unstable", "misfit", "undefined", "conflicting",
	"wrong-type", "malformed", "endless", "buffered", "passed",
	"unreadable",
}

about_request := allow if not input.model in special

about_request := {"verdict": "DENY", "reasons": [reason("test.denied", "Denied by its name.")]} if {
	input.model == "denied"
}

about_request := {
	"verdict": "ESCALATE",
	"reasons": [reason("test.escalated", "Escalated by its name.")],
} if {
	input.model == "escalated"
}

about_request := allow if {
	input.model == "redacted"
	not contains(content, "private")
}

about_request := rewritten([{
	"op": "redact",
	"pointer": "/messages/0/content",
	"start": indexof(content, "private"),
	"end": indexof(content, "private") + 7,
	"with": "[cut]",
}]) if {
	input.model == "redacted"
	contains(content, "private")
}

about_request := rewritten([{
	"op": "replace",
	"path": "/messages/0/content",
	"value": concat("", [content, "x"]),
}]) if {
	input.model == "unstable"
}

about_request := rewritten([{"op": "remove", "path": "/nowhere/at/all"}]) if {
	input.model == "misfit"
}

about_request := "ALLOW" if input.model == "wrong-type"

# A built-in that is done as OPA does it, and raises.
about_request := allow if {
	input.model == "unreadable"
	urlquery.decode("%zz") != ""
}

about_request := {"verdict": "MAYBE", "reasons": []} if input.model == "malformed"

about_request := allow if input.model == "conflicting"

about_request := streaming("gate") if input.model == "conflicting"

about_request := streaming("buffer") if input.model == "buffered"

about_request := streaming("pass") if input.model == "passed"

about_request := allow if {
	input.model == "endless"
	count([1 |
		some a in numbers.range(1, 20000)
		some b in numbers.range(1, 20000)
		a + b == 0
	]) == 0
}

verdicts contains "DENY" if {
	some call in input.response.tool_calls
	call.name == "forbidden"
}

verdicts contains "ESCALATE" if {
	some call in input.response.tool_calls
	call.name == "needs_person"
}

verdicts contains "DENY" if {
	some text in input.response.texts
	contains(text.text, "unspeakable")
}

verdicts contains "REWRITE" if {
	some text in input.response.texts
	contains(text.text, "personal")
}

# No rule about the response has anything to say of this: it is undefined.
verdicts contains "NOTHING" if {
	some text in input.response.texts
	contains(text.text, "wordless")
}

verdicts contains "DENY" if {
	some text in input.response.texts
	contains(text.text, "boundless")
	count([1 |
		some a in numbers.range(1, 20000)
		some b in numbers.range(1, 20000)
		a + b == 0
	]) == 0
}

about_response := {
	"verdict": "DENY",
	"reasons": [reason("test.answer", "Denied for its answer.")],
} if {
	"DENY" in verdicts
}

about_response := {
	"verdict": "ESCALATE",
	"reasons": [reason("test.person", "Needs a person.")],
} if {
	not "DENY" in verdicts
	"ESCALATE" in verdicts
}

about_response := rewritten([{
	"op": "replace",
	"path": "/choices/0/message/content",
	"value": "[cut]",
}]) if {
	verdicts == {"REWRITE"}
}

about_response := allow if count(verdicts) == 0
"""


def write_scripted_policy(folder: Path) -> Path:
    """Write the policy into a new folder and return it."""
    folder.mkdir(parents=True)
    (folder / "main.rego").write_text(REGO)
    return folder
