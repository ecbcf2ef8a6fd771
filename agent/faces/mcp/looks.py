"""Studies as they are now, for who looks again and again: what had ended at the last look is not read anew."""

from dataclasses import dataclass, field, replace
from threading import Lock

from ...memory.store import Store
from ...run.proposals.opening import Found, find_study
from ...trials.grown import fitted
from ...trials.history import History

_MOST_STUDIES = 8


@dataclass
class Looks:
    """The studies that were looked at last, each with its trials; tools look from several threads."""

    store: Store
    _lock: Lock = field(default_factory=Lock)
    _found: dict[str, Found] = field(default_factory=dict)

    def find(self, key: str) -> Found:
        """Return a stored study as it is now.

        Raises:
            InputError: there is no such study.
        """
        with self._lock:
            return self._find(key)

    def _find(self, key: str) -> Found:
        stored, known = self.store.study(key), self._found.pop(key, None)
        same = known is not None and (known.stored.id, known.stored.definition) == (stored.id, stored.definition)
        if known is None or not same or not known.comparable or not self._bring_up_to_date(known):
            known = find_study(self.store, key)
        found = self._found[key] = replace(known, stored=stored)
        for oldest in list(self._found)[:-_MOST_STUDIES]:
            del self._found[oldest]
        return found

    def _bring_up_to_date(self, known: Found) -> bool:
        """Take in what came since; return False where the trials are not the ones that were seen."""
        history: History = known.history
        since = next((each.number for each in history.trials if each.state == "running"), len(history.trials))
        new = self.store.trials(known.stored.id, since)
        if len(new) < len(history.trials) - since:
            return False
        for trial in new if known.left_out else fitted(new, known.study.space):
            if trial.number < len(history.trials):
                if history.trials[trial.number].state != "running":
                    continue
                history.trials[trial.number] = trial
            else:
                history.add(trial)
            history.update(trial)
        return True
