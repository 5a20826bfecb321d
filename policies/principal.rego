# METADATA
# title: Who asks
# description: |
#   What data.principals says about whoever makes the call: the proxy's user, else
#   the pseudonym of the API key.
package helm.principal

settings := found if {
	found := data.principals[input.client.principal]
} else := found if {
	found := data.principals[input.client.key_id]
} else := {}
