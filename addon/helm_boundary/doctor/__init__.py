"""`helm-boundary doctor`: is this machine's traffic really under the boundary?"""
