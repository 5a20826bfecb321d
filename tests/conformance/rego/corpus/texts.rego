# ---- a forbidden word
v contains word if {
	some text in input.texts
	some word in ["password", "secret", "geheim"]
	contains(lower(text.text), word)
}
# ---- texts of users
v := [text.text | some text in input.texts; text.role == "user"]
# ---- a text that is too long
v contains text.pointer if {
	some text in input.texts
	count(text.text) > 20
}
# ---- the length of all texts
v := sum([count(text.text) | some text in input.texts])
# ---- an address of mail
v contains text.pointer if {
	some text in input.texts
	regex.match(`[\w.+-]+@[\w-]+\.[\w.-]+`, text.text)
}
# ---- a card's number
v contains n if {
	some text in input.texts
	n := count(regex.find_n(`\b(?:\d[ -]?){13,16}\b`, text.text, -1))
}
# ---- all numbers in a text
v := [regex.find_n(`\d+`, text.text, -1) | some text in input.texts]
# ---- groups of a match
v := [regex.find_all_string_submatch_n(`(\w)=(\w)`, text.text, -1) | some text in input.texts]
# ---- words of a text
v := {word | some text in input.texts; some word in regex.split(`\s+`, text.text)}
# ---- words split at spaces
v := [split(text.text, " ") | some text in input.texts]
# ---- characters of a text
v := [split(text.text, "") | some text in input.texts]
# ---- a text cleaned of its signs
v := [trim(text.text, " .!?") | some text in input.texts]
# ---- trimmed left and right
v := [[trim_left(t.text, "a "), trim_right(t.text, "a "), trim_space(t.text)] | some t in input.texts]
# ---- prefix and suffix taken off
v := [trim_prefix(trim_suffix(t.text, "x"), "a ") | some t in input.texts]
# ---- capitals
v := [upper(t.text) | some t in input.texts]
# ---- small letters
v := [lower(t.text) | some t in input.texts]
# ---- shouting
v contains t.pointer if {
	some t in input.texts
	t.text == upper(t.text)
	t.text != lower(t.text)
}
# ---- backwards
v := [strings.reverse(t.text) | some t in input.texts]
# ---- where a sign is
v := [indexof(t.text, "é") | some t in input.texts]
# ---- everywhere a sign is
v := [indexof_n(t.text, "a") | some t in input.texts]
# ---- a part of a text
v := [substring(t.text, 1, 3) | some t in input.texts]
# ---- a part to the end
v := [substring(t.text, 1, -1) | some t in input.texts; count(t.text) > 0]
# ---- replaced
v := [replace(t.text, "a", "bb") | some t in input.texts]
# ---- several replaced
v := [strings.replace_n({"a": "b", "b": "c", "é": ""}, t.text) | some t in input.texts]
# ---- replaced by a pattern
v := [regex.replace(t.text, `(\w)(\w)`, "$2$1") | some t in input.texts]
# ---- counted
v := [strings.count(t.text, "a") | some t in input.texts]
# ---- joined
v := concat(", ", [t.role | some t in input.texts])
# ---- a set joined
v := concat("|", {t.role | some t in input.texts})
# ---- quoted
v := [sprintf("%q", [t.text]) | some t in input.texts]
# ---- padded
v := [sprintf("%-10s|%5d", [t.role, count(t.text)]) | some t in input.texts]
# ---- values of all kinds in a message
v := sprintf("%v %v %v", [input.model, input.parameters, input.operation.stream])
# ---- in base64
v := [base64.encode(t.text) | some t in input.texts]
# ---- in base64 and back
v := [base64.decode(base64.encode(t.text)) | some t in input.texts]
# ---- in base64 for addresses
v := [base64url.encode_no_pad(t.text) | some t in input.texts]
# ---- in hex
v := [hex.encode(t.text) | some t in input.texts]
# ---- for a query
v := [urlquery.encode(t.text) | some t in input.texts]
# ---- hashes
v := [crypto.sha256(t.text) | some t in input.texts]
# ---- json of a text
v := [json.marshal(t.text) | some t in input.texts]
# ---- json of a text and back
v := [json.unmarshal(json.marshal(t.text)) | some t in input.texts]
# ---- json in a text
v := [x | some t in input.texts; json.is_valid(t.text); x := json.unmarshal(t.text)]
# ---- a text that is a number
v := [to_number(t.text) | some t in input.texts; regex.match(`^[1-9][0-9]{0,9}$`, t.text)]
# ---- compared in order
v := [t.text | some t in input.texts; t.text < "b"]
# ---- in order
v := sort([t.text | some t in input.texts])
# ---- prefix of several
v := [t.text | some t in input.texts; strings.any_prefix_match(t.text, ["a ", "é", "secret"])]
# ---- patterns from a list
patterns := {"key": `(?i)key`, "aws": `AKIA[0-9A-Z]{16}`, "any": `.+`}

