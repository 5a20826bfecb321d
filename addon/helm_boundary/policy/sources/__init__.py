"""The sources of policy: folders, bundles and downloads, merged into one policy."""
