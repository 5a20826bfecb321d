package arguments_test

import data.helm.arguments

test_one_constraint_after_the_other if {
	table := [
		# constraint, arguments, satisfied
		[{"argument": "command", "never": [`\brm\b`]}, {"command": "ls -l"}, true],
		[{"argument": "command", "never": [`\brm\b`]}, {"command": "ls; rm x"}, false],
		[{"argument": "command", "never": [`\brm\b`]}, {}, false],
		[{"argument": "command", "never": [`\brm\b`]}, {"command": ["rm", "x"]}, false],
		[{"argument": "command", "match": `^(ls|cat) `}, {"command": "ls -l"}, true],
		[{"argument": "command", "match": `^(ls|cat) `}, {"command": "rm x"}, false],
		[{"argument": "command", "match": `^l`, "never": ["s"]}, {"command": "ls"}, false],
		[{"argument": "path", "within": ["/workspace/"]}, {"path": "/workspace/a/b.txt"}, true],
		[{"argument": "path", "within": ["/workspace/"]}, {"path": "/etc/passwd"}, false],
		[{"argument": "path", "within": ["/workspace/"]}, {"path": "/workspace/../etc/passwd"}, false],
		[{"argument": "path", "within": ["/workspace/"]}, {"path": "/workspace/..\\..\\etc"}, false],
		[{"argument": "path", "within": ["/workspace/"]}, {"path": "/workspace2/a"}, false],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": "https://docs.example.com/a?b=c#d"}, true],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": "https://docs.example.com:8443"}, true],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": "https://docs.example.com@evil.test/"}, false],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": "https://evil.test/docs.example.com"}, false],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": "https://docs.example.com.evil.test/"}, false],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": "https://docs.example.com\\@evil.test/"}, false],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": "https://DOCS.example.com/"}, false],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": "file:///etc/passwd"}, false],
		[{"argument": "url", "hosts": ["docs.example.com"]}, {"url": " https://docs.example.com/"}, false],
		[{"schema": {"required": ["amount"], "properties": {"amount": {"maximum": 5}}}}, {"amount": 5}, true],
		[{"schema": {"required": ["amount"], "properties": {"amount": {"maximum": 5}}}}, {"amount": 6}, false],
		[{"schema": {"required": ["amount"]}}, {}, false],
		[{"argument": "command"}, {"command": "ls"}, false],
		[{}, {"command": "ls"}, false],
		[{"argument": "command", "mach": "x"}, {"command": "x"}, false],
	]
	wrong := [row | some row in table; satisfied(row[0], row[1]) != row[2]]
	wrong == []
}

test_a_custom_tool_has_one_text if {
	custom("ls", {"argument": "input", "never": [`\brm\b`]})
	custom("ls", {"never": [`\brm\b`]})
	not custom("rm x", {"never": [`\brm\b`]})
	not custom("{\"input\": \"ls\", \"x\": \"rm\"}", {"argument": "input", "never": [`\brm\b`]})
	not custom("ls", {"argument": "input"})
}

custom(text, constraint) if {
	call := {"type": "custom", "valid_json": startswith(text, "{"), "arguments": null, "arguments_text": text}
	arguments.satisfied(call, constraint)
}

test_an_optional_argument if {
	inside := {"argument": "path", "within": ["./"], "optional": true}
	satisfied(inside, {}) == true
	satisfied(inside, {"path": null}) == true
	satisfied(inside, {"path": "src"}) == true
	satisfied(inside, {"path": "/etc"}) == false
	satisfied(inside, {"path": ["/etc"]}) == false
}

test_arguments_that_are_not_json_satisfy_nothing if {
	not arguments.satisfied({"valid_json": false, "arguments": null}, {"schema": {}})
}

satisfied(constraint, given) if {
	arguments.satisfied({"valid_json": true, "arguments": given}, constraint)
} else := false
