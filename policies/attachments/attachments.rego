# METADATA
# title: Attachments
# description: |
#   What may be attached to a request: how large, of which media types, and from
#   which remote hosts the provider may fetch. null is no limit.
# custom:
#   off_unless: [attachments.max_bytes, attachments.types, attachments.hosts]
package helm.rules.attachments

# METADATA
# title: Attachment too large
# custom:
#   id: attachments.size
#   code: BUDGET_EXCEEDED
#   finality: instance_parameter
#   severity: low
deny contains {
	"rule": "attachments.size",
	"code": "BUDGET_EXCEEDED",
	"message": "An attachment is larger than allowed.",
	"finality": "instance_parameter",
	"pointer": attachment.pointer,
	"counterfactual": "Send a smaller attachment.",
} if {
	some attachment in attached
	data.attachments.max_bytes != null
	attachment.bytes > data.attachments.max_bytes
}

# METADATA
# title: Media type not allowed
# description: Where the request doesn't say which, it is the kind that must be allowed.
# custom:
#   id: attachments.type
#   code: POLICY_VIOLATION
#   finality: instance_parameter
#   severity: medium
deny contains {
	"rule": "attachments.type",
	"code": "POLICY_VIOLATION",
	"message": "An attachment is of a type that is not allowed.",
	"finality": "instance_parameter",
	"pointer": attachment.pointer,
	"counterfactual": "Send an attachment of an allowed type.",
} if {
	some attachment in attached
	data.attachments.types != null
	not strings.any_prefix_match(type_of(attachment), data.attachments.types)
}

# METADATA
# title: Attachment from a host that is not allowed
# custom:
#   id: attachments.host
#   code: DATA_EGRESS_BLOCKED
#   finality: instance_membership
#   severity: medium
deny contains {
	"rule": "attachments.host",
	"code": "DATA_EGRESS_BLOCKED",
	"message": "An attachment would be fetched from a host that is not allowed.",
	"finality": "instance_membership",
	"pointer": attachment.pointer,
	"counterfactual": "Send the content itself, or use an allowed host.",
} if {
	some attachment in attached
	data.attachments.hosts != null
	attachment.host != null
	not lower(attachment.host) in data.attachments.hosts
}

type_of(attachment) := attachment.media_type if {
	attachment.media_type != null
} else := attachment.kind

# Those of what an MCP server says, too.
attached := input.response.attachments if {
	input.phase == "response"
} else := [] if {
	input.phase == "response"
} else := input.attachments
