# METADATA
# title: Hosts
# description: |
#   Where calls may go, by the address that the bytes go to. Nothing is limited
#   until data.hosts.allow is a list.
# custom:
#   off_unless: [hosts.allow]
package helm.rules.hosts

# METADATA
# title: Host not allowed
# custom:
#   id: hosts.unlisted
#   code: DATA_EGRESS_BLOCKED
#   finality: instance_membership
#   severity: high
deny contains {
	"rule": "hosts.unlisted",
	"code": "DATA_EGRESS_BLOCKED",
	"message": "Calls to this host are not allowed.",
	"finality": "instance_membership",
	"counterfactual": "Use an allowed host, or ask for this one to be added to hosts.allow.",
} if {
	data.hosts.allow != null
	input.phase == "request"
	not is_string(object.get(input, "server", null)) # named in mcp.servers
	host := lower(input.http.host)
	not host in data.hosts.allow
	not strings.any_suffix_match(host, data.hosts.allow_suffixes)
}
