# METADATA
# title: The decision
# description: |
#   Folds what the topics say into one decision. Any deny is DENY, else any
#   escalate is ESCALATE, else a topic must say allow, else DENY: nothing is
#   allowed by saying nothing.
#
#   A topic is a package helm.rules.<name> that adds to the sets deny, escalate,
#   rewrite and stream, or says allow. data.rules can change what a rule's word is
#   worth, by the id in its reason: "off", "observe", "escalate" or "deny".
package helm

# METADATA
# title: The decision on one document
# entrypoint: true
default decision := {
	"verdict": "DENY",
	"reasons": [{
		"code": "NO_POLICY_DEFINED",
		"rule": "main",
		"message": "No rule of the policy allows this call.",
		"finality": "ungranted",
	}],
}

# Most calls: nobody objects. Written out, because each rule that is looked up costs
# as much as all of these lines.
decision := {
	"verdict": "ALLOW",
	"reasons": [],
	"rewrite": [operation | some operation in topics[_].rewrite],
	"stream": stream,
} if {
	not is_mcp
	topics[_].allow
	[reason | some reason in topics[_].deny] == []
	[reason | some reason in topics[_].escalate] == []
} else := {"verdict": "DENY", "reasons": reasons("deny"), "observed": reasons("observe")} if {
	some word in said
	word.effect == "deny"
} else := {
	"verdict": "ESCALATE",
	"reasons": reasons("escalate"),
	"observed": reasons("observe"),
	# What a person lets through is cut and held back like anything else.
	"rewrite": rewrites,
	"stream": stream,
} if {
	some word in said
	word.effect == "escalate"
} else := {
	"verdict": "ALLOW",
	"reasons": [],
	"observed": reasons("observe"),
	"rewrite": rewrites,
	"stream": stream,
} if {
	topics[_].allow
}

topics := data.helm.rules

# What goes to an MCP server is asked about its own topic beside those.
is_mcp if input.operation.category == "mcp"

rewrites := array.concat(
	[operation | some operation in topics[_].rewrite],
	[operation |
		is_mcp
		some operation in data.helm.mcp.rewrite
	],
)

default stream := "gate"

stream := "buffer" if "buffer" in topics[_].stream

# Every reason that was given, with the effect it has.
said contains {"effect": effect(reason, "deny"), "reason": reason} if some reason in topics[_].deny

said contains {"effect": effect(reason, "escalate"), "reason": reason} if some reason in topics[_].escalate

said contains {"effect": effect(reason, "deny"), "reason": reason} if {
	is_mcp
	some reason in data.helm.mcp.deny
}

said contains {"effect": effect(reason, "escalate"), "reason": reason} if {
	is_mcp
	some reason in data.helm.mcp.escalate
}

# The effect that data gives the rule, else the one it was written with. A word that
# isn't one of ours denies: a misspelt "observe" must not switch a rule off.
effect(reason, written) := word if {
	word := setting(reason, written)
	word in {"off", "observe", "escalate"}
} else := "off" if {
	# An unquoted off is false in YAML.
	setting(reason, written) == false
} else := "deny"

setting(reason, written) := word if {
	id := object.get(reason, "rule", "")
	own := object.get(data.helm.principal.settings, "rules", {})
	word := object.get(own, id, object.get(data.rules, id, written))
}

reasons(effect) := [word.reason | some word in said; word.effect == effect]
