"""The contract test of the store; `trimtab.agent.testing` is where others import it from."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from sqlalchemy import create_engine, text, update

from ...tools.errors import InputError, TrimtabError
from ...tools.targets import Measurement
from ..study.sections import Study
from ..study.versions import VERSION
from ..trials.attempt import Attempt
from ..trials.candidate import Candidate
from ..trials.source import Source
from ..trials.trial import Trial
from .recall import recall
from .store import Store, StoreError
from .store.db import Database
from .store.leases import LEASE_S
from .store.ownership import Owner, this_process
from .store.profiles import Profile
from .store.rows import StoredEvaluation, StoredStudy
from .store.schema import RUNS, STUDIES

Result = TypeVar("Result")
_CROWD = 8
_ODD = "a\x00b \ud800 \x1b[2J é 漢 \U0001f600"
"""Text that databases and encodings object to."""


class StoreContract:
    """What the store must do on every database.

    Subclass it and give it a pytest fixture `url`: the URL of an empty database that nobody else uses, as a string.
    """

    def test_what_is_stored_comes_back(self, url: str) -> None:
        """Also text that the database cannot hold as it is, and from another connection."""
        store = Store(url)
        stored = _added(store)
        trial = _trial(0)
        trial.rationale, trial.predicted = "why", {"loss": (1.0, 0.5, 2.0)}
        store.start_trial(stored.id, trial)
        assert store.trials(stored.id) == [trial]
        trial.state, trial.metrics, trial.values, trial.steps = "complete", {"loss": 0.1 + 0.2}, [0.3], {4: 0.5}
        trial.finished, trial.duration_s, trial.reason = 2.5, 0.25, "odd"
        measured = Measurement(state="complete", metrics={"loss": 0.3}, duration_s=0.25, log="some output")
        last = StoredEvaluation("tune", 0, 0, 1 << 40, measured)
        store.finish_trial(stored.id, trial, 7.5, last)
        store.add_evaluation(stored.id, StoredEvaluation("check:0", 0, 1, 2, measured), "{}")
        store.set_result(stored.id, {"verdict": _ODD})
        store.close()
        again = Store(url)
        assert again.trials(stored.id) == [trial]
        assert again.evaluations(stored.id, "tune", 0) == [last]
        assert again.purposes(stored.id) == ["check:0"]
        found = again.study("contract-1")
        assert (found.search_s, found.result, found.definition_version) == (7.5, {"verdict": _ODD}, VERSION)
        again.close()

    def test_odd_text_never_keeps_anything_from_being_stored(self, url: str) -> None:
        """What cannot be stored is replaced; the rest of the text is as it was."""
        store = Store(url)
        stored = _added(store)
        call = {"model": "m" * 300, "outcome": "ok", "attempt": 1, "input_tokens": 3, "output_tokens": 4}
        store.add_model_call(stored.id, {**call, "dollars": 0.5, "latency_s": 1.0, "request": _ODD, "response": _ODD})
        (told,) = store.model_calls(stored.id)
        assert told["request"] == told["response"] == _ODD.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
        assert store.spent_on_models(stored.id)["input_tokens"] == 3
        key = store.create_chat()
        store.add_chat_entry(key, "user", _ODD, "{}")
        store.update_chat(key, "contract-1", "ask")
        assert [entry["text"] for entry in store.chat_entries(store.find_chat(key))] == [told["request"]]
        store.keep_endpoint_facts("x" * 500, "tools", frozenset())
        store.keep_endpoint_facts("x" * 500, "text", frozenset({"seed"}))
        assert store.endpoint_facts("x" * 500) == ("text", frozenset({"seed"}))
        store.close()

    def test_any_number_may_be_the_first_to_use_it(self, url: str) -> None:
        """All succeed, and studies and conversations get keys without gaps."""

        def use(_index: int) -> tuple[str, str]:
            store = Store(url)
            used = _added(store).key, store.create_chat()
            store.close()
            return used

        studies, chats = zip(*_at_once(use), strict=True)
        assert sorted(studies) == sorted(f"contract-{number + 1}" for number in range(_CROWD))
        assert sorted(chats) == sorted(f"chat-{number + 1}" for number in range(_CROWD))

    def test_of_many_that_take_a_study_one_gets_it(self, url: str) -> None:
        """The others are told who has it, also within one process."""
        first = Store(url)
        stored = _added(first)
        first.close()
        stores = [Store(url) for _ in range(_CROWD)]

        def take(index: int) -> str:
            try:
                stores[index].acquire(stored.id)
            except InputError as error:
                return str(error)
            return "owner"

        said = _at_once(take)
        assert said.count("owner") == 1
        assert sum("contract-1 is being run by this process" in each for each in said) == _CROWD - 1
        for store in stores:
            store.close()

    def test_only_the_owner_gives_a_study_up(self, url: str) -> None:
        """Release and close leave what others own."""
        mine, other = Store(url), Store(url)
        stored = _added(mine)
        other.release(stored.id, "finished")
        other.close()
        assert mine.study("contract-1").state == "running"
        mine.close()
        store = Store(url)
        assert store.study("contract-1").state == "interrupted"
        store.acquire(stored.id)
        store.release(stored.id, "finished")
        assert store.study("contract-1").state == "finished"
        store.close()

    def test_a_lease_that_ran_out_changes_hands_and_its_loser_writes_no_more(self, url: str) -> None:
        """The clock that counts is the database's."""
        away, here = Store(url), Store(url)
        stored = _added(away)
        away.start_trial(stored.id, _trial(0))
        _moved_away(url, lease_s=LEASE_S)
        said = _refusal(lambda: here.acquire(stored.id), InputError)
        assert "contract-1 is being run by process 7 on elsewhere" in said
        assert "lease runs out in" in said
        _moved_away(url, lease_s=-1)
        here.acquire(stored.id)
        for write in (lambda: away.start_trial(stored.id, _trial(1)), lambda: away.set_result(stored.id, {})):
            assert "contract-1 was taken over by process" in _refusal(write, StoreError)
        away.close()
        here.start_trial(stored.id, _trial(1))
        assert [trial.number for trial in here.trials(stored.id)] == [0, 1]
        assert here.study("contract-1").state == "running"
        here.close()

    def test_similar_studies_are_recalled_and_all_are_listed(self, url: str) -> None:
        """By one query each."""
        store = Store(url)
        for loss in (3.0, 1.0):
            stored = _added(store)
            done = _trial(0)
            store.start_trial(stored.id, done)
            done.state, done.metrics = "complete", {"loss": loss}
            store.finish_trial(stored.id, done, 1.0)
        store.set_result(stored.id, {"check": {"verdict": "improved"}})
        _added(store)
        found = [(each.key, each.similarity, each.metrics) for each in recall(store, _study())]
        assert found == [("contract-2", 0.8, {"loss": 1.0}), ("contract-1", 0.8, {"loss": 3.0})]
        assert [(each.key, each.trials, each.check.get("verdict")) for each in store.listing()] == [
            ("contract-3", 0, None),
            ("contract-2", 1, "improved"),
            ("contract-1", 1, None),
        ]
        store.close()

    def test_an_older_store_is_brought_up_to_date_whoever_comes_first(self, url: str) -> None:
        """Nothing that was in it is lost."""
        store = Store(url)
        _added(store)
        store.close()
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DROP INDEX ix_studies_profile_id"))
            for column in ("lease", "definition_version", "profile_id"):
                connection.execute(text(f"ALTER TABLE studies DROP COLUMN {column}"))
            for table in ("profile_traits", "profiles", "chat_entries", "chats"):
                connection.execute(text(f"DROP TABLE {table}"))
            old = '{"system": null, "parameters": ["x:float:"], "objectives": [["loss", "minimize", null]]}'
            connection.execute(text("UPDATE studies SET traits = :old"), {"old": old})
            connection.execute(text("UPDATE trimtab_meta SET version = 2"))
        engine.dispose()

        def use(_index: int) -> str:
            store = Store(url)
            found = store.study("contract-1")
            (like,) = store.similar(Profile.of(_study()), 0.5)
            store.close()
            return f"{like.key} {found.definition_version}"

        assert set(_at_once(use)) == {"contract-1 1"}

    def test_lessons_are_counted_by_study_and_go_with_their_study(self, url: str) -> None:
        """A study has one verdict on a lesson; what is deleted is found nowhere any more."""
        store = Store(url)
        first, second = _added(store), _added(store)
        statement = {"kind": "helps", "better": 1, "worse": 2, "text": _ODD}
        number = store.add_lesson(first.id, "x:float:", "[]", None, "/p", statement, "somebody", "x helps wonderfully")
        store.say_of_lesson(number, second.id, used=True)
        store.say_of_lesson(number, second.id, "refuted")
        store.say_of_lesson(number, second.id, "confirmed")
        store.say_of_lesson(number, first.id)
        (lesson,) = store.lessons(aims="[]", traits=["x:float:"])
        assert (lesson.used, lesson.confirmed, lesson.refuted, lesson.study) == (1, 1, 0, first.key)
        assert store.verdicts(number) == [(first.key, False, ""), (second.key, True, "confirmed")]
        assert store.lessons(aims="[1]") == store.lessons(traits=["y"]) == store.lessons(numbers=[99]) == []
        (hit,) = store.find_text("wonderfully; DROP TABLE")
        assert (hit.kind, hit.number, hit.words) == ("lesson", number, ("wonderfully",))
        store.delete(first.id)
        assert (store.lessons(), store.find_text("wonderfully"), store.verdicts(number)) == ([], [], [])
        store.close()

    def test_studies_are_found_by_their_words(self, url: str) -> None:
        """What has more of them comes first; signs of a query language are no query."""
        store = Store(url)
        keys = {each.id: each.key for each in (_added(store), _added(store, "a cache of a web server"))}
        found = [(keys[hit.number], hit.words) for hit in store.find_text("Contract of the WEB_server")]
        assert found == [("contract-2", ("contract", "of", "web", "server")), ("contract-1", ("contract",))]
        assert [keys[hit.number] for hit in store.find_text("contract", limit=1)] != []
        for odd in ("", "' \" * ^ : ( ) -", "NOT", "a\0b", "NEAR(web"):
            store.find_text(odd)
        store.close()

    def test_runs_live_while_their_process_does(self, url: str) -> None:
        """And one request is one run, however many ask at once."""
        store = Store(url)
        made = _at_once(lambda _index: store.add_run("small", {"a": 1}, "/d", None, "one request"))
        assert len({run.id for run, _new in made}) == 1
        assert [new for _run, new in made].count(True) == 1
        run = made[0][0]
        assert (run.state, run.study, run.over, dict(run.definition)) == ("starting", "", False, {"a": 1})
        store.beat_run(run.id, "running", "small-1")
        assert store.run("small-1").state == store.run(run.id).state == "running"
        other, new = store.add_run("other", {}, "/d")
        assert new
        assert {each.id for each in store.runs()} == {run.id, other.id}
        database = Database(url)
        gone = Owner(1 << 22, "here", "1", this_process().boot, this_process().namespace).text
        with database.writing() as connection:
            connection.execute(update(RUNS).where(RUNS.c.id == run.id).values(owner=gone))
        database.close()
        assert store.run(run.id).state == "dead"
        store.beat_run(run.id, "ended", message="why")
        assert (store.run(run.id).state, store.run(run.id).message) == ("ended", "why")
        assert "no run" in _refusal(lambda: store.run("nobody"), InputError)
        store.close()

    def test_commands_are_numbered_and_answered_once(self, url: str) -> None:
        """Also where many ask at once."""
        store = Store(url)
        run, _new = store.add_run("small", {}, "/d")
        numbers = _at_once(lambda index: store.add_command(run.id, "note", {"text": _ODD, "n": index}, "me"))
        assert sorted(numbers) == [*range(1, _CROWD + 1)]
        assert {each.arguments["n"] for each in store.commands(run.id, waiting=True)} == set(range(_CROWD))
        stored = _added(store)
        other, _new = store.add_run("other", {}, "/d")
        store.beat_run(other.id, "ended", stored.key)
        store.add_command(other.id, "stop", {}, "me")
        store.delete(stored.id)
        assert [each.id for each in store.runs()] == [run.id], "runs go with their study"
        assert store.commands(other.id) == []
        store.answer_command(run.id, 1, {"done": "yes"})
        assert store.command(run.id, 1).answer == {"done": "yes"}
        assert [each.number for each in store.commands(run.id, waiting=True)] == [*range(2, _CROWD + 1)]
        store.close()

    def test_an_attempt_counts_in_the_transaction_of_its_evaluation(self, url: str) -> None:
        """Not before, and no other one; what came too late is kept with its result."""
        store = Store(url)
        stored = _added(store)
        first, second = (Attempt("tune", 0, 0, 1 << 60, number) for number in (1, 2))
        for attempt in (first, second):
            store.begin_attempt(stored.id, attempt)
        assert [each.number for each in store.attempts(stored.id, "running")] == [1, 2]
        assert store.last_attempt(stored.id, "tune", 0, 0) == 2
        assert store.last_attempt(stored.id, "tune", 0, 1) == 0
        measured = Measurement(state="complete", metrics={"loss": 0.3}, host="a machine", attempt=2)
        store.end_attempt(stored.id, first, "late", "another", measured)
        assert [each.number for each in store.attempts(stored.id, "running")] == [2]
        store.add_evaluation(stored.id, StoredEvaluation("tune", 0, 0, 1 << 60, measured))
        found = store.attempts(stored.id)
        assert [(each.state, each.host) for each in found] == [("late", "another"), ("counted", "a machine")]
        assert [each.measurement.host for each in store.evaluations(stored.id, "tune")] == ["a machine"]
        store.delete(stored.id)
        assert store.attempts(stored.id) == []
        store.close()

    def test_a_newer_store_is_left_alone(self, url: str) -> None:
        """And what is no database is refused in one line."""
        Store(url).close()
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("UPDATE trimtab_meta SET version = 99"))
        engine.dispose()
        assert "newer trimtab" in _refusal(lambda: Store(url), InputError)


