"""The built-in functions of Rego: which there are here, and which no policy may call."""

from __future__ import annotations

from collections.abc import Mapping

# Name and number of arguments, for each built-in of the embedded engine
# (its own list, opa.runtime().builtins, with OPA's declarations).
ENGINE: Mapping[str, int] = {
    "abs": 1,
    "array.concat": 2,
    "array.reverse": 1,
    "array.slice": 3,
    "base64.decode": 1,
    "base64.encode": 1,
    "base64.is_valid": 1,
    "base64url.decode": 1,
    "base64url.encode": 1,
    "base64url.encode_no_pad": 1,
    "bits.and": 2,
    "bits.lsh": 2,
    "bits.negate": 1,
    "bits.or": 2,
    "bits.rsh": 2,
    "bits.xor": 2,
    "ceil": 1,
    "concat": 2,
    "contains": 2,
    "count": 1,
    "endswith": 2,
    "floor": 1,
    "format_int": 2,
    "glob.match": 3,
    "glob.quote_meta": 1,
    "graph.reachable": 2,
    "graph.reachable_paths": 2,
    "hex.decode": 1,
    "hex.encode": 1,
    "http.send": 1,
    "indexof": 2,
    "indexof_n": 2,
    "intersection": 1,
    "is_array": 1,
    "is_boolean": 1,
    "is_null": 1,
    "is_number": 1,
    "is_object": 1,
    "is_set": 1,
    "is_string": 1,
    "json.filter": 2,
    "json.is_valid": 1,
    "json.marshal": 1,
    "json.marshal_with_options": 2,
    "json.match_schema": 2,
    "json.patch": 2,
    "json.remove": 2,
    "json.unmarshal": 1,
    "json.verify_schema": 1,
    "lower": 1,
    "max": 1,
    "min": 1,
    "net.cidr_contains": 2,
    "net.cidr_expand": 1,
    "net.cidr_is_valid": 1,
    "numbers.range": 2,
    "numbers.range_step": 3,
    "object.filter": 2,
    "object.get": 3,
    "object.keys": 1,
    "object.remove": 2,
    "object.subset": 2,
    "object.union": 2,
    "object.union_n": 1,
    "opa.runtime": 0,
    "product": 1,
    "rand.intn": 2,
    "regex.find_all_string_submatch_n": 3,
    "regex.find_n": 3,
    "regex.is_valid": 1,
    "regex.match": 2,
    "regex.replace": 3,
    "regex.split": 2,
    "regex.template_match": 4,
    "replace": 3,
    "round": 1,
    "semver.compare": 2,
    "semver.is_valid": 1,
    "sort": 1,
    "split": 2,
    "sprintf": 2,
    "startswith": 2,
    "strings.any_prefix_match": 2,
    "strings.any_suffix_match": 2,
    "strings.count": 2,
    "strings.replace_n": 2,
    "strings.reverse": 1,
    "substring": 3,
    "sum": 1,
    "time.add_date": 4,
    "time.clock": 1,
    "time.date": 1,
    "time.diff": 2,
    "time.format": 1,
    "time.now_ns": 0,
    "time.parse_duration_ns": 1,
    "time.parse_ns": 2,
    "time.parse_rfc3339_ns": 1,
    "time.weekday": 1,
    "to_number": 1,
    "trace": 1,
    "trim": 2,
    "trim_left": 2,
    "trim_prefix": 2,
    "trim_right": 2,
    "trim_space": 1,
    "trim_suffix": 2,
    "type_name": 1,
    "union": 1,
    "units.parse": 1,
    "units.parse_bytes": 1,
    "upper": 1,
    "urlquery.decode": 1,
    "urlquery.decode_object": 1,
    "urlquery.encode": 1,
    "urlquery.encode_object": 1,
    "uuid.parse": 1,
    "uuid.rfc4122": 1,
    "walk": 1,
    "yaml.is_valid": 1,
    "yaml.marshal": 1,
    "yaml.unmarshal": 1,
}

# What helm_boundary.policy.rego.extensions adds to it.
ADDED: Mapping[str, int] = {
    "crypto.hmac.equal": 2,
    "crypto.hmac.md5": 2,
    "crypto.hmac.sha1": 2,
    "crypto.hmac.sha256": 2,
    "crypto.hmac.sha512": 2,
    "crypto.md5": 1,
    "crypto.sha1": 1,
    "crypto.sha256": 1,
    "io.jwt.decode": 1,
    "net.cidr_intersects": 2,
    "net.cidr_merge": 1,
}

BUILTINS: Mapping[str, int] = {**ENGINE, **ADDED}

