# METADATA
# title: Entries for programs
# description: |
#   An entry of data.commands.programs is a program, and perhaps words that its arguments
#   have: "rm -r", "git push", "pip install". Apart from the topic commands, because what is
#   in a topic's package is looked at for every call.
package helm.programs

# A command that an entry is about, or may be about once it is known what it does.
listed(command, entries) if {
	some entry in entries
	about(command, entry)
}

about(command, entry) if {
	words := split(entry, " ")
	words[0] in names(command)
	every at, word in words {
		may_stand(command, words, at, word)
	}
}

may_stand(_, _, 0, _) := true

may_stand(command, words, at, word) if {
	at > 0
	not is_second(words, at)
	may_have(command, word)
}

may_stand(command, words, at, word) if {
	is_second(words, at)
	some place in behind(command, words[at - 1])
	may_be(command, word, place)
}

# A verb of a verb, as in "git remote add".
is_second(words, at) if {
	at > 1
	word := words[at]
	before := words[at - 1]
	not startswith(word, "-")
	not startswith(before, "-")
}

# Where the next word behind a verb stands: the first that is no option.
behind(command, verb) := {at |
	some first, argument in command.arguments
	argument == verb
	is_first(command, first)
	some at, word in command.arguments
	at > first
	not startswith(word, "-")
	every between in array.slice(command.arguments, first + 1, at) {
		startswith(between, "-")
	}
}

may_be(command, word, at) if command.arguments[at] == word

may_be(command, _, at) if {
	at in object.get(command, "built", [])
	may_be_anything(command.arguments[at])
}

# A command that an entry is about for certain, and that is found where programs are installed.
allowed(command, entries) if {
	is_installed(command)
	some entry in entries
	words := split(entry, " ")
	words[0] in names(command)
	every at, word in words {
		stands(command, words, at, word)
	}
}

stands(_, _, 0, _) := true

stands(command, words, at, word) if {
	at > 0
	not is_second(words, at)
	has(command, word)
}

stands(command, words, at, word) if {
	is_second(words, at)
	some place in behind(command, words[at - 1])
	command.arguments[place] == word
}

# As it is written, on file systems that don't tell cases apart, and without its version.
names(command) := {name, regex.replace(name, `[0-9.]+$`, "")} if {
	name := trim_suffix(lower(command.program), ".exe")
}

is_installed(command) if object.get(command, "path", null) == null

is_installed(command) if {
	is_string(command.path)
	strings.any_prefix_match(command.path, ["/bin/", "/opt/homebrew/bin/", "/sbin/", "/usr/bin/", "/usr/local/bin/", "/usr/sbin/"])
	not contains(command.path, "..")
}

may_have(command, word) if has(command, word)

may_have(command, word) if {
	some at in object.get(command, "built", [])
	may_be_anything(command.arguments[at])
	can_stand(command, word, at)
}

# What begins with letters of its own is no option.
may_be_anything("") := true

may_be_anything(argument) if strings.any_prefix_match(argument, ["$", "`", "{", "<", ">", "…", "-"])

can_stand(_, word, _) if startswith(word, "-")

can_stand(command, word, at) if {
	not startswith(word, "-")
	is_first(command, at)
}

# One letter, alone or among others: -r is in -rf.
has(command, word) if {
	regex.match(`^-[A-Za-z0-9]$`, word)
	some argument in command.arguments
	regex.match(`^-[A-Za-z0-9]`, argument)
	contains(argument, substring(word, 1, 1))
}

has(command, word) if {
	startswith(word, "-")
	word in command.arguments
}

# With its value, or abbreviated, as GNU's programs take it.
has(command, word) if {
	startswith(word, "--")
	some argument in command.arguments
	startswith(argument, concat("", [word, "="]))
}

has(command, word) if {
	startswith(word, "--")
	some argument in command.arguments
	count(argument) > 2
	startswith(argument, "--")
	startswith(word, argument)
}

has(command, word) if {
	not startswith(word, "-")
	some at, argument in command.arguments
	argument == word
	is_first(command, at)
}

# The first that is no option, nor what may be an option's value.
is_first(command, at) if {
	every before, argument in array.slice(command.arguments, 0, at) {
		passes(command, before, argument)
	}
}

passes(_, _, argument) if startswith(argument, "-")

passes(command, at, _) if {
	at > 0
	startswith(command.arguments[at - 1], "-")
}
