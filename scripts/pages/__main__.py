"""A script that writes the pages of docs/ that are generated."""

from pages.options import PAGE, options_page

PAGE.write_text(options_page(), "utf-8")
