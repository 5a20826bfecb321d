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
