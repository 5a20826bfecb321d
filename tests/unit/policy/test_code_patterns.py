"""What the profile for coding agents asks a person about in code that a command carries."""

from __future__ import annotations

import pytest
import re2

from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.policy.sources.profiles import profile_folder

ASKED = """
from os import system; system("x")
import os as o; o.system("x")
import os; os.rmdir("b")
import pathlib; pathlib.Path("b").rmdir()
require("fs").rm("build",{recursive:true},()=>{})
import {rm} from "node:fs/promises"; await rm("b")
require("child_process").execFileSync("x")
open("/mnt/x","w")
import os; os.chdir("..")
import os; open(os.environ["HOME"]+"/.bashrc","a")
require("fs").writeFileSync(process.env.HOME+"/x","")
import asyncio; asyncio.run(asyncio.create_subprocess_shell("x"))
require("net").connect(80,"x")
new WebSocket("wss://x")
import os; os.posix_spawn("x",[],{})
from os import execvp
import imaplib
import axios from "axios"
""".strip().splitlines()
PASSED = """
import app; print(app.__version__)
s=open("a.py").read(); print(s.split("/"))
import platform; print(platform.system())
import json,sys; json.load(sys.stdin)
import os; print(os.environ["PATH"])
require("./package.json").version
import sysconfig; print(sysconfig.get_paths())
print("confirm(x)")
d={"net":1}; print(d["net"])
print(form(1), term(2))
const fs=require("fs"); fs.writeFileSync("a.js", fs.readFileSync("a.js","utf8").replace("a","b"))
import ast; ast.parse(open("a.py").read())
import re; print(re.sub("x","y",open("a").read()))
""".strip().splitlines()
POLICY = read_policy([profile_folder("profile:coding-agent")])
PATTERNS = [re2.compile(each) for each in POLICY.data["commands"]["code"]]


@pytest.mark.parametrize(
    ("code", "asks"), [(c, True) for c in ASKED] + [(c, False) for c in PASSED]
)
def test_code_that_reaches_beyond_its_folder_is_asked_about(code: str, asks: bool) -> None:
    """What honest models write to look at something passes."""
    assert any(pattern.search(code) for pattern in PATTERNS) is asks
