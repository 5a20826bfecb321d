"""The checks of `helm-boundary doctor`: does this machine's traffic go through the boundary?"""
