"""Several boundaries on one port and one state folder, and the process that looks after them."""
