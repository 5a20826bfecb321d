# METADATA
# title: Working hours
# description: |
#   When calls may be made without asking a person: data.hours with days, from, to
#   (hours of the day, to excluded) and an IANA timezone. No hours until it is set.
# custom:
#   off_unless: [hours]
package helm.rules.hours

# METADATA
# title: Outside working hours
# custom:
#   id: hours.outside
#   code: TEMPORAL_INTERVENTION
#   finality: instance_context
#   severity: low
escalate contains {
	"rule": "hours.outside",
	"code": "TEMPORAL_INTERVENTION",
	"message": "The call is made outside the allowed hours.",
	"finality": "instance_context",
	"counterfactual": "Try again during the allowed hours.",
} if {
	data.hours != null
	input.phase == "request"
	not within([input.context.now_ns, data.hours.timezone])
}

within(instant) if {
	time.weekday(instant) in data.hours.days
	hour := time.clock(instant)[0]
	hour >= data.hours.from
	hour < data.hours.to
}
