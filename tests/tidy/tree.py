"""What the tidy tests share: the committed files, and how a test reports what it found."""
import pathlib
import subprocess
import sys

SOURCE = (".cc", ".h")


def files(root: pathlib.Path) -> list[pathlib.Path]:
    """Every file that is committed or about to be; without git, all but build/."""
    git = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                          "--exclude-standard"], capture_output=True, check=False)
    if git.returncode == 0:
        names = git.stdout.decode().split("\0")[:-1]
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*")
                 if path.is_file() and path.relative_to(root).parts[0] not in ("build", ".git")]
    return sorted(path for path in map(pathlib.Path, names) if (root / path).is_file())


def sources(root: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in files(root) if path.suffix in SOURCE]


def lines(root: pathlib.Path, path: pathlib.Path) -> list[str]:
    return (root / path).read_text(encoding="utf-8", errors="replace").splitlines()


def main(*checks) -> None:
    """Runs each check(root); prints its findings, one a line, and exits 1 when there are any."""
    root = pathlib.Path(sys.argv[1]).resolve()
    findings = [finding for check in checks for finding in check(root)]
    print("\n".join(findings))
    sys.exit(1 if findings else 0)
