"""Takes a target through its phases, and tells failures of one from failures of another."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import TrimtabError
from ...expressions import Value
from ..base import Candidate, Measurement, Phase, Target, Watch


@dataclass(frozen=True)
class Bare:
    """A configuration as a candidate, for callers that have nothing else."""

    configuration: Mapping[str, Value]
    patch: str | None = None

    @property
    def key(self) -> str:
        """Text that is equal for equal configurations."""
        return repr(sorted(self.configuration.items()))


async def applied(target: Target, candidate: Candidate) -> Measurement | None:
    """Apply a candidate; return the failed measurement where that fails, else None."""
    try:
        await target.apply(candidate)
    except Exception as error:  # noqa: BLE001  # a target may be anybody's; what fails is a failed evaluation
        return failed("apply", error)
    return None


async def measured(
    target: Target, seed: int, fidelity: float | None, required: tuple[str, ...], watch: Watch | None
) -> Measurement:
    """Measure once; an exception, which a target should not let out, is a failed measurement too."""
    try:
        return await target.measure(seed, fidelity, required=required, watch=watch)
    except Exception as error:  # noqa: BLE001  # as above
        return failed("measure", error)


def failed(phase: Phase, error: Exception) -> Measurement:
    """Return an error as a failed measurement."""
    reason = str(error) if isinstance(error, TrimtabError) else f"{type(error).__name__}: {error}"
    found = Measurement(state="failed", reason=reason)
    return found if phase == "measure" else found.during(phase)
