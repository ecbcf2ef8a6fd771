"""The lessons of the store, and what later studies said of them. What a lesson is: `..lessons`."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, and_, case, delete, func, insert, select, update

from ....tools.text import neutral, one_line
from .schema import LESSON_VERDICTS, LESSONS, STUDIES
from .subject import Subject
from .texts import add_text, remove_text

Verdict = Literal["confirmed", "refuted", ""]


@dataclass(frozen=True)
class StoredLesson:
    """A lesson as stored: how many studies used it, and what they say of it. `study` is '' where it was imported."""

    number: int
    trait: str
    aims: str
    system: str | None
    project: str | None
    study: str
    statement: Mapping[str, Any]
    author: str
    created: float
    retired: float | None
    used: int
    confirmed: int
    refuted: int


class Lessons(Subject):
    """Lessons in the store. They are added, counted and retired, never rewritten."""

    def add_lesson(
        self, study_id: int | None, trait: str, aims: str, system: str | None, project: str | None,
        statement: Mapping[str, Any], author: str, words: str, created: float | None = None,
    ) -> int:  # fmt: skip
        """Add a lesson, found under `words`, and return its number."""
        row = {
            "trait": trait,
            "aims": aims,
            "system": system,
            "project": project,
            "study_id": study_id,
            "statement": json.dumps(dict(statement)),
            "author": author[:200],
            "created": time.time() if created is None else created,
        }
        with self._database.alone() as connection:
            connection.execute(insert(LESSONS).values(row))
            number = int(connection.execute(select(func.max(LESSONS.c.id))).scalar_one())
            add_text(connection, "lesson", number, words)
        return number

    def lessons(
        self, aims: str | None = None, traits: Collection[str] | None = None, numbers: Collection[int] | None = None
    ) -> list[StoredLesson]:
        """Return the lessons in the order in which they came; of these aims, traits or numbers where given."""
        query = _COUNTED
        for column, wanted in ((LESSONS.c.aims, [aims]), (LESSONS.c.trait, traits), (LESSONS.c.id, numbers)):
            if wanted is not None and None not in wanted:
                query = query.where(column.in_(list(wanted)))
        with self._database.reading() as connection:
            return [_lesson_of(row) for row in connection.execute(query.order_by(LESSONS.c.id))]

    def say_of_lesson(self, number: int, study_id: int, verdict: Verdict = "", *, used: bool = False) -> None:
        """Note that a study used a lesson, or what it says of it; a study has one verdict on a lesson, the last."""
        here = and_(LESSON_VERDICTS.c.lesson_id == number, LESSON_VERDICTS.c.study_id == study_id)
        with self._database.alone() as connection:
            known = connection.execute(select(LESSON_VERDICTS).where(here)).first()
            values = {"used": int(used or (known is not None and known.used)), "verdict": verdict}
            if known is None:
                connection.execute(insert(LESSON_VERDICTS).values(lesson_id=number, study_id=study_id, **values))
            else:
                values["verdict"] = verdict or known.verdict
                connection.execute(update(LESSON_VERDICTS).where(here).values(values))

    def verdicts(self, number: int) -> list[tuple[str, bool, Verdict]]:
        """Return what studies said of a lesson: (key, whether it was used there, the verdict)."""
        query = select(STUDIES.c.key, LESSON_VERDICTS.c.used, LESSON_VERDICTS.c.verdict)
        query = query.join_from(LESSON_VERDICTS, STUDIES, STUDIES.c.id == LESSON_VERDICTS.c.study_id)
        with self._database.reading() as connection:
            rows = connection.execute(query.where(LESSON_VERDICTS.c.lesson_id == number).order_by(STUDIES.c.id))
            return [(one_line(row.key), bool(row.used), row.verdict) for row in rows]

    def reword_lesson(self, number: int, words: str) -> None:
        """Let a lesson be found under other words."""
        with self._database.writing() as connection:
            add_text(connection, "lesson", number, words)

    def retire_lesson(self, number: int) -> None:
        """Let a lesson speak no more; it stays to be looked at."""
        with self._database.writing() as connection:
            connection.execute(update(LESSONS).where(LESSONS.c.id == number).values(retired=time.time()))

    def forget_lesson(self, number: int) -> bool:
        """Delete a lesson with all that was said of it; returns whether there was one."""
        with self._database.writing() as connection:
            return bool(_forget(connection, [number]))


def forget_lessons_of(connection: Connection, study_id: int) -> None:
    """Delete a study's lessons, and what it said of others'."""
    numbers = connection.execute(select(LESSONS.c.id).where(LESSONS.c.study_id == study_id)).scalars().all()
    _forget(connection, numbers)
    connection.execute(delete(LESSON_VERDICTS).where(LESSON_VERDICTS.c.study_id == study_id))


def _forget(connection: Connection, numbers: Collection[int]) -> int:
    for number in numbers:
        remove_text(connection, "lesson", number)
    connection.execute(delete(LESSON_VERDICTS).where(LESSON_VERDICTS.c.lesson_id.in_(numbers)))
    return connection.execute(delete(LESSONS).where(LESSONS.c.id.in_(numbers))).rowcount


def _count(verdict: str) -> Any:  # SQLAlchemy's own types of a sum are of no use here
    return func.sum(case((LESSON_VERDICTS.c.verdict == verdict, 1), else_=0)).label(verdict)


_COUNTED = (
    select(
        LESSONS, STUDIES.c.key, func.sum(LESSON_VERDICTS.c.used).label("used"), _count("confirmed"), _count("refuted")
    )
    .join_from(LESSONS, STUDIES, STUDIES.c.id == LESSONS.c.study_id, isouter=True)
    .join(LESSON_VERDICTS, LESSON_VERDICTS.c.lesson_id == LESSONS.c.id, isouter=True)
    .group_by(LESSONS.c.id, STUDIES.c.key)
)


def _lesson_of(row: Any) -> StoredLesson:  # a row of the query above
    return StoredLesson(
        number=row.id,
        trait=one_line(row.trait),
        aims=row.aims,
        system=row.system,
        project=row.project,
        study=one_line(row.key or ""),
        statement=neutral(json.loads(row.statement)),
        author=one_line(row.author),
        created=row.created,
        retired=row.retired,
        used=row.used or 0,
        confirmed=row.confirmed or 0,
        refuted=row.refuted or 0,
    )
