"""Where policies come from: folders, bundles and downloads, merged into one policy."""