v contains name if {
	some name, pattern in patterns
	some t in input.texts
	regex.match(pattern, t.text)
}
# ---- a pattern that isn't one
v := [regex.is_valid(p) | some p in ["(", "a+", `\p{L}`, "(?=a)"]]
# ---- letters of any script
v := [t.text | some t in input.texts; regex.match(`^\p{L}+$`, t.text)]
# ---- word characters are ASCII
v := [regex.replace(t.text, `\w`, "w") | some t in input.texts]
# ---- spaces are ASCII
v := [regex.replace(t.text, `\s`, "_") | some t in input.texts]
# ---- findings by topic
topics := {split(f.detector, ".")[0] | some f in input.findings}

v := topics & {"secret", "personal"}
# ---- findings by detector
v := {d: n | some d in {f.detector | some f in input.findings}; n := count([1 | some f in input.findings; f.detector == d])}
# ---- findings in texts of tools
v contains f.detector if {
	some f in input.findings
	some t in input.texts
	t.pointer == f.pointer
	t.role == "tool"
}
# ---- findings that are long
v if {
	some f in input.findings
	f.end - f.start > 100
}
# ---- a redaction for each
v contains {"op": "redact", "pointer": f.pointer, "start": f.start, "end": f.end, "with": "[x]"} if {
	some f in input.findings
	startswith(f.detector, "personal.")
	f.place == "text"
}
# ---- attachments that are too large
v contains a.pointer if {
	some a in input.attachments
	a.bytes > 1000
}
# ---- attachments of types
v contains a.media_type if {
	some a in input.attachments
	a.media_type != null
	not startswith(a.media_type, "image/")
}
# ---- attachments from elsewhere
v contains a.host if {
	some a in input.attachments
	a.host != null
	not endswith(lower(a.host), ".acme.test")
}
# ---- refused: length of the words of json.match_schema
v := json.match_schema(input.parameters, {"type": "object"})[1]
# ---- refused: an extension's result as an argument
v if {
	lower(input.http.host, x)
	x == "a"
}
# ---- refused: glob
v if glob.match("*.test", ["."], input.http.host)
# ---- what stands behind a fragment
v contains found if {
	some text in ["x#/etc/passwd", "a=1&b=%20", input.http.host]
	not contains(text, "%")
	found := urlquery.decode(text)
}
# ---- networks of metadata services
v contains address if {
	some address in ["::ffff:169.254.169.254", "169.254.1.1", "10.0.0.1", "fd00::1"]
	net.cidr_contains("169.254.0.0/16", address)
}
# ---- base64 with line breaks
v contains part if {
	some part in ["ZXZpbA==\n", "YR==", "no base64", input.model]
	base64.is_valid(part)
}
# ---- parts of the parameters
v := json.filter(input.parameters, ["/temperature", "top_p/x", "top_p"]) if is_object(input.parameters)
# ---- a schema for the parameters
v if json.match_schema(input.parameters, {"properties": {"temperature": {"maximum": 1}}})[0]
# ---- refused: a schema with a format
v if json.match_schema(input.parameters, {"properties": {"user": {"format": "email"}}})[0]
# ---- refused: yaml read
v := yaml.unmarshal("a: 07").a
