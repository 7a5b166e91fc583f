"""Errors that a user can cause, and how they are worded: one line, printable, short, and without passwords."""

import itertools
import re
import reprlib
from typing import Any
from urllib.parse import quote, unquote

SEPARATOR = "\n       "
"""Between the problems of one error. Each has its own line."""
LONGEST = 800
"""Characters of a line. A message quotes what a user wrote, and that may be a million characters."""
MOST_LINES = 20
"""Problems that are shown: more would not be read."""
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc", "ALLOC_FAILED")
"""What the allocators of CPU, CUDA, MPS, C++ and cuBLAS say."""
HIDDEN = "***"
"""What stands in a message for a password."""
USER = re.compile(
    r"""(?P<before>:(?:\\?/){2})(?=[^\s/?\#]*@|(?!\[)[^\s/?\#:@]*:(?!\d*[/?\#]))(?P<user>(?:(?!:(?:\\?/){2})\S)*)@
    | (?P<coded_before>%3A%2F%2F)(?P<coded_user>(?:(?!%3A%2F%2F)[^\s&])*)%40""",
    re.VERBOSE | re.IGNORECASE,
)
"""The user information of a URL: up to its last `@`, where one comes before the path, or a colon that no port follows.

So it holds for passwords with `@`, `:`, `/`, `?` and `#` in them, too, and in doubt it hides more.
"""
PARAMETERS = re.compile(
    r"""((?:[?&;\#][\w.-]*(?:token|secret|passw(?:or)?d|pwd|signature|credential|api[_-]?key|accesskeyid)
    | [?&;\#]sig | (?<!\w)(?:passw(?:or)?d|pwd))=["']?
    | authorization["']?\s*[:=]\s*["']?(?:basic|bearer|token)\s+)[^\s&;\#"'<>]+""",
    re.VERBOSE | re.IGNORECASE,
)
"""Parameters of a URL that stand for a password, `password=…` anywhere, and HTTP's own header."""
SHORTEST_SECRET = 4
"""Characters from which on a password is also looked for outside of its URL: `on` would be found everywhere."""
MOST_SECRETS = 20
"""Passwords of one text that are looked for outside of their URLs, too."""
SHORTEST_TOKEN = 16
"""Characters from which on a user without a password is taken for a token, as GitHub's are."""


class PganError(Exception):
    """An error whose message is one clear line for the user: what was wrong, where, and what to do."""

    exit_code = 1


class InputError(PganError):
    """The user's input is wrong: a parameter, a path, a file. Exit code 2."""

    exit_code = 2


class RunError(PganError):
    """The input was right, but the work could not be done: disk full, diverged training. Exit code 1."""

    exit_code = 1


def readable(message: str) -> str:
    """A message as a terminal can show it: lines that are printable, of bearable length and number.

    Messages quote names and values from files, which may hold line breaks, control characters, megabytes or passwords.
    """
    lines = [_line(part) for part in redacted(message).split(SEPARATOR, MOST_LINES)]
    if len(lines) > MOST_LINES:
        lines[-1] = f"… and {message.count(SEPARATOR) + 1 - MOST_LINES} more"
    return SEPARATOR.join(lines)


def _line(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 3 // 4]} … {text[-LONGEST // 4 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def redacted(text: str, *secrets: str) -> str:
    """A text without `secrets`, and without the passwords and tokens in its URLs, wherever they occur in it.

    What goes out to a terminal, a log or MLflow goes through here: libraries quote the addresses that they are given.
    """
    users = itertools.islice(USER.finditer(text), MOST_SECRETS)
    found = {*secrets, *(_password(match["user"] or match["coded_user"] or "") for match in users)}
    text = PARAMETERS.sub(rf"\g<1>{HIDDEN}", USER.sub(_without_user, text))
    patterns = _elsewhere([secret[:LONGEST] for secret in found if secret])
    return re.sub("|".join(patterns), HIDDEN, text) if patterns else text


def _without_user(match: re.Match[str]) -> str:
    return f"{match['before']}{HIDDEN}@" if match["before"] else f"{match['coded_before']}{HIDDEN}%40"


def _password(user: str) -> str:
    """What is secret in the user information of a URL: a long name without a password is a token."""
    name, colon, password = unquote(user).partition(":") if "%3A" in user.upper() else user.partition(":")
    return password if colon else name * (len(name) >= SHORTEST_TOKEN)


def _elsewhere(secrets: list[str]) -> list[str]:
    """Patterns of passwords outside of their URLs: whole, and what is left of them where a URL was cut within one."""
    forms = {form for secret in secrets for form in (secret, unquote(secret), quote(secret, safe=""))}
    pieces = {piece for form in forms for piece in re.split("[:/?#@]", form) if piece}
    whole = [re.escape(form) for form in sorted(forms, key=len, reverse=True) if len(form) >= SHORTEST_SECRET]
    cut = [re.escape(piece) for piece in sorted(pieces, key=len, reverse=True)]
    return [rf"(?<!\w){form}(?!\w)" for form in whole] + [
        rf"(?<!\w){piece}(?=@)|(?<=['\"]){piece}(?=['\"])" for piece in cut
    ]


class _Values(reprlib.Repr):
    """Shortens, and redacts first: half of a URL hides its password no longer."""

    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(redacted(x), level)


def shown(value: Any) -> str:
    """A value from a file, in a message: its beginning, as Python writes it, however large or nested it is."""
    return _values.repr(value)


_values = _Values()
_values.maxlevel, _values.maxstring, _values.maxother = 2, 100, 100


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says so; torch's allocators have no common exception."""
    if isinstance(error, RuntimeError):
        return any(sign in str(error) for sign in NO_MEMORY)
    return isinstance(error, MemoryError)
