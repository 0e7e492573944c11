"""Check the rules of the house that no linter knows; the lists are in `house.txt`.

    words         terms that this project does not use
    references    names of files and modules that do not exist
    unused        runtime modules that no process imports
    outside       paths that lead out of the repository

`python script/house.py words unused` runs some of the checks.
"""

import ast
import fnmatch
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).parent.parent
_TEXT = {".py", ".md", ".html", ".js", ".mjs", ".sh", ".toml", ".yaml", ".yml", ".conf", ".css", ""}
_RUNTIME = ("cli", "console", "ingest", "shared", "worker")
_SELF_CONTAINED = ("bench", "docs", "examples", "script", "tests")
_SUPPORT = ("cdk", "clients", "docker", "localstack", "openapi", "requirements")
_TOP = (*_RUNTIME, *_SELF_CONTAINED, *_SUPPORT)

_PATH = re.compile(rf"(?<![\w./$}}-])(?:{'|'.join(_TOP)})/[\w./*{{}},<>-]*[\w*}}>/]")
_FILE = re.compile(r"`(?:[\w.-]+/)*([\w-]+\.(?:py|md|sh|m?js|json|ya?ml|toml|conf|html|css))`|\b([A-Z]{3,}\.md)\b")
_MODULE = re.compile(rf"`((?:{'|'.join((*_RUNTIME, 'bench', 'cdk', 'openapi', 'tests'))})(?:\.[A-Za-z_]\w*)+)`")
_UPWARD = re.compile(r"(?<![\w.])(?:\.\./)+[\w./-]*|(?<![\w./])/(?:work|home|root|Users|mnt)/[\w./-]+")
_PARENTS = re.compile(r"__file__\)(?:\.resolve\(\))?(?:\.parents\[(\d+)\]|((?:\.parent)+))")
_ROOTS_PARENT = re.compile(r"\b_?ROOT\.parent\b")
_ENTRY = re.compile(rf"^((?:{'|'.join(_RUNTIME)})(?:\.\w+)+)(?::\w+)?$")


class Finding(NamedTuple):
    """A violation: where it is, the text found, and the advice."""

    path: str
    line: int
    found: str
    advice: str

    def __str__(self) -> str:
        """Format as `path:line: found: advice`."""
        return f"{self.path}:{self.line}: {self.found!r}: {self.advice}"


class Rules(NamedTuple):
    """The contents of `house.txt`."""

    words: Sequence[tuple[re.Pattern[str], str]]
    allowed: Sequence[tuple[str, re.Pattern[str]]]

    def allows(self, finding: Finding) -> bool:
        """Return whether a line `allow` accepts `finding`."""
        return any(
            fnmatch.fnmatch(finding.path, path) and pattern.fullmatch(finding.found) for path, pattern in self.allowed
        )


class Repository:
    """The files under version control, or about to be, with their text."""

    def __init__(self, texts: Mapping[str, str], names: Iterable[str] = ()) -> None:
        self.texts = texts
        self.names = {*texts, *names}

    @classmethod
    def at(cls, root: Path) -> "Repository":
        """Read the repository at `root`."""
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S603
        names = [name for name in listed if (root / name).is_file()]
        texts = {name: (root / name).read_text() for name in names if Path(name).suffix in _TEXT}
        return cls(texts, names)

    @cached_property
    def directories(self) -> set[str]:
        """Every directory that contains a file."""
        return {str(parent) for name in self.names for parent in Path(name).parents}

    @cached_property
    def basenames(self) -> set[str]:
        """The names of all files, without their directories."""
        return {Path(name).name for name in self.names}

    @cached_property
    def modules(self) -> dict[str, str]:
        """The file of each Python module and package."""
        files = [name for name in self.names if name.endswith(".py")]
        return {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in files}

    def exists(self, path: str) -> bool:
        """Return whether `path` is a file, a directory, or a glob or template that matches one."""
        path = path.rstrip("/")
        if path in self.names or path in self.directories:
            return True
        pattern = re.sub(r"\{[^}]*\}|<[^>]*>", "*", path)
        return "*" in pattern and bool(fnmatch.filter(self.names | self.directories, pattern))


def parse_rules(text: str) -> Rules:
    """Return the rules in `text`; raise `ValueError` for a line that is none."""
    words, allowed = [], []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("allow "):
            path, _, pattern = line.removeprefix("allow ").partition(": ")
            allowed.append((path, re.compile(pattern)))
        elif " => " in line:
            pattern, _, advice = line.partition(" => ")
            # A phrase may be wrapped, in a comment too. What looks behind must have a fixed width.
            parts = re.split(r"(\(\?<[!=][^)]*\))", pattern)
            spaced = "".join(part if part.startswith("(?<") else part.replace(" ", r"[\s#]+") for part in parts)
            words.append((re.compile(rf"\b(?:{spaced})\b", re.IGNORECASE), advice))
        else:
            raise ValueError(f"house.txt: not a rule: {line}")
    return Rules(words, allowed)


