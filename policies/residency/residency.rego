# METADATA
# title: Data residency
# description: |
#   In which regions calls may be served, by the host's name: data.residency.regions
#   says how the hosts of a region begin and end, data.residency.allow which regions
#   may be used. Nothing is limited until it is a list.
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
	not inside(lower(input.http.host))
}

inside(host) if {
	some region in data.residency.allow
	strings.any_prefix_match(host, data.residency.regions[region].prefixes)
}

inside(host) if {
	some region in data.residency.allow
	strings.any_suffix_match(host, data.residency.regions[region].suffixes)
}
