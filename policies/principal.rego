# METADATA
# title: Who asks
# description: |
#   What data.principals and data.groups say about whoever makes the call: the
#   proxy's user, else the pseudonym of the API key; and the groups of both. Models
#   and tools add up. Of what groups make of a rule the strictest counts, and what
#   is said of the caller alone counts before that.
package helm.principal

settings := together if {
	data.groups != {}
} else := own

together := {
	"models": array.concat(object.get(own, "models", []), [model |
		some name in groups
		some model in object.get(data.groups[name], "models", [])
	]),
	"tools": array.concat(object.get(own, "tools", []), [tool |
		some name in groups
		some tool in object.get(data.groups[name], "tools", [])
	]),
	"rules": object.union(grouped, object.get(own, "rules", {})),
}

default own := {}

own := found if {
	found := data.principals[input.client.principal]
} else := found if {
	found := data.principals[input.client.key_id]
}

groups contains name if {
	some name, group in data.groups
	input.client.principal in object.get(group, "principals", [])
}

groups contains name if {
	some name, group in data.groups
	input.client.key_id in object.get(group, "keys", [])
}

grouped[id] := word if {
	some name in groups
	some id, _ in object.get(data.groups[name], "rules", {})
	word := strictest(id)
}

strictest(id) := [word |
	some word in ["deny", "escalate", "observe", "off"]
	some name in groups
	effect(object.get(object.get(data.groups[name], "rules", {}), id, null)) == word
][0]

# An unquoted off is false in YAML.
effect(false) := "off"

effect(word) := word if is_string(word)
