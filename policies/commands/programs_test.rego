package programs_test

import data.helm.programs

test_an_entry_is_a_program_and_words if {
	programs.listed(command("rm", ["-rf", "x"], []), ["rm -r"])
	not programs.listed(command("rm", ["x"], []), ["rm -r"])
	programs.listed(command("rm", ["x"], []), ["rm"])
	not programs.listed(command("rmdir", ["x"], []), ["rm"])
}

test_what_is_built_may_be_a_word if {
	programs.listed(command("rm", ["$X"], [0]), ["rm -r"])
	not programs.listed(command("rm", ["a/$X"], [0]), ["rm -r"])
	not programs.allowed(command("rm", ["$X"], [0]), ["rm -r"])
}

test_a_verb_of_a_verb if {
	every arguments in [["remote", "add", "x"], ["remote", "-v", "add", "x"], ["-C", "y", "remote", "add"]] {
		programs.listed(command("git", arguments, []), ["git remote add"])
		programs.allowed(command("git", arguments, []), ["git remote add"])
	}
	every arguments in [["remote", "-v"], ["add", "remote"], ["remote", "show", "add"], ["remote"]] {
		not programs.listed(command("git", arguments, []), ["git remote add"])
	}
	programs.listed(command("git", ["remote", "$X"], [1]), ["git remote add"])
	not programs.allowed(command("git", ["remote", "$X"], [1]), ["git remote add"])
}

test_windows_names if {
	programs.listed(command("RM.EXE", ["-rf", "x"], []), ["rm -r"])
	programs.listed(command("python3.12.exe", ["-c", "x"], []), ["python -c"])
}

test_only_what_is_installed_is_allowed if {
	programs.allowed(command("ls", [], []), ["ls"])
	not programs.allowed(object.union(command("ls", [], []), {"path": "/tmp/ls"}), ["ls"])
	not programs.allowed(object.union(command("ls", [], []), {"path": "/bin/../tmp/ls"}), ["ls"])
}

command(program, arguments, built) := {
	"program": program,
	"arguments": arguments,
	"built": built,
	"path": null,
}
