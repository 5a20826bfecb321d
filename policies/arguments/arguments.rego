# METADATA
# title: Constraints on arguments
# description: |
#   What data.tools.arguments may ask of a tool call. Apart from the topic tools,
#   because what is in a topic's package is looked at for every call.
package helm.arguments

import data.helm.folders

# A constraint that says nothing, or something that isn't known here, holds for no call.
satisfied(call, constraint) if {
	call.valid_json
	not is_custom(call)
	is_met(call.arguments, constraint)
}

# A custom tool has one text and no arguments, whatever the constraint calls it.
satisfied(call, constraint) if {
	is_custom(call)
	is_met({object.get(constraint, "argument", "input"): call.arguments_text}, object.union({"argument": "input"}, constraint))
}

satisfied(call, constraint) if {
	constraint.optional == true
	call.valid_json
	not is_custom(call)
	object.get(call.arguments, constraint.argument, null) == null
}

is_custom(call) if call.type == "custom"

is_met(arguments, constraint) if {
	wanted := object.remove(constraint, ["argument", "optional"])
	count(wanted) > 0
	every kind, value in wanted {
		holds(kind, value, arguments, constraint)
	}
}

holds("schema", wanted, arguments, _) if {
	is_object(arguments)
	json.match_schema(arguments, wanted)[0]
}

holds("match", wanted, arguments, constraint) if regex.match(wanted, text(arguments, constraint))

holds("never", wanted, arguments, constraint) if {
	value := text(arguments, constraint)
	count([pattern | some pattern in wanted; regex.match(pattern, value)]) == 0
}

# A path is within a folder when it starts with it and never steps up; "./" is the working folder.
holds("within", wanted, arguments, constraint) if folders.inside(text(arguments, constraint), wanted)

# The host as every reader of URLs finds it: no user, no backslash, no white space.
holds("hosts", wanted, arguments, constraint) if {
	url := `^https?://([a-z0-9.-]+)(?::[0-9]+)?(?:[/?#][!-\[\]-~]*)?$`
	found := regex.find_all_string_submatch_n(url, text(arguments, constraint), 1)
	found[0][1] in wanted
}

text(arguments, constraint) := arguments[constraint.argument] if is_string(arguments[constraint.argument])
