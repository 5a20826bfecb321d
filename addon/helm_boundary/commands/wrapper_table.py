"""The programs that run the command in their words, and how each is told where that begins.

Source: the manual pages of GNU coreutils, sudo and util-linux, and the programs' own `--help`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Way:
    """How to find a program's inner command: options that take a word, and words before it."""

    valued: str = ""
    long_valued: frozenset[str] = frozenset()
    words: int = 0
    verbs: frozenset[str] = frozenset()
    """If there are any, the first word must be one of them for the rest to be a command."""
    idle: frozenset[str] | None = None
    """Verbs that run nothing; where they are told, any other may run something."""
    assigns: bool = False
    reads: bool = False
    """Whether it adds words that it reads from its standard input."""
    moves: bool = False
    """Whether it may be told to run that in another folder."""
    joins: bool = False
    """Whether its words are a shell's text, as one."""


GNU = re.compile("^g(?=(?:env|nice|nohup|stdbuf|timeout|xargs)$)")
"""The letter before GNU's programs where the system has others."""
_RUN = frozenset({"run", "exec"})
WAYS: Mapping[str, Way] = {
    "!": Way(),
    "builtin": Way(),
    "bunx": Way(),
    "busybox": Way(),
    "caffeinate": Way("tw"),
    "chroot": Way(words=1, long_valued=frozenset({"--userspec", "--groups"})),
    "command": Way(),
    "coproc": Way(),
    "doas": Way("uC"),
    "chronic": Way(),
    "chrt": Way("TPD", words=1),
    "conda": Way("np", frozenset({"--name", "--prefix", "--cwd"}), verbs=_RUN),
    "concurrently": Way(joins=True),
    "cross-env": Way(assigns=True),
    "dbus-run-session": Way(),
    "direnv": Way(verbs=frozenset({"exec"}), words=1),
    "dotenv": Way("fe"),
    "eatmydata": Way(),
    "env": Way("uCa", frozenset({"--unset", "--argv0", "--chdir"}), assigns=True, moves=True),
    "fakeroot": Way(),
    "firejail": Way(),
    "gosu": Way(words=1),
    "hatch": Way("e", frozenset({"--env"}), verbs=_RUN),
    "hyperfine": Way("wrmMsn", frozenset({"--warmup", "--runs", "--name"}), joins=True),
    "exec": Way("a"),
    "bundle": Way(verbs=_RUN),
    "flock": Way("wE", frozenset({"--timeout", "--wait", "--conflict-exit-code"}), words=1),
    "ionice": Way("cnp", frozenset({"--class", "--classdata"})),
    "ltrace": Way("oepsuan"),
    "mamba": Way("np", frozenset({"--name", "--prefix", "--cwd"}), verbs=_RUN),
    "mise": Way(verbs=frozenset({"exec", "x"})),
    "nice": Way("n", frozenset({"--adjustment"})),
    "nohup": Way(),
    "npm": Way(verbs=frozenset({"exec", "x"})),
    "npx": Way("pc", frozenset({"--package", "--call"})),
    "op": Way(verbs=_RUN),
    "pdm": Way(verbs=_RUN),
    "pipenv": Way(verbs=_RUN),
    "pixi": Way(verbs=_RUN),
    "pnpm": Way("CF", frozenset({"--dir", "--filter"}), verbs=frozenset({"dlx", "exec"})),
    "pnpx": Way(),
    "poetry": Way(verbs=_RUN),
    "proxychains": Way("f"),
    "proxychains4": Way("f"),
    "rye": Way(verbs=_RUN),
    "screen": Way("ScehpstT"),
    "sem": Way("jIanN", joins=True),
    "setpriv": Way(
        long_valued=frozenset({"--reuid", "--regid", "--groups", "--inh-caps", "--bounding-set"})
    ),
    "setsid": Way(),
    "stdbuf": Way("ioe", frozenset({"--input", "--output", "--error"})),
    "strace": Way("oepPsuE"),
    "su-exec": Way(words=1),
    "sudo": Way(
        "ugpCDhRrtTU",
        frozenset({"--user", "--group", "--prompt", "--chdir", "--host", "--role", "--type"}),
        assigns=True,
    ),
    "time": Way("fo", frozenset({"--format", "--output"})),
    "timeout": Way("sk", frozenset({"--signal", "--kill-after"}), words=1),
    "taskset": Way(words=1),
    "tmux": Way(
        "cefFLnSstxy",
        verbs=frozenset(
            {
                "display-popup",
                "if-shell",
                "new",
                "new-session",
                "new-window",
                "neww",
                "pipe-pane",
                "popup",
                "respawn-pane",
                "respawn-window",
                "respawnp",
                "respawnw",
                "run",
                "run-shell",
                "send",
                "send-keys",
                "split-window",
                "splitw",
            }
        ),
        idle=frozenset(
            {
                "a",
                "at",
                "attach",
                "attach-session",
                "capture-pane",
                "capturep",
                "detach",
                "display-message",
                "has",
                "has-session",
                "kill-pane",
                "kill-server",
                "kill-session",
                "kill-window",
                "list-keys",
                "list-panes",
                "list-sessions",
                "list-windows",
                "ls",
                "lsp",
                "lsw",
                "select-pane",
                "select-window",
                "show-options",
            }
        ),
        joins=True,
    ),
    "torify": Way(),
    "torsocks": Way(),
    "toybox": Way(),
    "unbuffer": Way(),
    "unshare": Way(),
    "uv": Way(
        "pP",
        frozenset(
            {
                "--directory",
                "--env-file",
                "--extra",
                "--group",
                "--index",
                "--only-group",
                "--package",
                "--project",
                "--python",
                "--with",
                "--with-editable",
                "--with-requirements",
            }
        ),
        verbs=_RUN,
    ),
    "valgrind": Way(),
    "watchexec": Way("defgiopsw", joins=True),
    "entr": Way(joins=True),
    "watch": Way("n", frozenset({"--interval"}), joins=True),
    "xargs": Way(
        "IEnPLdsaJR",
        frozenset({"--max-args", "--max-procs", "--delimiter", "--arg-file", "--max-chars"}),
        reads=True,
    ),
    "xvfb-run": Way("nsefpw"),
    "yarn": Way(verbs=frozenset({"dlx", "exec"})),
}
