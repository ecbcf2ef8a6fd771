"""What tells how similar two studies are, indexed, so that the most similar of thousands are found by one query."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Float, Select, and_, case, cast, func, insert, select

from ...study.parameters import Parameter
from ...study.sections import Study
from .schema import PROFILES, STUDIES, TRAITS
from .subject import Subject

OTHER_SYSTEM = 0.8
"""What a parameter in common is worth when the systems are not known to be the same."""
_PAGE = 20


def trait_of(name: str, parameter: Parameter) -> str:
    """Return how a parameter is recognised in other studies: NAME:TYPE:UNIT."""
    return f"{name}:{parameter.type}:{parameter.unit}"


@dataclass(frozen=True)
class Profile:
    """What recall compares: the aims (objectives, as JSON text), the system, and each parameter as NAME:TYPE:UNIT."""

    aims: str
    system: str | None
    traits: frozenset[str]

    @classmethod
    def of(cls, study: Study) -> "Profile":
        """Return the profile of a study."""
        aims = json.dumps([each.identity for each in study.objectives])
        traits = frozenset(trait_of(name, each) for name, each in study.parameters.items())
        return cls(aims, study.study.system, traits)

    @property
    def digest(self) -> str:
        """Text of 64 characters that is equal for equal profiles."""
        whole = json.dumps([self.aims, self.system, sorted(self.traits)])
        return hashlib.sha256(whole.encode()).hexdigest()


@dataclass(frozen=True)
class Similar:
    """A stored study that resembles another one, and how much, 0 to 1."""

    id: int
    key: str
    similarity: float


class Profiles(Subject):
    """Profiles of the studies in the store."""

    def profile_id(self, profile: Profile) -> int:
        """Return the number under which a profile is stored; the first time it is added."""
        with self._database.reading() as connection:
            known = find_profile(connection, profile)
        if known is not None:
            return known
        with self._database.alone() as connection:
            known = find_profile(connection, profile)
            return add_profile(connection, profile) if known is None else known

    def similar(
        self, profile: Profile, at_least: float, exclude: str | None = None, project: str | None = None
    ) -> Iterator[Similar]:
        """Yield the studies with the same aims, the most similar and newest first; `exclude` is the key of one.

        Similarity is the parameters in common over all parameters of both; less when the systems may differ. Where a
        `project` is given, only its studies.
        """
        scored = _scored(profile).subquery()
        query = (
            select(STUDIES.c.id, STUDIES.c.key, scored.c.similarity)
            .join_from(scored, STUDIES, STUDIES.c.profile_id == scored.c.id)
            .where(scored.c.similarity >= at_least, STUDIES.c.key != (exclude or ""))
            .order_by(scored.c.similarity.desc(), STUDIES.c.id.desc())
            .limit(_PAGE)
        )
        if project is not None:
            query = query.where(STUDIES.c.project == project)
        for page in itertools.count():
            with self._database.reading() as connection:
                rows = connection.execute(query.offset(page * _PAGE)).all()
            yield from (Similar(row.id, row.key, row.similarity) for row in rows)
            if len(rows) < _PAGE:
                return


def find_profile(connection: Connection, profile: Profile) -> int | None:
    """Return the number of a stored profile, None when it is not stored."""
    return connection.execute(select(PROFILES.c.id).where(PROFILES.c.digest == profile.digest)).scalar()


def add_profile(connection: Connection, profile: Profile) -> int:
    """Store a profile that is not there, and return its number."""
    row = {"aims": profile.aims, "system": profile.system, "size": len(profile.traits), "digest": profile.digest}
    connection.execute(insert(PROFILES).values(row))
    number = find_profile(connection, profile)
    assert number is not None
    connection.execute(insert(TRAITS), [{"profile_id": number, "trait": each} for each in sorted(profile.traits)])
    return number


def _scored(profile: Profile) -> Select[tuple[int, float]]:
    """Return the query of all profiles with the same aims and a parameter in common, with their similarity."""
    common = select(TRAITS.c.profile_id, func.count().label("count")).where(TRAITS.c.trait.in_(profile.traits))
    shared = common.group_by(TRAITS.c.profile_id).subquery()
    overlap = cast(shared.c.count, Float) / (len(profile.traits) + PROFILES.c.size - shared.c.count)
    same_system = and_(PROFILES.c.system.is_not(None), PROFILES.c.system == profile.system)
    similarity = overlap * case((same_system, 1.0), else_=OTHER_SYSTEM)
    scored = select(PROFILES.c.id, similarity.label("similarity")).where(PROFILES.c.aims == profile.aims)
    return scored.join_from(shared, PROFILES, PROFILES.c.id == shared.c.profile_id)
