"""The store's tables, as they are today; `migrations` brings an older store here."""

import re
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

METADATA = MetaData()


class Storable(TypeDecorator[str]):
    """Text of any length. What databases or encodings cannot hold (NUL, lone surrogates) is replaced by U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is stored."""
        del dialect
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return _UNSTORABLE.sub("\ufffd", value)


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

META = Table("trimtab_meta", METADATA, Column("version", Integer, nullable=False))

PROFILES = Table(
    "profiles",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("aims", Storable, nullable=False),
    Column("system", Storable),
    Column("size", Integer, nullable=False),
)
"""What recall compares of studies; those that are alike share one. `size` is the number of parameters."""

TRAITS = Table(
    "profile_traits",
    METADATA,
    Column("trait", Storable, primary_key=True),
    Column("profile_id", ForeignKey("profiles.id"), primary_key=True),
    sqlite_with_rowid=False,
)
"""The parameters of each profile, as NAME:TYPE:UNIT."""

STUDIES = Table(
    "studies",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String(120), nullable=False, unique=True),
    Column("name", String(80), nullable=False, index=True),
    Column("definition", Storable, nullable=False),
    Column("definition_version", Integer, nullable=False, default=1, server_default="1"),
    Column("directory", Storable, nullable=False),
    Column("traits", Storable, nullable=False, default=""),  # of releases before PROFILES and TRAITS
    Column("environment", Storable, nullable=False),
    Column("state", String(12), nullable=False),
    Column("created", Float, nullable=False),
    Column("search_s", Float, nullable=False, default=0.0),
    Column("owner", Storable),
    Column("lease", Float),
    Column("profile_id", Integer, index=True),  # none where later studies learn nothing from it
    Column("project", Storable, index=True),
    Column("memory", String(12), nullable=False, default="on", server_default="on"),
    Column("result", Storable),
)

TRIALS = Table(
    "trials",
    METADATA,
    Column("study_id", ForeignKey("studies.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("source", String(80), nullable=False),
    Column("configuration", Storable, nullable=False),
    Column("proposal", Storable, nullable=False),
    Column("state", String(12), nullable=False),
    Column("metrics", Storable, nullable=False),
    Column("reason", Storable),
    Column("started", Float, nullable=False),
    Column("finished", Float),
    Column("duration_s", Float, nullable=False, default=0.0),
    Column("details", Storable),
)

EVALUATIONS = Table(
    "evaluations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("trial", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("configuration", Storable),
    Column("state", String(12), nullable=False),
    Column("metrics", Storable, nullable=False),
    Column("reason", Storable),
    Column("duration_s", Float, nullable=False),
    Column("log", Storable, nullable=False),
    Column("finished", Float, nullable=False),
    Column("host", Storable),
    Index("evaluation_identity", "study_id", "purpose", "trial", "position", unique=True),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("trial", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("host", Storable),
    Column("submitted", Float, nullable=False),
    Column("ended", Float),
    Column("measurement", Storable),
    Index("attempt_identity", "study_id", "purpose", "trial", "position", "number", unique=True),
    Index("attempt_state", "study_id", "state"),
)
"""Attempts at evaluations on machines that may vanish. `measurement` is a result that came too late to count."""


def _call_columns() -> list[Column[Any]]:
    """Return the columns of an attempted call of a model."""
    return [
        Column("model", String(200), nullable=False),
        Column("outcome", String(40), nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("input_tokens", Integer, nullable=False),
        Column("output_tokens", Integer, nullable=False),
        Column("dollars", Float),
        Column("latency_s", Float, nullable=False),
        Column("request", Storable, nullable=False),
        Column("response", Storable, nullable=False),
        Column("time", Float, nullable=False),
    ]


MODEL_CALLS = Table(
    "model_calls",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False, index=True),
    *_call_columns(),
)

CHAT_CALLS = Table(
    "chat_calls",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("chat", String(20), nullable=False, index=True),
    *_call_columns(),
)

ENDPOINTS = Table(
    "endpoints",
    METADATA,
    Column("endpoint", String(400), primary_key=True),
    Column("capability", String(20), nullable=False),
    Column("probed", Float, nullable=False),
    Column("refused", Text),
)


LESSONS = Table(
    "lessons",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("trait", Storable, nullable=False, index=True),
    Column("aims", Storable, nullable=False),
    Column("system", Storable),
    Column("project", Storable),
    Column("study_id", ForeignKey("studies.id"), index=True),
    Column("statement", Storable, nullable=False),
    Column("author", String(200), nullable=False),
    Column("created", Float, nullable=False),
    Column("retired", Float),
)
"""What was learned of a parameter; `trait` is the parameter's, `statement` JSON, `study_id` none where imported."""

LESSON_VERDICTS = Table(
    "lesson_verdicts",
    METADATA,
    Column("lesson_id", ForeignKey("lessons.id"), primary_key=True),
    Column("study_id", ForeignKey("studies.id"), primary_key=True),
    Column("used", Integer, nullable=False, default=0),
    Column("verdict", String(12), nullable=False, default=""),
)
"""What later studies said of a lesson: 'confirmed', 'refuted', or '' where they could not tell."""

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(20), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("definition", Storable, nullable=False),
    Column("directory", Storable, nullable=False),
    Column("resume", String(120)),
    Column("request", String(200), unique=True),
    Column("study", String(120)),
    Column("owner", Storable),
    Column("heartbeat", Float),
    Column("state", String(12), nullable=False),
    Column("message", Storable, nullable=False, default=""),
    Column("created", Float, nullable=False),
)
"""Runs, each a process of its own. `study` is the key in the store once there is one, `request` is asked for once."""

COMMANDS = Table(
    "commands",
    METADATA,
    Column("run", ForeignKey("runs.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("verb", String(20), nullable=False),
    Column("arguments", Storable, nullable=False),
    Column("by", String(80), nullable=False),
    Column("answer", Storable),
    Column("created", Float, nullable=False),
)
"""What is asked of a run; `answer` is JSON once it was done or refused."""

CHATS = Table(
    "chats",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String(20), nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("study", String(120)),
    Column("mode", String(10)),
)

CHAT_ENTRIES = Table(
    "chat_entries",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("chat", String(20), nullable=False, index=True),
    Column("role", String(12), nullable=False),
    Column("text", Storable, nullable=False),
    Column("data", Storable, nullable=False),
    Column("time", Float, nullable=False),
)