def _refusal(act: Callable[[], object], kind: type[TrimtabError]) -> str:
    """Return what the error says that `act` must raise."""
    try:
        act()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__} was raised")


def _at_once(act: Callable[[int], Result]) -> list[Result]:
    """Call `act` in as many threads at the same moment."""
    barrier = Barrier(_CROWD)

    def run(index: int) -> Result:
        barrier.wait()
        return act(index)

    with ThreadPoolExecutor(_CROWD) as pool:
        return list(pool.map(run, range(_CROWD)))


def _study(description: str = "") -> Study:
    data = {
        "study": {"name": "contract", "description": description},
        "parameters": {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}},
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "evaluation": {"command": ["true", "{x}"]},
    }
    return Study.model_validate(data)


def _added(store: Store, description: str = "") -> StoredStudy:
    study = _study(description)
    definition = study.model_dump(mode="json", exclude_none=True)
    return store.create_study(study.name, definition, "/", Profile.of(study), {"note": _ODD})


def _trial(number: int) -> Trial:
    return Trial(number, Source("planner", "a model"), Candidate({"x": 0.25}, "a patch"), started=1.5)


def _moved_away(url: str, lease_s: float) -> None:
    """Make the owner of every study a process of another machine, whose lease still holds for some seconds."""
    database = Database(url)
    owner = Owner(7, "elsewhere", "1", "another boot", "another namespace").text
    with database.writing() as connection:
        connection.execute(update(STUDIES).values(owner=owner, lease=database.clock + lease_s))
    database.close()
