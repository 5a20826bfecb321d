"""A new topic, ready to edit: ``policy new``."""

from __future__ import annotations

from pathlib import Path

from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.folder import DATA_FILES
from helm_boundary.policy.sources.settings import SCHEMA

from .topic_names import refuse_name

RULE = """# METADATA
# title: {title}
# description: What this topic is about, for whoever reads the policy.
package helm.rules.{name}

# METADATA
# title: Blocked by {title}
# custom:
#   id: {name}.blocked
#   code: POLICY_VIOLATION
#   finality: instance_parameter
#   severity: medium
deny contains {{
	"rule": "{name}.blocked",
	"code": "POLICY_VIOLATION",
	"message": "What is wrong, without repeating what was found.",
	"finality": "instance_parameter",
	"pointer": text.pointer,
	"counterfactual": "What to change so that it passes.",
}} if {{
	input.phase == "request"
	some text in input.texts
	some word in data.{name}.words
	contains(lower(text.text), word)
}}
"""

TEST = """package {name}_test

import data.helm.rules.{name}

test_a_word_of_the_list_is_denied if {{
	rules := {{r.rule | some r in {name}.deny}} with input as saying("A Forbidden word")
		with data.{name}.words as ["forbidden"]
	rules == {{"{name}.blocked"}}
}}

test_other_words_pass if {{
	{name}.deny == set() with input as saying("Good morning")
		with data.{name}.words as ["forbidden"]
}}

saying(text) := {{
	"phase": "request",
	"texts": [{{"pointer": "/messages/0/content", "role": "user", "text": text}}],
}}
"""

SETTINGS = """# yaml-language-server: $schema={schema}

# Settings that are to be other than the default policy's; editors know them by the line above.
"""

DATA = """# data.{name} in the rule: put what may change here, and logic in the rule.
words:
  - replace-me
"""


def new_topic(folder: Path, name: str) -> list[Path]:
    """Write a rule, its test and its data into ``folder/name``; return the files written.

    Raises PolicyError for a name that can't be a topic's, and where something is there already.
    """
    refuse_name(name)
    topic = folder / name
    files = {f"{name}.rego": RULE, f"{name}_test.rego": TEST, "data.yaml": DATA}
    if topic.exists():
        raise PolicyError(f"{topic}: is there already: choose another name")
    topic.mkdir(parents=True)
    title = name.replace("_", " ").capitalize()
    for file, text in files.items():
        (topic / file).write_text(text.format(name=name, title=title), encoding="utf-8")
    return [*(topic / file for file in files), *_settings(folder)]


def _settings(folder: Path) -> list[Path]:
    """Write a file for settings, unless the folder has one."""
    if any((folder / name).exists() for name in DATA_FILES):
        return []
    schema = (default_policy_folder() / SCHEMA).as_uri()
    (folder / "data.yaml").write_text(SETTINGS.format(schema=schema), encoding="utf-8")
    return [folder / "data.yaml"]
