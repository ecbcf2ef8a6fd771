"""The study file as text: lines of fields."""

import json
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.agent.study.toml_lines import line_of

names = st.text("abc_-", min_size=1, max_size=3) | st.sampled_from(["a b", "ü", "x.y", '"', "[z]", "#"])
strings = st.text("ab#[]{}=,.'\"\\\n ", max_size=8)
scalars = strings | st.integers(-9, 9) | st.booleans()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


class Writer:
    """Writes data in a style that is drawn piece by piece, and notes on which line each path begins."""

    def __init__(self, draw: Any) -> None:
        self.draw, self.text, self.lines = draw, "", {}

    def put(self, text: str) -> None:
        self.text += text

    def note(self, path: tuple[str | int, ...]) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def key(self, name: str) -> str:
        plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
        styles = [json.dumps(name, ensure_ascii=False)]
        styles += [name] if plain else []
        styles += [f"'{name}'"] if "'" not in name else []
        return self.draw(st.sampled_from(styles))

    def string(self, text: str) -> str:
        styles = [json.dumps(text)]
        styles += [f"'{text}'"] if "'" not in text and "\n" not in text else []
        styles += [f"'''\n{text}'''"] if "'" not in text else []
        styles += ['"""\n' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""']
        return self.draw(st.sampled_from(styles))

    def blank(self) -> str:
        return self.draw(st.sampled_from(["", " ", "\n", "  # ] } = 'x\n", "\n\n"]))

    def value(self, path: tuple[str | int, ...], value: Any) -> None:
        if isinstance(value, dict):
            self.put("{")
            for count, (name, each) in enumerate(value.items()):
                self.put(", " if count else " ")
                self.assignment(path, name, each)
            self.put(" }")
        elif isinstance(value, list):
            self.put("[")
            for count, each in enumerate(value):
                self.put(self.blank())
                self.note((*path, count))
                self.value((*path, count), each)
                self.put(self.blank() + ",")
            self.put(self.blank() + "]")
        else:
            self.put(self.string(value) if isinstance(value, str) else json.dumps(value))

    def assignment(self, path: tuple[str | int, ...], name: str, value: Any) -> None:
        self.note((*path, name))
        self.put(self.key(name))
        while isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
            path, (name, value) = (*path, name), next(iter(value.items()))
            self.note((*path, name))
            self.put(self.draw(st.sampled_from([".", " . "])) + self.key(name))
        self.put(" = ")
        self.value((*path, name), value)

    def table(self, path: tuple[str | int, ...], written: tuple[str, ...], data: dict[str, Any]) -> None:
        later = {}
        for name, value in data.items():
            tables = isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
            if (isinstance(value, dict) or tables) and self.draw(st.booleans()):
                later[name] = value
                continue
            self.assignment(path, name, value)
            self.put(self.draw(st.sampled_from(["\n", " # a = 1\n", "\n\n"])))
        for name, value in later.items():
            inner = (*written, self.key(name))
            header = ".".join(inner)
            for count, each in enumerate(value if isinstance(value, list) else [value]):
                here = (*path, name, count) if isinstance(value, list) else (*path, name)
                self.note((*path, name))
                self.note(here)
                self.put(f"[[{header}]]\n" if isinstance(value, list) else f"[{header}]\n")
                self.table(here, inner, each)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(names, values, max_size=4), st.data())
def test_every_field_has_its_line_however_it_is_written(data: dict[str, Any], source: st.DataObject) -> None:
    writer = Writer(source.draw)
    writer.table((), (), data)
    assert tomllib.loads(writer.text) == data
    assert {path: line_of(writer.text, path) for path in writer.lines} == writer.lines
