# METADATA
# title: Where something was found
# description: |
#   Whether a finding can be cut out, and whether it is where data.expected says that
#   such things belong.
package helm.places

in_text(finding) if object.get(finding, "place", "text") == "text"

expected(finding) if {
	finding.place == "http"
	finding.detector in object.get(data.expected, finding.pointer, [])
}

# A state that an MCP server gave, and that goes back to it as it came.
expected(finding) if {
	input.operation.category == "mcp"
	finding.pointer == "/params/requestState"
	finding.detector in object.get(data.expected, finding.pointer, [])
}
