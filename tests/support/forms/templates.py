"""Patterns in templates, and what does the same without them."""

COMMON = ""

REFUSED = (
    'v := regex.template_match("urn:{.*}:x", "urn:a:x", "{", "}")',
    'v := regex.template_match("{.*}:x", "urn:x", "{", "}")',
    'v if not regex.template_match("urn:<.*>:x", "urn:a:x", "<", ">")',
)

AGREE = (
    'v := regex.match("^urn:.*:x$", "urn:a:x")',
    'v if regex.match("^[a-z]+$", input.name)',
    'v if not regex.match("^urn:.*$", input.name)',
)
