"""What a model may not write into the draft of a study: all that runs, or is read, outside the sandbox."""

from typing import Any

import pytest

from trimtab.agent.chat.steering.control import StudyControl
from trimtab.agent.chat.steering.drafts import outside_of_sandbox
from trimtab.agent.testing import small_study
from trimtab.tools.errors import InputError

COMMAND = {"kind": "command", "command": ["true", "{x}", "{n}", "{mode}", "{burst}"]}


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"target": {**COMMAND, "setup": "touch /tmp/x"}}, "target.setup"),
        ({"target": {**COMMAND, "before": "true"}}, "target.before"),
        ({"target": {**COMMAND, "service": {"start": "evil", "ready": {"port": 1}}}}, "target.service"),
        ({"target": {**COMMAND, "kind": "other"}}, "target.kind = 'other'"),
        ({"service": {"start": "evil", "ready": {"port": 1}}}, "service"),
        ({"code": {"project": ".", "send": True}}, "code"),
        ({"target": {**COMMAND, "code": {"project": ".", "send": True}}}, "target.code"),
        ({"executor": {"kind": "ray", "address": "evil.example:6379"}}, "executor"),
        ({"executor": "ray"}, "executor"),
        ({"executor": {"kind": "local"}}, ""),
        ({"files": {"a": "/etc/shadow"}}, "files.a = '/etc/shadow'"),
        ({"files": {"a": {"base": "../../key"}}}, "files.a = '../../key'"),
        ({"files": {"a": {"template": "~/.ssh/id_rsa"}}}, "files.a = '~/.ssh/id_rsa'"),
        ({"files": {"a": {"base": "inside.conf"}, "b": {"text": "/etc/shadow"}}}, ""),
        ({"evaluation": {"isolation": "none"}}, "evaluation.isolation = 'none'"),
        ({"evaluation": {"isolation": "strict"}, "model": {"name": "auto", "base_url": None}}, ""),
        ({"evaluation": {"isolation": []}}, ""),
        ({"model": {"base_url": "http://evil.example/v1"}}, "model.base_url = 'http://evil.example/v1'"),
        ({"model": {"base_url": []}}, "model.base_url = []"),
        ({"evaluation": "odd", "model": "odd"}, ""),
        ({"target": COMMAND}, ""),
        ({"files": ["odd"], "target": "odd"}, ""),
    ],
)
def test_what_leaves_the_sandbox_is_named(sections: dict[str, Any], said: str) -> None:
    assert outside_of_sandbox(sections) == said


@pytest.mark.parametrize(
    "sections", [{"service": {"start": "evil", "ready": {"port": 1}}}, {"files": {"a": "/etc/shadow"}}]
)
def test_such_a_draft_is_refused(control: StudyControl, sections: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="works outside the sandbox"):
        control.draft(small_study(**sections))
