# ---- rbac
roles := {"alice": ["admin"], "bob": ["reader"]}

grants := {"admin": [{"action": "write"}, {"action": "read"}], "reader": [{"action": "read"}]}

v if {
	some role in roles[input.client.principal]
	some grant in grants[role]
	grant.action == input.body.action
}
# ---- rbac with a hierarchy
parents := {"admin": ["editor"], "editor": ["reader"], "reader": []}

v := graph.reachable(parents, {"editor"})
# ---- abac by attributes
v if {
	input.body.user.department == input.body.resource.department
	input.body.user.level >= input.body.resource.level
	is_number(input.body.user.level)
	is_number(input.body.resource.level)
}
# ---- owner, or admin
default v := false

v if input.body.user.id == input.body.resource.owner

v if "admin" in input.body.user.roles
# ---- by method and path
default v := false

v if {
	input.http.method == "GET"
	split(trim(input.http.path, "/"), "/") == ["v1", "models"]
}

v if {
	input.http.method == "POST"
	["v1", "chat", "completions"] = split(trim(input.http.path, "/"), "/")
}
# ---- a path with a variable
v := id if ["", "v1", "responses", id] = split(input.http.path, "/")
# ---- a path's version
v := parts[1] if {
	parts := split(input.http.path, "/")
	count(parts) > 1
}
# ---- a path by a regex
v if regex.match(`^/v1/(chat/)?completions$`, input.http.path)
# ---- methods that write
v if input.http.method in {"POST", "PUT", "PATCH", "DELETE"}
# ---- a header
v := input.http.headers["user-agent"]
# ---- a header from a list
v if input.http.headers["x-team"] in ["red", "blue"]
# ---- content types
v if startswith(input.http.headers["content-type"], "application/json")
# ---- names in the query
v := {name | some name in input.http.query} & {"key", "token"}
# ---- no query at all
v if input.http.query == []
# ---- a user's groups, of two places
groups contains group if some group in input.body.user.groups

groups contains group if some group in input.parameters.groups

v := groups
# ---- a deny list beats an allow list
denied if input.client.principal in {"mallory"}

allowed if input.client.principal in {"alice", "mallory"}

default v := false

v if {
	allowed
	not denied
}
# ---- reasons
reasons contains "principal" if input.client.principal == null

reasons contains "model" if not input.model

reasons contains "method" if input.http.method != "POST"

v := count(reasons)
# ---- a decision of three words
deny contains "x" if input.mode == "observe"

ask contains "y" if input.operation.stream

v := "DENY" if {
	count(deny) > 0
} else := "ESCALATE" if {
	count(ask) > 0
} else := "ALLOW"
# ---- a decision as an object
v := {"allow": allow, "reasons": reasons}

default allow := false

allow if count(reasons) == 0

reasons contains "stream" if input.operation.stream
# ---- tenants
tenants := {"red": {"models": ["a", "b"]}, "blue": {"models": ["gpt-4.1-mini"]}}

v contains name if {
	some name, tenant in tenants
	input.model in tenant.models
}
# ---- a tenant's setting with a default
tenants := {"red": {"limit": 5}, "blue": {}}

v := {name: object.get(t, "limit", 10) | some name, t in tenants}
# ---- working hours
hour := time.clock([input.context.now_ns, "Europe/Berlin"])[0]

v if {
	hour >= 8
	hour < 18
}
# ---- weekdays
v if not time.weekday(input.context.now_ns) in {"Saturday", "Sunday"}
# ---- a date
v := time.date(input.context.now_ns)
# ---- before a deadline
v if input.context.now_ns < time.parse_rfc3339_ns("2027-01-01T00:00:00Z")
# ---- an expiry in the body
v if {
	is_number(input.body.exp)
	input.body.exp * 1000000000 > input.context.now_ns
}
# ---- a day later
v := time.add_date(input.context.now_ns, 0, 0, 1)
# ---- the time in words
v := time.format([input.context.now_ns, "UTC", "2006-01-02T15:04:05Z07:00"])
# ---- an approval
v if input.context.approval.granted == true
# ---- a token's claims
v := payload.sub if {
	is_string(input.body.token)
	count(split(input.body.token, ".")) == 3
	[_, payload, _] := io.jwt.decode(input.body.token)
}
# ---- a scope in a list of words
v if {
	is_string(input.body.scope)
	"write" in split(input.body.scope, " ")
}
# ---- all scopes are there
needed := {"read", "write"}

v if {
	is_string(input.body.scope)
	given := {s | some s in split(input.body.scope, " ")}
	count(needed - given) == 0
}
# ---- a hash of the principal
v := substring(crypto.sha256(input.client.principal), 0, 8) if is_string(input.client.principal)
# ---- refused: two people
v if {
	count({p | some p in input.body.approvers}) >= 2
	not input.body.author in input.body.approvers
	input.body.author
}
# ---- quotas
quotas := {"alice": 10, "bob": 2}

left := quotas[input.client.principal] - object.get(input.body, "used", 0)

v if left > 0
# ---- roles with a wildcard
matches(pattern, action) if pattern == action

matches(pattern, action) if {
	endswith(pattern, "*")
	startswith(action, trim_suffix(pattern, "*"))
}

v contains pattern if {
	some pattern in ["list*", "createChatCompletion", "*"]
	matches(pattern, input.operation.id)
}
# ---- an address in a network by key
networks := {"office": "10.0.0.0/8", "home": "127.0.0.0/8"}

v contains name if {
	some name, network in networks
	net.cidr_contains(network, input.client.address)
	net.cidr_is_valid(sprintf("%s/32", [input.client.address]))
}
# ---- by key or by principal
who contains input.client.principal if input.client.principal != null

who contains input.client.key_id if input.client.key_id != null

v if "k1" in who
# ---- break glass
default v := false

v if {
	input.http.headers["x-break-glass"] == "true"
	input.client.principal in {"alice"}
}
# ---- levels
level := {"public": 0, "internal": 1, "secret": 2}

clearance := object.get({"alice": 2, "bob": 1}, input.client.principal, 0)

v if level[input.body.label] <= clearance
# ---- refused: not in a header's list
v if not input.http.headers["x-team"] in ["red", "blue"]
# ---- refused: not a rule that may be undefined
limit := 5 if input.mode == "observe"

v if not limit > 3
# ---- refused: not with a call of a missing path
v if not startswith(input.body.user.name, "x")
