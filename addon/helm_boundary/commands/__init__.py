"""What a tool call would run and write: shell text into commands, patches into files.

Facts for policy and no more: which programs, with which words, and whether that is all. Nothing here
decides, and nothing here is imported unless the policy's data names a tool that is a shell.
"""
