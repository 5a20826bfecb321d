# METADATA
# title: Inside a folder
# description: |
#   Whether a path is in one of some folders. "./" is the working folder: whatever is
#   relative, and what is in one of the folders that data.workspace names.
package helm.folders

inside(path, folders) if {
	is_straight(path)
	strings.any_prefix_match(path, rooted(folders))
}

inside(path, folders) if {
	is_straight(path)
	"./" in folders
	not startswith(path, "/")
	not startswith(path, "~")
}

# A folder itself, which is written without a slash.
inside(path, folders) if {
	is_straight(path)
	concat("", [path, "/"]) in rooted(folders)
}

# One that never steps up, and that is written as paths are here.
is_straight(path) if {
	not ".." in split(path, "/")
	not contains(path, "\\")
}

rooted(folders) := named if {
	not "./" in folders
	named := {folder | some folder in folders}
} else := {folder | some folder in folders; folder != "./"} | {folder | some folder in data.workspace}
