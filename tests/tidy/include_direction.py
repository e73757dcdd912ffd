#!/usr/bin/env python3
"""Modules include only what modules.py allows, and each library is included in one place only."""
import collections
import re

import modules
import tree

ONLY_IN = {
    # Clang cannot see which members a std::mutex protects.
    "mutex": ("schema/mutex.h",),
    "shared_mutex": (),
    "condition_variable": ("schema/mutex.h",),
    "simdjson": ("ingest/json/", "ingest/event/"),
    "librdkafka/": ("ingest/kafka/",),
    "libpq": ("ingest/postgres/",),
    "pg_config": ("ingest/postgres/",),
    "prometheus/": ("daemon/telemetry/",),
    "systemd/": ("daemon/service/",),
    "toml++": ("daemon/config/",),
    "CLI/": ("daemon/cli/", "daemon/commands/"),
    "boost/beast": ("daemon/http/",),
}
# Minutes of compile time for everybody who includes the header.
NOT_IN_HEADERS = ("simdjson", "toml++", "CLI/", "prometheus/", "spdlog/")
INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')
NAMESPACE = re.compile(r"^namespace (usage_ingest[\w:]*) \{")


def include_reasons(path: str, included: str):
    own, other = modules.module_of(path), modules.module_of(included)
    if own is None:
        return  # tests and benches may use all
    if included.split("/", 1)[0] in ("tests", "bench"):
        yield f"{own} includes {included}: no module uses tests or benches"
    if other is not None and own != modules.PROGRAM:
        allowed = (own, *modules.VALUES, *modules.MODULES.get(own, ()))
        if own in modules.VALUES:
            allowed = (own, "schema")
        if other not in allowed:
            yield f"{own} includes {included}: tests/tidy/modules.py does not allow it"
    for prefix, folders in ONLY_IN.items():
        if included.startswith(prefix) and not path.startswith(folders):
            yield f"<{included}> belongs only in {' and '.join(folders) or 'no module'}"
    if path.endswith(".h") and included.startswith(NOT_IN_HEADERS):
        yield f"<{included}> in a header: keep it behind a pimpl"


def check_includes(root):
    for path in tree.sources(root):
        for number, line in enumerate(tree.lines(root, path), 1):
            if match := INCLUDE.match(line):
                for reason in include_reasons(path.as_posix(), match[1]):
                    yield f"{path}:{number}: {reason}"


def check_order(_root):
    """A module may name only modules that stand before it, so arrows point one way."""
    before: list[str] = []
    for module, allowed in modules.MODULES.items():
        for other in allowed:
            if other not in before:
                yield f"tests/tidy/modules.py: {module} names {other}, which does not stand before it"
        before.append(module)


def check_modules(root):
    sizes: collections.Counter = collections.Counter()
    for path in tree.sources(root):
        module = modules.module_of(path.as_posix())
        if module is None or module == modules.PROGRAM:
            continue
        sizes[module] += 1
        if module not in modules.MODULES:
            yield f"{path}: {module} is no module of tests/tidy/modules.py"
            continue
        own = modules.namespace_of(module)
        for number, line in enumerate(tree.lines(root, path), 1):
            if (match := NAMESPACE.match(line)) and not is_allowed_namespace(own, match[1], path):
                yield f"{path}:{number}: namespace {match[1]} in {module}, which is {own}"
    for module, size in sizes.items():
        if size > modules.FILES_MAX:
            yield f"{module}: {size} files, at most {modules.FILES_MAX}: split it"


def is_allowed_namespace(own, found, path) -> bool:
    # A header may declare a type of another module ahead, instead of including it.
    return found == own or found.startswith(own + "::") or path.suffix == ".h"


if __name__ == "__main__":
    tree.main(check_includes, check_order, check_modules)
