"""Set up .venv once: check the machine, install everything under the constraints file.

Run by `make` with the system's Python; prints one line with the reason when it
cannot go on.  Environment: TORCH_INDEX, the address of a further package index
to take torch from (that of its CPU build, say).
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
NEEDED_GB = 4
OLDEST_PIP = [23, 2]


def fail(reason):
    sys.exit("setup: " + reason)


def stamp():
    digest = hashlib.sha256(sys.version.encode())
    for name in ("constraints.txt", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def explain(log):
    """Turn pip's log into one line."""
    if "No space left on device" in log:
        return f"the disk is full; about {NEEDED_GB} GB are needed"
    offline = ("NewConnectionError", "name resolution", "ConnectTimeout", "Network is unreachable")
    if any(word in log for word in offline):
        return "no network: the package index cannot be reached"
    errors = [line for line in log.splitlines() if line.startswith("ERROR")] or log.splitlines()[
        -1:
    ]
    return f"pip failed: {''.join(errors[-1:])} (whole log: .venv/setup.log)"


def renew(pip):
    """Have a newer pip first where the system's is too old: 23.0, Debian's, looks for minutes on end."""
    said = subprocess.run([*pip, "--version"], capture_output=True, text=True).stdout.split()
    version = [int(x) for x in said[1].split(".")[:2]] if len(said) > 1 else [0, 0]
    if version < OLDEST_PIP:  # if that fails, the old one goes on as before
        newer = "pip>=" + ".".join(map(str, OLDEST_PIP))
        command = [*pip, "install", "-q", "--disable-pip-version-check", "-c", "constraints.txt"]
        subprocess.run([*command, newer], capture_output=True, cwd=ROOT)


def main():
    if sys.version_info < (3, 11):
        fail("Python 3.11 or newer is needed, this is {}.{}".format(*sys.version_info))
    done = os.path.join(VENV, "setup.stamp")
    wanted = stamp()
    if os.path.exists(done) and open(done).read() == wanted:
        return
    if shutil.disk_usage(ROOT).free < NEEDED_GB * 1e9:
        fail(f"about {NEEDED_GB} GB of free disk are needed")
    print("setup: installing into .venv, about two minutes ...", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True)
    if made.returncode:
        fail("no virtual environment (on Debian: apt install python3-venv)")
    pip = [os.path.join(VENV, "bin", "python"), "-m", "pip"]
    renew(pip)
    pip += ["install", "--retries", "2"]
    pip += ["--timeout", "30", "--disable-pip-version-check", "-c", "constraints.txt"]
    if os.environ.get("TORCH_INDEX"):
        pip += ["--extra-index-url", os.environ["TORCH_INDEX"]]
    pip += ["torch==2.13.0", "-e", ".[book,test]"]
    with open(os.path.join(VENV, "setup.log"), "w+") as log:
        if subprocess.run(pip, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT).returncode:
            log.seek(0)
            fail(explain(log.read()))
    with open(done, "w") as file:
        file.write(wanted)


if __name__ == "__main__":
    main()
