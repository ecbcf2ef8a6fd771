"""Runs one job on the machine where this is called: what an engine calls on its workers, whatever engine it is."""

from pathlib import Path
from tempfile import gettempdir

from ...tools.errors import TrimtabError
from ...tools.targets import Measurement, Watch
from .base import Job
from .bundle import Bundle, unpacked
from .local import LocalExecutor


class UnfitError(TrimtabError):
    """This machine cannot run the job, whatever its configuration: it has no room, no sandbox, or was not restored."""


def bundles() -> Path:
    """Return the folder of this machine in which unpacked bundles are kept, for whoever this process runs as."""
    import os

    return Path(gettempdir()) / f"trimtab-bundles-{os.getuid()}"


async def run_job(job: Job, bundle: Bundle | None, watch: Watch | None = None) -> Measurement:
    """Run a job, in the sandbox of this machine, in the unpacked bundle; without one, in the job's own folder.

    The system is prepared before and restored after it. Cancelling the call ends all processes.

    Raises:
        UnfitError: it could not be run here.
    """
    try:
        folder = unpacked(bundle, bundles()) if bundle is not None else job.directory
        evaluation = job.evaluation.model_copy(update={"workers": 1})
        local = LocalExecutor(evaluation, folder, job.hidden, job.wording, target=job.target)
        try:
            found = await local.submit(job, watch)
        finally:
            await local.close()
    except (OSError, ValueError, TrimtabError) as error:
        raise UnfitError(str(error)) from error
    if local.sandbox_name == "process" and job.evaluation.isolation == "auto":
        weaker = f"weaker sandbox on {found.host}: {local.sandbox_guarantees}"
        return found.model_copy(update={"notice": found.notice or weaker})
    return found
