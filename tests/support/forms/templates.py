"""Patterns in templates, and what does the same without them."""

COMMON = ""

REFUSED = (
    'v := regex.template_match("urn:{.*}:x", "urn:a:x", "{", "}")',
    'v if regex.template_match("{[a-z]+}", input.name, "{", "}")',
    'v if not regex.template_match("urn:<.*>", "urn:a", "<", ">")',
)

AGREE = (
    'v := regex.match("^urn:.*:x$", "urn:a:x")',
    'v if regex.match("^[a-z]+$", input.name)',
    'v if not regex.match("^urn:.*$", input.name)',
    'v := regex.globs_match("a.*", "ab.*")',
)
