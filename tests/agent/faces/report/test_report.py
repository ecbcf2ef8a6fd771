"""The report of a study: says what was proved, asks for nothing, and shows untrusted text as text."""

import asyncio
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from trimtab.agent.faces.report import markdown, page
from trimtab.agent.memory.store import Store
from trimtab.agent.run.proposals.opening import find_study
from trimtab.agent.run.session import Session
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial

TRIMTAB = Path(sys.executable).with_name("trimtab")
NASTY = "</script><script>alert(1)</script><img src=http://example.org/x>"


def run_of(store: Store, worse: bool = False) -> str:
    study = make_study(
        study={"name": "told", "title": f"A {NASTY}", "description": f"about | {NASTY}"},
        planner={"name": "none"},
        budget={"trials": 8},
    )

    def loss(configuration: dict[str, object], seed: int) -> dict[str, float]:
        x = abs(float(str(configuration["x"])))
        return {"loss": (1.0 if worse else 1 + x) + 1e-4 * (seed % 7)}

    async def drive() -> None:
        session = Session.start(study, store)
        async for _event in session.run(FunctionExecutor(loss)):
            pass

    asyncio.run(drive())
    return "told-1"


class Page(HTMLParser):
    """Tags with what they load, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{name}={value}" for name, value in attributes if name in {"src", "href"}]
        if tag not in {"meta", "input", "br", "circle", "line", "polyline", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag


def html_of(store: Store, key: str) -> str:
    return page(store, find_study(store, key))


def test_a_page_says_what_was_proved_and_loads_nothing(store: Store) -> None:
    text = html_of(store, run_of(store))
    read = Page()
    read.feed(text)
    assert read.loads == []
    assert read.open == []
    assert read.tags.count("script") == 1
    assert "<strong>Improved: loss is " in text
    assert "trimtab apply --revert FILE" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "What made the difference" in text
    assert len(re.findall(r'<tr><td class="number">\d+</td>', text)) == 8


def test_a_page_claims_nothing_that_was_not_proved(store: Store) -> None:
    text = html_of(store, run_of(store, worse=True))
    assert "<strong>Improved" not in text
    assert "reliable improvement" in text
    assert "How to apply it" not in text or "no reliable" in text.lower()


def test_it_tells_noise_race_importance_and_what_was_cut(store: Store) -> None:
    key = run_of(store)
    text = html_of(store, key)
    assert '<polygon class="band"' in text
    assert re.search(r"in a band of twice the noise of a measurement \([\d.e-]+ %\)", text)
    assert "What mattered in the search" in text
    assert re.search(r"Race of the best \d for the check: trial \d", text)
    assert "Cut: " not in text
    stored = store.study(key)
    assert stored.result is not None
    store.set_result(stored.id, {**stored.result, "cut": [f"check: 6 of 10 pairs {NASTY}"]})
    assert "Cut: check: 6 of 10 pairs &lt;/script&gt;" in html_of(store, key)
    assert "- cut: check: 6 of 10 pairs" in markdown(store, find_study(store, key))


def test_an_unfinished_study_has_a_page_too(store: Store) -> None:
    session = Session.start(make_study(study={"name": "begun"}, planner={"name": "none"}), store)
    session.ask()
    session.close()
    assert "nothing is claimed" in html_of(store, "begun-1")


def test_markdown(store: Store) -> None:
    found = find_study(store, run_of(store))
    text = markdown(store, found)
    assert text.startswith("# A ")
    assert "**Improved: loss is " in text
    assert "| `x` | `0.5` | `" in text


def test_five_thousand_trials_are_below_two_megabytes(store: Store) -> None:
    found = find_study(store, run_of(store))
    for number in range(8, 5000):
        trial = Trial(
            number,
            Source("sampler", "random"),
            Candidate({"x": number / 5000, "n": 3, "mode": "slow"}),
            "complete",
            {"loss": 1.0 + number},
        )
        found.history.add(trial)
    text = page(store, found)
    assert 100_000 < len(text.encode()) < 2_000_000


@pytest.mark.parametrize(
    ("options", "name"), [([], "told-1.html"), (["--format", "md"], "told-1.md"), (["--output", "x.html"], "x.html")]
)
def test_the_command_writes_it_here(tmp_path: Path, options: list[str], name: str) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with_store = Store(url)
    run_of(with_store)
    with_store.close()
    done = subprocess.run(
        [str(TRIMTAB), "report", "told", "--store", url, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"wrote {name}\n", done.stderr
    assert (tmp_path / name).stat().st_size > 500
