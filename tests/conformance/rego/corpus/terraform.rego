# ---- refused: buckets that are public
deny contains change.address if {
	some change in input.body.resource_changes
	change.type == "aws_s3_bucket"
	change.change.after.acl == "public-read"
}
# ---- refused: actions that delete
deny contains change.address if {
	some change in input.body.resource_changes
	"delete" in change.change.actions
}
# ---- how many of each action
actions := ["create", "update", "delete"]

v := {action: n |
	some action in actions
	n := count([1 | some c in input.body.resource_changes; action in c.change.actions])
}
# ---- a blast radius
weights := {"aws_instance": {"create": 1, "delete": 10}, "aws_db": {"create": 5, "delete": 100}}

score := sum([w |
	some c in input.body.resource_changes
	some action in c.change.actions
	w := weights[c.type][action]
])

default v := false

v if score < 30
# ---- refused: ingress from everywhere
deny contains rule.from_port if {
	some change in input.body.resource_changes
	change.type == "aws_security_group"
	some rule in change.change.after.ingress
	"0.0.0.0/0" in rule.cidr_blocks
}
# ---- instance types
allowed := {"t3.micro", "t3.small"}

deny contains msg if {
	some c in input.body.resource_changes
	kind := c.change.after.instance_type
	not kind in allowed
	msg := sprintf("%v: %v", [c.address, kind])
}
# ---- refused: tags that are required
required := ["Owner", "Environment"]

deny contains [c.address, tag] if {
	some c in input.body.resource_changes
	tags := c.change.after.tags
	some tag in required
	not tags[tag]
}
# ---- tags with a value from a list
deny contains value if {
	some c in input.body.resource_changes
	value := c.change.after.tags.Environment
	not value in ["dev", "staging", "prod"]
}
# ---- refused: encrypted volumes
deny contains c.address if {
	some c in input.body.resource_changes
	c.type == "aws_ebs_volume"
	c.change.after.encrypted != true
}
# ---- refused: resources by module
v contains c.address if {
	some c in input.body.resource_changes
	startswith(c.module_address, "module.network")
	is_string(c.module_address)
}
# ---- refused: resources of nested modules, by walking
v contains resource.type if {
	walk(input.body, [_, value])
	some resource in value.resources
}
# ---- providers with versions
v := {name: p.version_constraint | some name, p in input.body.configuration.provider_config}
# ---- a variable's default
v := object.get(input.body, ["variables", "region", "value"], "eu-central-1")
# ---- regions
regions := {"eu-central-1", "eu-west-1"}

deny contains region if {
	region := input.body.variables.region.value
	not regions[region]
}
# ---- names after a convention
deny contains c.name if {
	some c in input.body.resource_changes
	is_string(c.name)
	not regex.match(`^[a-z][a-z0-9_]*$`, c.name)
}
# ---- created, and nothing else
only_created if every c in input.body.resource_changes { c.change.actions == ["create"] }

v if only_created
# ---- changed attributes
v contains key if {
	some c in input.body.resource_changes
	some key, value in c.change.after
	object.get(c.change.before, key, null) != value
	is_object(c.change.before)
}
# ---- removed attributes
v contains key if {
	some c in input.body.resource_changes
	removed := object.keys(c.change.before) - object.keys(c.change.after)
	some key in removed
	is_object(c.change.before)
}
# ---- the cost of it all
prices := {"t3.micro": 8, "t3.small": 17}

v := sum([prices[c.change.after.instance_type] | some c in input.body.resource_changes])
# ---- the dearest
v := max([c.cost | some c in input.body.resource_changes; is_number(c.cost)])
# ---- sorted addresses
v := sort([c.address | some c in input.body.resource_changes])
# ---- statements of a policy document
deny contains i if {
	some i, statement in input.body.Statement
	statement.Effect == "Allow"
	statement.Action == "*"
}
# ---- actions as text or list
as_list(x) := x if is_array(x)

as_list(x) := [x] if is_string(x)

deny contains action if {
	some statement in input.body.Statement
	some action in as_list(statement.Action)
	endswith(action, ":*")
	is_string(action)
}
# ---- principals
deny contains "everybody" if {
	some statement in input.body.Statement
	statement.Principal == "*"
}

deny contains "everybody" if {
	some statement in input.body.Statement
	statement.Principal.AWS == "*"
}
# ---- ports in a range
in_range(port, low, high) if {
	port >= low
	port <= high
}

v contains rule.port if {
	some rule in input.body.rules
	in_range(rule.port, 22, 3389)
	is_number(rule.port)
}
# ---- addresses within a network
v contains address if {
	some address in input.body.addresses
	net.cidr_is_valid(address)
	net.cidr_contains("10.0.0.0/8", address)
}
# ---- networks that meet
v if net.cidr_intersects("10.0.0.0/8", "10.1.0.0/16")
# ---- an address of the client
v if net.cidr_contains("127.0.0.0/8", input.client.address)
# ---- stages in order
order := {"dev": 0, "staging": 1, "prod": 2}

v if order[input.body.from] < order[input.body.to]
# ---- refused: arithmetic in decimals
v := [c.cost * 1.19 | some c in input.body.resource_changes]
# ---- refused: not a count of what may be missing
v if not count(input.body.resource_changes) > 5
# ---- refused: else with a value from a table
prices := {"a": 1}

v := prices[kind] if {
	kind := input.body.kind
} else := 100
