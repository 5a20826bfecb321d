package folders_test

import data.helm.folders

test_the_working_folder if {
	here("src/a.py")
	here(".")
	here("/work/app/src")
	here("/work/app")
	here("/tmp/x")
}

test_outside_of_the_working_folder if {
	not here("../x")
	not here("/work/application")
	not here("~/.bashrc")
	not here("/work/app/../x")
	not here("C:\\x")
	not here("/etc/passwd")
}

test_without_a_working_folder if {
	not folders.inside("src/a.py", ["/work/app/"]) with data.workspace as ["/work/app/"]
	not folders.inside("/work/app/a", ["/tmp/"]) with data.workspace as ["/work/app/"]
}

here(path) if folders.inside(path, ["./", "/tmp/"]) with data.workspace as ["/work/app/"]
