"""YAML of people who may err or mean ill: plain data only, of bounded size and depth, no key twice.

Nothing in a file is ever called or imported. Bounds hold before anything is built, for what aliases stand for too, so
that neither a file of brackets nor a few lines of aliases of aliases take the process with them.
"""

from __future__ import annotations

import collections
from pathlib import Path

import yaml
from yaml.composer import Composer, ComposerError
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

from postloan.errors import RuleError

_MOST_BYTES, _MOST_NODES, _DEEPEST, _LONGEST_NUMBER = 10_000_000, 200_000, 40, 100
_PARSER = getattr(yaml.cyaml, "CParser", None) if yaml.__with_libyaml__ else None  # ten times as fast
_BASES = (_PARSER,) if _PARSER else (yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser)


class _Loader(Composer, *_BASES, SafeConstructor, Resolver):
    """The safe subset, composed within the bounds."""

    def __init__(self, text: str):
        if _PARSER:
            _PARSER.__init__(self, text)
        else:
            yaml.reader.Reader.__init__(self, text)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)
        for part in (Composer, SafeConstructor, Resolver):
            part.__init__(self)
        self._depth, self._nodes, self._sizes = 0, 0, collections.defaultdict(int)

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        """A node; refused below the deepest level, after the last allowed one, and where it holds itself."""
        mark, before, alias = self.peek_event().start_mark, self._nodes, self.check_event(yaml.AliasEvent)
        self._depth, self._nodes = self._depth + 1, self._nodes + 1
        if self._depth > _DEEPEST:
            raise ComposerError(None, None, f"expected at most {_DEEPEST} levels, found more", mark)
        node = super().compose_node(parent, index)
        if node.tag == "tag:yaml.org,2002:int" and len(node.value) > _LONGEST_NUMBER:
            raise ComposerError(None, None, f"expected numbers of at most {_LONGEST_NUMBER} digits, found more", mark)
        if alias and not self._sizes[id(node)]:
            raise ComposerError(None, None, "an alias stands inside what it names", mark)
        self._nodes += self._sizes[id(node)] if alias else 0
        if self._nodes > _MOST_NODES:
            raise ComposerError(None, None, f"expected at most {_MOST_NODES:,} values, found more", mark)
        self._depth -= 1
        self._sizes[id(node)] = self._sizes[id(node)] or self._nodes - before
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Refuses a key given twice, of which YAML would silently keep the last."""
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and key.value in seen:
                raise ConstructorError(None, None, f"key {key.value!r} given twice", key.start_mark)
            seen.add(key.value if isinstance(key.value, str) else id(key))
        return super().construct_mapping(node, deep)


def parse(text: str, where: object) -> object:
    """The plain data a YAML text states; RuleError names `where` and what is wrong there."""
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except Exception as error:  # constructors raise their own kinds, such as ValueError for 2024-02-30
        raise RuleError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None


def read(path: Path) -> object:
    """What a YAML file states; RuleError names the file when it is none, or too large."""
    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise RuleError(f"{path}: expected at most {_MOST_BYTES:,} bytes of YAML, found {size:,}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuleError(f"{path}: no such file") from None
    except OSError as error:
        raise RuleError(f"{path}: cannot be read: {error.strerror}; check the path and the rights") from None
    except UnicodeDecodeError as error:
        raise RuleError(f"{path}: not valid YAML: {error}") from None
    return parse(text, path)
