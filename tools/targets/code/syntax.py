"""What a language says of a file: whether it can be read, and a form that is equal for texts that mean the same."""

import ast
import json
import re
import tomllib
import warnings

_C_LIKE = {".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".rs", ".go", ".java", ".js", ".ts"}
_C_TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", re.DOTALL)


def mistake(name: str, text: str) -> str:
    """Return what is wrong with a file's syntax, with its line; '' where nothing is, or where nobody can tell."""
    try:
        match _kind(name):
            case ".py":
                _tree(text)
            case ".json":
                json.loads(text)
            case ".toml":
                tomllib.loads(text)
    except SyntaxError as error:
        return f"{name}:{error.lineno or 0}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{name}: {error or type(error).__name__}"
    return ""


def normal(name: str, text: str) -> str:
    """Return a text that is equal for files that differ in comments and layout only."""
    kind = _kind(name)
    if kind == ".py":
        try:
            return ast.dump(_tree(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return text
    if kind in _C_LIKE:
        text = _C_TOKEN.sub(lambda found: " " if found[0].startswith(("//", "/*")) else found[0], text)
    return " ".join(text.split())


def _kind(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""


def _tree(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as for odd escapes: the program's own business
        return ast.parse(text)