# Those of them that are read only when a policy names one, by the module that has them.
IN_MODULES: Mapping[str, frozenset[str]] = {
    "dates": frozenset({"time.add_date", "time.diff", "time.parse_ns", "time.parse_rfc3339_ns"}),
    "encodings": frozenset(
        {"base64.decode", "base64.is_valid", "base64url.decode", "json.is_valid"}
    ),
    "networks": frozenset(
        {"net.cidr_contains", "net.cidr_expand", "net.cidr_intersects", "net.cidr_merge"}
    ),
    "numerals": frozenset(
        {
            "bits.and",
            "bits.lsh",
            "bits.negate",
            "bits.or",
            "bits.rsh",
            "bits.xor",
            "format_int",
            "semver.compare",
        }
    ),
    "places": frozenset(
        {
            "glob.quote_meta",
            "indexof",
            "indexof_n",
            "numbers.range",
            "numbers.range_step",
            "replace",
            "substring",
        }
    ),
    "units": frozenset({"units.parse", "units.parse_bytes"}),
    "url_queries": frozenset(
        {"urlquery.decode", "urlquery.decode_object", "urlquery.encode", "urlquery.encode_object"}
    ),
}

# What extensions do in the engine's place, since it does them otherwise than OPA.
REPLACED = frozenset(
    {
        "ceil",
        "floor",
        "lower",
        "regex.find_all_string_submatch_n",
        "regex.find_n",
        "regex.is_valid",
        "regex.match",
        "regex.replace",
        "regex.split",
        "semver.is_valid",
        "strings.count",
        "strings.replace_n",
        "to_number",
        "upper",
    }
).union(*IN_MODULES.values())

# Known to the parser rather than the list; print takes any number and is silent here.
SYNTAX = frozenset({"print"})

# A verdict must come from the document and the policy alone: the same ones, judged again
# next year, must give the same verdict. Whichever engine evaluates them.
UNREPEATABLE: Mapping[str, str] = {
    "http.send": "a policy must not reach out: put what it needs into data",
    "net.lookup_ip_addr": "a policy must not reach out: put what it needs into data",
    "opa.runtime": "a policy must not see the environment",
    "rand.intn": "the same call must get the same verdict",
    "uuid.rfc4122": "the same call must get the same verdict",
    "time.now_ns": "use input.context.now_ns, the time that the receipt records",
}

# With what the embedded engine does otherwise than OPA, or not at all.
FORBIDDEN: Mapping[str, str] = {
    **UNREPEATABLE,
    "trace": "it has no effect here: use print in tests",
    "graph.reachable_paths": "the engine's paths differ from OPA's where there are cycles: use "
    "graph.reachable",
    "yaml.marshal": "the engine's YAML is laid out otherwise than OPA's: use json.marshal",
    "yaml.unmarshal": "the engine reads YAML otherwise than OPA (merged keys, 07, 1_000): use "
    "json.unmarshal",
    "yaml.is_valid": "the engine reads YAML otherwise than OPA: use json.is_valid",
    "json.verify_schema": "the engine knows other schemas than OPA: write the schema in the rule "
    "or in data, where it is checked at load",
    "json.marshal_with_options": "the engine's JSON is escaped otherwise than OPA's: use "
    "json.marshal",
    "glob.match": "the engine's delimiters match too much: use startswith, "
    "strings.any_prefix_match or regex.match",
    "regex.template_match": "the engine takes a template's patterns otherwise than OPA: use "
    "regex.match",
}

# What OPA has and the embedded engine lacks, so that the message can say so.
LACKING = frozenset(
    {
        "array.flatten",
        "crypto.parse_private_keys",
        "crypto.x509.parse_and_verify_certificates",
        "crypto.x509.parse_and_verify_certificates_with_options",
        "crypto.x509.parse_certificate_request",
        "crypto.x509.parse_certificates",
        "crypto.x509.parse_keypair",
        "crypto.x509.parse_rsa_private_key",
        "graphql.is_valid",
        "graphql.parse",
        "graphql.parse_and_verify",
        "graphql.parse_query",
        "graphql.parse_schema",
        "graphql.schema_is_valid",
        "io.jwt.decode_verify",
        "io.jwt.encode_sign",
        "io.jwt.encode_sign_raw",
        "io.jwt.verify_eddsa",
        "io.jwt.verify_es256",
        "io.jwt.verify_es384",
        "io.jwt.verify_es512",
        "io.jwt.verify_hs256",
        "io.jwt.verify_hs384",
        "io.jwt.verify_hs512",
        "io.jwt.verify_ps256",
        "io.jwt.verify_ps384",
        "io.jwt.verify_ps512",
        "io.jwt.verify_rs256",
        "io.jwt.verify_rs384",
        "io.jwt.verify_rs512",
        "net.cidr_contains_matches",
        "net.cidr_overlap",
        "net.lookup_ip_addr",
        "providers.aws.sign_req",
        "regex.globs_match",
        "rego.metadata.chain",
        "rego.metadata.rule",
        "rego.parse_module",
        "strings.render_template",
        "strings.split_n",
        "uri.is_valid",
        "uri.parse",
    }
)
