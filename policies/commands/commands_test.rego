package commands_test

import data.helm.rules.commands

lists := {
	"programs": {"deny": ["sudo"], "person": ["rm -r", "rm --recursive", "git push", "find -delete"], "allow": null},
	"within": ["./", "/tmp/"],
}

test_a_program_that_is_never_run if {
	said(run("sudo", ["ls"])) == {"commands.denied"}
	said(run("SUDO", ["ls"])) == {"commands.denied"}
	said(run("ls", ["sudo"])) == set()
}

test_an_option_in_each_way if {
	every arguments in [["-r", "x"], ["-rf", "x"], ["-fr", "x"], ["-f", "-r", "x"], ["--recursive", "x"], ["--recurs", "x"]] {
		said(run("rm", arguments)) == {"commands.person"}
	}
	said(run("rm", ["-f", "x"])) == set()
	said(run("find", [".", "-delete"])) == {"commands.person"}
}

test_a_verb_is_the_first_word if {
	said(run("git", ["push", "origin"])) == {"commands.person"}
	said(run("git", ["-C", "x", "push"])) == {"commands.person"}
	said(run("git", ["commit", "-m", "push"])) == set()
	said(run("git", ["stash", "push"])) == set()
}

test_what_is_known_at_run_time_only if {
	said(object.union(run("rm", ["$X"]), {"built": [0]})) == {"commands.person"}
	said(object.union(run("git", ["commit", "-m", "$(cat x)"]), {"built": [2]})) == set()
	said(object.union(run("rm", ["build/$X"]), {"built": [0]})) == set()
}

test_a_version_is_the_same_program if {
	limits := object.union(lists, {"programs": {"deny": ["python -c"], "person": [], "allow": null}})
	with_limits(run("python3.12", ["-c", "x"]), limits) == {"commands.denied"}
}

test_only_listed_programs if {
	limits := object.union(lists, {"programs": {"deny": [], "person": [], "allow": ["ls", "git status"]}})
	with_limits(run("ls", ["-la"]), limits) == set()
	with_limits(run("git", ["status"]), limits) == set()
	with_limits(object.union(run("ls", []), {"path": "/usr/bin/ls"}), limits) == set()
	with_limits(object.union(run("ls", []), {"path": "./ls"}), limits) == {"commands.unlisted"}
	with_limits(object.union(run("git", ["$X"]), {"built": [0]}), limits) == {"commands.unlisted"}
	with_limits(run("cat", ["x"]), limits) == {"commands.unlisted"}
	with_limits(run("", []), limits) == set()
}

test_files_outside if {
	said(object.union(run("tee", ["x"]), {"writes": ["x"]})) == set()
	said(object.union(run("tee", ["x"]), {"writes": ["/tmp/x", "/work/x"]})) == set()
	said(object.union(run("tee", ["x"]), {"writes": ["/etc/x"]})) == {"commands.outside"}
	patched(["a.py"], true) == set()
	patched(["a.py", "../b.py"], true) == {"commands.outside"}
}

test_what_is_not_known_whole if {
	of_call({"name": "Bash", "pointer": "/x", "complete": false, "commands": []}, lists) == {"commands.incomplete"}
	patched([], false) == {"commands.incomplete"}
	of_call({"name": "read", "pointer": "/x", "complete": false}, lists) == set()
}

test_files_of_a_shell if {
	said(object.union(run("bash", ["x.sh"]), {"scripts": ["x.sh"]})) == set()
	said(object.union(run("bash", ["/work/x.sh"]), {"scripts": ["/work/x.sh"]})) == set()
	said(object.union(run("bash", ["/tmp/x.sh"]), {"scripts": ["/tmp/x.sh"]})) == {"commands.incomplete"}
	said(object.union(run("bash", ["../x.sh"]), {"scripts": ["../x.sh"]})) == {"commands.incomplete"}
}

test_code_in_another_language if {
	limits := object.union(lists, {"code": [`\brmtree\b`]})
	with_limits(object.union(run("python", []), {"code": ["shutil.rmtree(x)"]}), limits) == {"commands.code"}
	with_limits(object.union(run("python", []), {"code": ["print(1)"]}), limits) == set()
	said(object.union(run("python", []), {"code": ["shutil.rmtree(x)"]})) == set()
}

patched(files, complete) := of_call({"name": "apply_patch", "pointer": "/x", "complete": complete, "files": files}, lists)

run(program, arguments) := {"program": program, "arguments": arguments, "built": [], "writes": [], "path": null}

said(command) := with_limits(command, lists)

with_limits(command, limits) := of_call({"name": "Bash", "pointer": "/x", "complete": true, "commands": [command]}, limits)

of_call(call, limits) := result if {
	asked := {"phase": "response", "response": {"tool_calls": [call]}}
	result := {reason.rule | some reason in (commands.deny | commands.escalate)} with input as asked
		with data.commands as limits
		with data.workspace as ["/work/"]
}
