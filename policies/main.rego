# METADATA
# title: The decision
# description: |
#   Folds what the topics say into one decision. Any deny is DENY, else any
#   escalate is ESCALATE, else a topic must say allow, else DENY: nothing is
#   allowed by saying nothing.
#
#   A topic is a package helm.rules.<name> that adds to the sets deny, escalate
#   and rewrite. data.rules can change what a rule's word is worth, by the id in
#   its reason: "off", "observe", "escalate" or "deny".
# entrypoint: true
package helm

default decision := {
	"verdict": "DENY",
	"reasons": [{
		"code": "NO_POLICY_DEFINED",
		"rule": "main",
		"message": "No rule of the policy allows this call.",
		"finality": "ungranted",
	}],
}

decision := {"verdict": "DENY", "reasons": denied, "observed": observed} if {
	count(denied) > 0
} else := {"verdict": "ESCALATE", "reasons": escalated, "observed": observed, "rewrite": rewrite} if {
	count(escalated) > 0
} else := {"verdict": "ALLOW", "reasons": [], "observed": observed, "rewrite": rewrite, "stream": stream} if {
	allow
}

topics := data.helm.rules

default allow := false

allow if topics[_].allow

# Each reason with the effect it has: the one its rule was written with, unless
# data.rules says otherwise.
said contains {"effect": object.get(data.rules, object.get(reason, "rule", ""), "deny"), "reason": reason} if {
	some reason in topics[_].deny
}

said contains {"effect": object.get(data.rules, object.get(reason, "rule", ""), "escalate"), "reason": reason} if {
	some reason in topics[_].escalate
}

# Only these words soften a rule: a misspelt one must not switch it off.
# (false is what YAML makes of an unquoted off.)
soft := {"off", false, "observe", "escalate"}

denied := [word.reason | some word in said; not word.effect in soft]

escalated := [word.reason | some word in said; word.effect == "escalate"]

observed := [word.reason | some word in said; word.effect == "observe"]

rewrite := [operation | some operation in topics[_].rewrite]

default stream := "gate"

stream := "buffer" if "buffer" in topics[_].stream
