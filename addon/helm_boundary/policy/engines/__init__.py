"""The engines that evaluate a policy: the embedded one with its workers, or an OPA server."""
