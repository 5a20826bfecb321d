# ---- a list of models
allowed := {"gpt-4.1-mini", "claude-sonnet"}

v if input.model in allowed
# ---- a list of models, refused by default
default v := false

v if input.model == "gpt-4.1-mini"

v if startswith(input.model, "claude-")
# ---- every model that may run is on the list
allowed := ["gpt-4.1-mini", "o3"]

v if every model in input.models { model in allowed }
# ---- models that are not on the list
v contains model if {
	some model in input.models
	not model in {"gpt-4.1-mini", "o3"}
}
# ---- a message for each unlisted model
v contains msg if {
	some model in input.models
	not startswith(model, "gpt-")
	msg := sprintf("model %s is not allowed", [model])
}
# ---- a model's family by its prefix
family(model) := "gpt" if startswith(model, "gpt-")

family(model) := "claude" if startswith(model, "claude-")

v := {model: f | some model in input.models; f := family(model)}
# ---- a model's family, or other
family(model) := "gpt" if {
	startswith(model, "gpt-")
} else := "claude" if {
	startswith(model, "claude-")
} else := "other"

v := [family(model) | some model in input.models]
# ---- max tokens
v if input.parameters.max_output_tokens > 4096
# ---- max tokens by model
limits := {"gpt-4.1-mini": 1000, "o3": 5000}

v if {
	limit := limits[input.model]
	input.parameters.max_output_tokens > limit
}
# ---- max tokens by model, with a default
limits := {"gpt-4.1-mini": 1000, "o3": 5000}

v if {
	is_string(input.model)
	limit := object.get(limits, input.model, 100)
	input.parameters.max_output_tokens > limit
}
# ---- temperature within bounds
v if {
	input.parameters.temperature >= 0
	input.parameters.temperature <= 2
}
# ---- temperature is a number or missing
v if not input.parameters.temperature

v if is_number(input.parameters.temperature)
# ---- n at most one
v if input.parameters.n == 1

v if not input.parameters.n
# ---- forbidden parameters
forbidden := {"store", "logit_bias", "seed"}

v := forbidden & object.keys(input.parameters)
# ---- unknown parameters
known := {"max_output_tokens", "temperature", "top_p", "n", "stop"}

v contains name if {
	some name, _ in input.parameters
	not name in known
}
# ---- stored only in observe mode
v if {
	input.parameters.store == true
	input.mode == "observe"
}
# ---- streams only for chat
v if {
	input.operation.stream
	input.operation.dialect == "chat"
}
# ---- category inference
v if input.operation.category == "inference"
# ---- categories by who asks
may := {"alice": {"inference", "meta"}, "bob": {"inference"}}

v if input.operation.category in may[input.client.principal]
# ---- anonymous may list models
v if {
	input.client.principal == null
	input.operation.id == "listModels"
}
# ---- principal, or the key, or nobody
who := input.client.principal if {
	input.client.principal != null
} else := input.client.key_id if {
	input.client.key_id != null
} else := "nobody"

v := who
# ---- budget by principal
budgets := {"alice": 5000, "bob": 100}

v := budget if {
	some name, budget in budgets
	name == input.client.principal
}
# ---- usage over budget
v if {
	input.phase == "response"
	input.response.usage.output_tokens > 5
}
# ---- usage summed
v := sum([n | some n in input.response.usage; n != null])
# ---- finish reasons that are not stop
v := [reason | some reason in input.response.finish_reasons; reason != "stop"]
# ---- a response that was cut off
v if {
	input.phase == "response"
	"length" in input.response.finish_reasons
}
# ---- status of the upstream
v := "error" if input.response.status >= 400

v := "ok" if input.response.status < 400
# ---- provider and host agree
hosts := {"openai": "api.openai.com", "anthropic": "api.anthropic.com"}

v if hosts[input.provider] == input.http.host
# ---- host of a provider
v if input.http.host in {"api.openai.com", "eu.api.openai.com"}
# ---- https and nothing else
v if {
	input.http.scheme == "https"
	input.http.port == 443
}
# ---- hosts by suffix
v if {
	some suffix in [".openai.com", ".test"]
	endswith(input.http.host, suffix)
}
# ---- hosts by suffix, in one call
v if strings.any_suffix_match(input.http.host, [".openai.com", ".test"])
# ---- the model name without its date
v := regex.replace(input.model, `-\d{4}-\d{2}-\d{2}$`, "")
# ---- a dated model
v if regex.match(`-\d{8}$`, input.model)
# ---- the part behind the slash
v := parts[count(parts) - 1] if parts := split(input.model, "/")
# ---- deprecated models with a successor
successor := {"gpt-3.5-turbo": "gpt-4.1-mini", "text-davinci-003": "gpt-4.1"}

v := sprintf("use %v instead of %v", [successor[input.model], input.model])
# ---- a model that isn't one of the request's
v if {
	input.phase == "response"
	input.response.model != input.model
}
# ---- refused: not a limit that may be missing
v if not input.parameters.max_output_tokens > 100
# ---- refused: a table by a body's variable with else
limits := {"gpt-4.1-mini": 1000}

v := limits[m] if {
	m := input.model
} else := 0
# ---- refused: a model's list in a value with in
v := input.parameters.model in ["a", "b"]
