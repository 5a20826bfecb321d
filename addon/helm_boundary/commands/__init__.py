"""What a tool call would run and write: shell text into commands, patches into files.

Facts for policy and no more: which programs, with which words, and whether that is all. Nothing
here decides, and nothing is imported but `asked` unless the policy's data name such a tool.
"""
