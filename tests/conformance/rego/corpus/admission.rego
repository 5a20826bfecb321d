# ---- images from one registry
deny contains msg if {
	some container in input.body.spec.containers
	is_string(container.image)
	not startswith(container.image, "registry.acme.test/")
	msg := sprintf("image %q is from elsewhere", [container.image])
}
# ---- refused: images with the tag latest
deny contains container.name if {
	some container in input.body.spec.containers
	is_string(container.image)
	endswith(container.image, ":latest")
}
# ---- a tag at all
tagged(image) if contains(image, ":")

deny contains container.image if {
	some container in input.body.spec.containers
	is_string(container.image)
	not tagged(container.image)
}
# ---- no privileged container
deny contains msg if {
	some i
	container := input.body.spec.containers[i]
	container.securityContext.privileged == true
	msg := sprintf("container %d is privileged", [i])
}
# ---- must not run as root
deny contains "runs as root" if not input.body.spec.securityContext.runAsNonRoot

deny contains "runs as user 0" if input.body.spec.securityContext.runAsUser == 0
# ---- required labels
required := {"team", "cost-center"}

deny contains label if {
	labels := object.get(input.body, ["metadata", "labels"], {})
	some label in required
	not labels[label]
}
# ---- missing labels as a set
required := {"team", "app"}

missing := required - {label | input.body.metadata.labels[label]}

deny contains sprintf("missing: %v", [missing]) if count(missing) > 0
# ---- allowed capabilities
allowed := {"NET_BIND_SERVICE", "CHOWN"}

deny contains extra if {
	some container in input.body.spec.containers
	added := {c | some c in container.securityContext.capabilities.add}
	extra := added - allowed
	count(extra) > 0
}
# ---- refused: host paths
deny contains volume.name if {
	some volume in input.body.spec.volumes
	volume.hostPath
}
# ---- host paths under a prefix
deny contains volume.hostPath.path if {
	some volume in input.body.spec.volumes
	is_string(volume.hostPath.path)
	not strings.any_prefix_match(volume.hostPath.path, {"/data", "/tmp"})
}
# ---- host network
deny contains "host network" if input.body.spec.hostNetwork
# ---- refused: limits on memory
deny contains container.name if {
	some container in input.body.spec.containers
	not container.resources.limits.memory
}
# ---- memory as bytes
deny contains bytes if {
	some container in input.body.spec.containers
	regex.match(`^[0-9]+[KMG]i$`, container.resources.limits.memory)
	bytes := units.parse_bytes(container.resources.limits.memory)
	bytes > 1000000
}
# ---- cpu in thousandths
milli(text) := to_number(replace(text, "m", "")) if regex.match(`^[0-9]+m$`, text)

milli(text) := to_number(text) * 1000 if regex.match(`^[0-9]+$`, text)

v := [milli(c.resources.requests.cpu) | some c in input.body.spec.containers; is_string(c.resources.requests.cpu)]
# ---- replicas
deny contains "too few" if input.body.spec.replicas < 2

deny contains "too many" if input.body.spec.replicas > 10
# ---- kinds that are looked at
kinds := ["Deployment", "StatefulSet", "DaemonSet"]

watched if input.body.kind in kinds

deny contains "no owner" if {
	watched
	not input.body.metadata.annotations.owner
}
# ---- a pod of any kind
pod := input.body.spec.template.spec if {
	input.body.kind == "Deployment"
} else := input.body.spec if {
	input.body.kind == "Pod"
}

v := pod.containers
# ---- containers of both sorts
containers contains container if some container in input.body.spec.containers

containers contains container if some container in input.body.spec.initContainers

v := count(containers)
# ---- names of containers, by walking
v contains name if {
	walk(input.body, [path, value])
	path[count(path) - 1] == "image"
	name := value
}
# ---- refused: probes
deny contains sprintf("%v has no %v", [container.name, probe]) if {
	some container in input.body.spec.containers
	some probe in ["livenessProbe", "readinessProbe"]
	object.get(container, probe, null) == null
}
# ---- ingress hosts that two have
deny contains host if {
	some i, j
	host := input.body.items[i].spec.host
	host == input.body.items[j].spec.host
	i != j
}
# ---- a namespace that is exempt
exempt := {"kube-system", "monitoring"}

default v := "deny"

v := "allow" if input.body.metadata.namespace in exempt
# ---- operations
v if {
	input.body.request.operation in ["CREATE", "UPDATE"]
	input.body.request.kind.kind == "Pod"
}
# ---- groups of a user
v if "admins" in input.body.request.userInfo.groups
# ---- a service account
v := concat("/", [parts[2], parts[3]]) if {
	is_string(input.body.request.userInfo.username)
	parts := split(input.body.request.userInfo.username, ":")
	count(parts) == 4
}
# ---- service types
deny contains input.body.metadata.name if {
	input.body.kind == "Service"
	input.body.spec.type in {"NodePort", "LoadBalancer"}
}
# ---- ports below 1024
deny contains port if {
	some container in input.body.spec.containers
	some p in container.ports
	port := p.containerPort
	port < 1024
}
# ---- a patch to add a label
v := [{"op": "add", "path": "/metadata/labels/team", "value": "none"}] if {
	not input.body.metadata.labels.team
}
# ---- a patched body
v := json.patch(input.body, [{"op": "add", "path": "/checked", "value": true}]) if is_object(input.body)
# ---- roles with wildcards
deny contains i if {
	some i, rule in input.body.rules
	"*" in rule.verbs
}
# ---- roles with wildcards, any member
deny contains member if {
	some rule in input.body.rules
	some member in ["verbs", "resources", "apiGroups"]
	"*" in rule[member]
}
# ---- refused: env from secrets
v contains env.name if {
	some container in input.body.spec.containers
	some env in container.env
	env.valueFrom.secretKeyRef
}
# ---- env with a secret's value
v contains env.name if {
	some env in input.body.spec.containers[_].env
	is_string(env.name)
	regex.match(`(?i)(password|secret|token)`, env.name)
	env.value
}
# ---- refused: not a comparison of replicas
deny contains "too few" if not input.body.spec.replicas >= 2
# ---- refused: not a prefix of what may be missing
deny contains c if {
	some c in input.body.spec.containers
	not startswith(c.image, "registry/")
}
# ---- refused: not an index
deny contains "label" if not input.body.metadata.labels[input.parameters.label] == "x"