def words(repository: Repository, rules: Rules) -> Iterator[Finding]:
    """Yield every use of a word that the rules refuse: in code, comments, strings and prose."""
    for path, text in repository.texts.items():
        separated = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text.replace("_", " "))
        for pattern, advice in rules.words:
            for match in pattern.finditer(separated):
                line = separated.count("\n", 0, match.start()) + 1
                yield Finding(path, line, " ".join(match[0].split()), advice)


def references(repository: Repository, _: Rules) -> Iterator[Finding]:
    """Yield every name of a file or module that does not exist."""
    for path, text in repository.texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            for found in _missing(repository, path, line):
                yield Finding(path, number, found, "does not exist")


def _missing(repository: Repository, path: str, line: str) -> Iterator[str]:
    beside = Path(path).parent
    paths = [named for named in _PATH.findall(line) if not repository.exists(named)]
    paths = [named for named in paths if not repository.exists(str(beside / named))]
    yield from paths
    for in_code, document in _FILE.findall(line):
        name = in_code or document
        if name not in repository.basenames and not any(path.endswith(name) for path in paths):
            yield name
    for module in _MODULE.findall(line):
        if module not in repository.basenames and not _is_module_or_member(repository, module):
            yield module


def _is_module_or_member(repository: Repository, name: str) -> bool:
    if name in repository.modules or name.replace(".", "/") in repository.directories:
        return True
    owner = name.rpartition(".")[0]
    while owner and owner not in repository.modules:
        owner = owner.rpartition(".")[0]
    member = name.removeprefix(owner).split(".")[1]
    file = repository.modules.get(owner, "")
    return bool(re.search(rf"\b{member}\b", repository.texts.get(file, "")))


def unused(repository: Repository, _: Rules) -> Iterator[Finding]:
    """Yield every runtime module that neither an entry point nor a module that it imports loads."""
    runtime = {name: file for name, file in repository.modules.items() if name.split(".")[0] in _RUNTIME}
    pending = [name for name in runtime if name.endswith(".__main__")]
    for file, text in repository.texts.items():
        if file == "pyproject.toml":
            pending += re.findall(r'^\w+ = "([\w.]+):\w+"', text, re.MULTILINE)
        if file.startswith("cdk/") and file.endswith(".py"):
            pending += [name.rpartition(".")[0] for name in re.findall(r'handler="([\w.]+)"', text)]
    used: set[str] = set()
    while pending:
        name = pending.pop()
        if name in runtime and name not in used:
            used.add(name)
            package = name.rpartition(".")[0]
            pending += [package, *_imports(repository.texts[runtime[name]], package)]
    for name in sorted(set(runtime) - used):
        yield Finding(runtime[name], 1, name, "no process imports it; move or delete it")


def _imports(source: str, package: str) -> Iterator[str]:
    """Yield all modules that `source` may import or run: strings that name a module, or a file of `package`, count."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if entry := _ENTRY.match(node.value):
                yield entry[1]
            yield f"{package}.{node.value.removesuffix('.py')}"


def outside(repository: Repository, _: Rules) -> Iterator[Finding]:
    """Yield every path in tests, benchmarks, scripts and documents that leaves the repository."""
    for path, text in repository.texts.items():
        if not path.startswith(tuple(f"{name}/" for name in _SELF_CONTAINED)):
            continue
        depth = len(Path(path).parts) - 1
        for number, line in enumerate(text.splitlines(), 1):
            found = [name for name in _UPWARD.findall(line) if name.startswith("/") or name.count("../") > depth]
            found += _ROOTS_PARENT.findall(line)
            for match in _PARENTS.finditer(line):
                levels = int(match[1]) if match[1] else match[2].count(".parent") - 1
                found += [match[0]] if levels > depth else []
            yield from (Finding(path, number, name, "outside of the repository") for name in found)


CHECKS: Mapping[str, Callable[[Repository, Rules], Iterator[Finding]]] = {
    check.__name__: check for check in (words, references, unused, outside)
}


def main(arguments: Sequence[str]) -> int:
    """Run the checks that `arguments` name, or all, and print what they find."""
    rules = parse_rules((_ROOT / "script" / "house.txt").read_text())
    repository = Repository.at(_ROOT)
    found = [
        finding
        for name in arguments or CHECKS
        for finding in CHECKS[name](repository, rules)
        if not rules.allows(finding)
    ]
    for finding in sorted(found):
        print(finding)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
