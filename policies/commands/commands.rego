# METADATA
# title: Commands
# description: |
#   What a shell would be told to run, and which files would be written. The facts are
#   there for the tools that data.tools.shell, patches and files name. It steers honest
#   models and stops careless ones; only a sandbox stops others.
# custom:
#   off_unless: [tools.shell, tools.patches, tools.files]
package helm.rules.commands

import data.helm.folders
import data.helm.programs

# METADATA
# title: Denied program
# custom:
#   id: commands.denied
#   code: SANDBOX_VIOLATION
#   finality: class_forbidden
#   severity: high
deny contains {
	"rule": "commands.denied",
	"code": "SANDBOX_VIOLATION",
	"message": "The model asked for a command that is never run here.",
	"finality": "class_forbidden",
	"pointer": call.pointer,
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	some command in object.get(call, "commands", [])
	programs.listed(command, data.commands.programs.deny)
}

# METADATA
# title: Program that needs a person
# custom:
#   id: commands.person
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: medium
escalate contains {
	"rule": "commands.person",
	"code": "APPROVAL_REQUIRED",
	"message": "The model asked for a command that needs a person's approval.",
	"finality": "ungranted",
	"pointer": call.pointer,
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	some command in object.get(call, "commands", [])
	programs.listed(command, data.commands.programs.person)
}

# METADATA
# title: Unlisted program
# custom:
#   id: commands.unlisted
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: medium
escalate contains {
	"rule": "commands.unlisted",
	"code": "APPROVAL_REQUIRED",
	"message": "The model asked for a command that the policy doesn't list.",
	"finality": "ungranted",
	"pointer": call.pointer,
	"counterfactual": "Ask for the program to be added to commands.programs.allow.",
} if {
	input.phase == "response"
	data.commands.programs.allow != null
	some call in input.response.tool_calls
	some command in object.get(call, "commands", [])
	command.program != ""
	not programs.allowed(command, data.commands.programs.allow)
}

# METADATA
# title: Command that isn't known whole
# custom:
#   id: commands.incomplete
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: medium
escalate contains {
	"rule": "commands.incomplete",
	"code": "APPROVAL_REQUIRED",
	"message": "What the command would run can't be told before it runs.",
	"finality": "ungranted",
	"pointer": call.pointer,
	"counterfactual": "Write the programs and file names out, without eval, substitutions or scripts.",
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	may_run_others(call)
}

# METADATA
# title: Code in another language
# custom:
#   id: commands.code
#   code: APPROVAL_REQUIRED
#   finality: ungranted
#   severity: medium
escalate contains {
	"rule": "commands.code",
	"code": "APPROVAL_REQUIRED",
	"message": "The command has code in it that needs a person's approval.",
	"finality": "ungranted",
	"pointer": call.pointer,
} if {
	input.phase == "response"
	some call in input.response.tool_calls
	some command in object.get(call, "commands", [])
	some code in object.get(command, "code", [])
	some pattern in data.commands.code
	regex.match(pattern, code)
}

# METADATA
# title: File outside of the folders
# custom:
#   id: commands.outside
#   code: SANDBOX_VIOLATION
#   finality: ungranted
#   severity: high
escalate contains {
	"rule": "commands.outside",
	"code": "SANDBOX_VIOLATION",
	"message": "The model would write a file outside of the folders that are allowed.",
	"finality": "ungranted",
	"pointer": call.pointer,
	"counterfactual": "Write in the working folder.",
} if {
	input.phase == "response"
	data.commands.within != null
	some call in input.response.tool_calls
	some file in files_of(call)
	not folders.inside(file, data.commands.within)
}

files_of(call) := {file |
	some command in object.get(call, "commands", [])
	some file in command.writes
} | {file | some file in object.get(call, "files", [])}

may_run_others(call) if {
	tells(call)
	call.complete == false
}

# A shell's file is in the working folder, as what make, npm or pytest run is.
may_run_others(call) if {
	some command in object.get(call, "commands", [])
	some script in object.get(command, "scripts", [])
	not folders.inside(script, ["./"])
}

tells(call) if object.get(call, "commands", null) != null

tells(call) if object.get(call, "files", null) != null
