"""Writes every change of one thing that `audit` can write into the cases, each into a copy.

    patched.py BINARY CASES OUT

`case.py` with its third patch is `case__3.py`. Endless cases get no budget: it would end
them after as many retries as its bucket holds, which no policy says in a number.
"""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

binary, cases, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
out.mkdir(exist_ok=True)


def write(case):
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / case.name
        copy.write_bytes(case.read_bytes())
        command = [binary, "audit", case.name, "--format", "json", "--threads", "1", "-q"]
        command += ["--calls", "20/s"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=True)
        audit = json.loads(done.stdout)
        endless = any((s.get("policy") or {}).get("attempts") == "unlimited" for s in audit["sites"])
        written = 0
        for fix in audit["fixes"]:
            single = not fix["alone"]
            if fix["patch"] is None or not single or (endless and "budget" in fix["change"]):
                continue
            copy.write_bytes(case.read_bytes())
            subprocess.run(["git", "apply", "-"], cwd=work, input=fix["patch"], text=True, check=True)
            written += 1
            target = out / f"{case.stem}__{fix['number']}{case.suffix}"
            target.write_bytes(copy.read_bytes())
        return written


with ThreadPoolExecutor(2) as pool:
    print(sum(pool.map(write, sorted(p for p in cases.iterdir() if p.is_file()))), "patches written")
