# METADATA
# title: Data residency
# description: |
#   In which regions calls may be served, by the host's name: data.residency.regions
#   says how the hosts of a region begin and end, data.residency.allow which regions
#   may be used. A request's inference_geo must name one of these as well, and is what
#   counts at the hosts in data.residency.by_request. Nothing is limited until it is a
#   list.
# custom:
#   off_unless: [residency.allow]
package helm.rules.residency

# METADATA
# title: Host outside the allowed regions
# custom:
#   id: residency.outside
#   code: JURISDICTION_VIOLATION
#   finality: class_forbidden
#   severity: high
deny contains {
	"rule": "residency.outside",
	"code": "JURISDICTION_VIOLATION",
	"message": "The host doesn't serve from an allowed region.",
	"finality": "class_forbidden",
	"counterfactual": "Use an endpoint of an allowed region.",
} if {
	data.residency.allow != null
	input.phase == "request"
	not is_string(object.get(input, "server", null)) # named in mcp.servers
	not inside(lower(input.http.host))
}

# METADATA
# title: Region that the request asks for
# custom:
#   id: residency.requested
#   code: JURISDICTION_VIOLATION
#   finality: class_forbidden
#   severity: high
deny contains {
	"rule": "residency.requested",
	"code": "JURISDICTION_VIOLATION",
	"message": "The request asks for inference outside the allowed regions.",
	"finality": "class_forbidden",
	"counterfactual": "Name an allowed region in inference_geo.",
} if {
	data.residency.allow != null
	input.phase == "request"
	some region in regions
	region != null
	not region in data.residency.allow
}

inside(host) if {
	some region in data.residency.allow
	strings.any_prefix_match(host, data.residency.regions[region].prefixes)
}

inside(host) if {
	some region in data.residency.allow
	strings.any_suffix_match(host, data.residency.regions[region].suffixes)
}

inside(host) if {
	host in data.residency.by_request
	every region in regions {
		region in data.residency.allow
	}
}

# The regions that a request names, or each request of a batch; null where it names none.
regions := [request_region(request.params) | some request in input.body.requests] if {
	is_array(input.body.requests)
} else := [request_region(input.body)]

request_region(body) := lower(body.inference_geo) if {
	is_string(body.inference_geo)
} else := null
