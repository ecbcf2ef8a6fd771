"""What a study wants: objectives, desirabilities and constraints. Knows metrics only; `rules` knows the rest."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .desirability import between, larger, smaller

MetricName = Annotated[str, Field(min_length=1, max_length=200)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Section(BaseModel):
    """A section of a study file: it refuses what it does not know, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Desirability(Section):
    """From where to where a metric counts, and how much (Derringer & Suich, 1980)."""

    low: _Finite = Field(description="Lower end: worthless when maximised or aimed at, perfect when minimised.")
    high: _Finite = Field(description="Upper end: perfect when maximised, worthless when minimised or aimed at.")
    weight: float = Field(1.0, gt=0, allow_inf_nan=False, description="Weight in the geometric mean.")
    shape: float = Field(1.0, gt=0, allow_inf_nan=False, description="Above 1 only the best counts, below 1 the worst.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low = {self.low:g} must be below high = {self.high:g}")
        return self


class Objective(Section):
    """A metric to minimise, maximise, or bring to a target value or into a range."""

    metric: MetricName = Field(description="The metric.")
    direction: Literal["minimize", "maximize"] | None = Field(None, description="What is better.")
    target: _Finite | None = Field(None, description="Value to come as close to as possible, instead of a direction.")
    inside: tuple[_Finite, _Finite] | None = Field(None, description="Range to come into, instead of a direction.")
    unit: str = Field("", description="Unit to show it in, such as 'ms'; what is printed in another is converted.")
    desirability: Desirability | None = Field(
        None, description="When all objectives have one, their weighted geometric mean is the single score."
    )

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if sum(each is not None for each in (self.direction, self.target, self.inside)) != 1:
            raise ValueError(
                "give one of direction = 'minimize' | 'maximize', target = NUMBER or inside = [NUMBER, NUMBER]"
            )
        if self.inside is not None and self.inside[0] > self.inside[1]:
            raise ValueError(f"inside = {list(self.inside)} has its ends in the wrong order")
        ends = self.aim
        if self.desirability is not None and ends is not None:
            low, high = self.desirability.low, self.desirability.high
            if not low < ends[0] <= ends[1] < high:
                raise ValueError(f"desirability must have low < {ends[0]:g} and high > {ends[1]:g}")
        return self

    @property
    def aim(self) -> tuple[float, float] | None:
        """The range in which the metric is as good as it gets; None when it has a direction."""
        return (self.target, self.target) if self.target is not None else self.inside

    def loss(self, value: float) -> float:
        """Return the metric as a number to minimise: negated when maximised, the distance from a target or range."""
        if self.aim is not None:
            return max(self.aim[0] - value, value - self.aim[1], 0.0)
        return -value if self.direction == "maximize" else value

    @property
    def goal(self) -> str:
        """The goal in words, such as 'minimize' or 'between 10 and 20'."""
        if self.target is not None:
            return f"as close as possible to {self.target:g}"
        if self.inside is not None:
            return f"between {self.inside[0]:g} and {self.inside[1]:g}"
        return str(self.direction)

    @property
    def sense(self) -> Literal["minimize", "maximize"]:
        """Which way `metric_of(loss)` gets better."""
        return "maximize" if self.direction == "maximize" else "minimize"

    @property
    def identity(self) -> list[object]:
        """What must be equal for results of two studies to compare, as plain data."""
        return [self.metric, self.direction, self.target, *([list(self.inside)] if self.inside is not None else [])]

    @property
    def loss_name(self) -> str:
        """What `metric_of(loss)` is: the metric, or its distance from the value or range that is wanted."""
        if self.aim is None:
            return self.metric
        low, high = self.aim
        return f"distance of {self.metric} from {low:g}" + (f" to {high:g}" if high > low else "")

    def metric_of(self, loss: float) -> float:
        """Return the metric that has this loss; where a value or range is wanted, the distance from it."""
        return -loss if self.direction == "maximize" else loss

    def wished(self, loss: float) -> float:
        """Return a value of the metric worth asking for: the one with this loss, or the middle of what is wanted."""
        return self.metric_of(loss) if self.aim is None else sum(self.aim) / 2

    def gain(self, before: float, after: float) -> float | None:
        """Return how many times better `after` is than `before`; None where a ratio has no meaning (not positive).

        Where a value or range is wanted, that is the ratio of the distances, which are never taken as quite zero.
        """
        if self.aim is not None:
            floor = 1e-9 * max(1.0, *map(abs, self.aim))
            return max(self.loss(before), floor) / max(self.loss(after), floor)
        if min(before, after) <= 0:
            return None
        return after / before if self.direction == "maximize" else before / after

    def desirable(self, value: float) -> float:
        """Return how desirable a value is, 0 to 1; for objectives with a desirability."""
        wanted = self.desirability
        assert wanted is not None
        if self.aim is not None:
            return between(value, wanted.low, self.aim, wanted.high, wanted.shape)
        ramp = larger if self.direction == "maximize" else smaller
        return ramp(value, wanted.low, wanted.high, wanted.shape)


class Constraint(Section):
    """A bound on a metric; a trial that exceeds it is infeasible, not failed."""

    metric: MetricName = Field(description="The metric.")
    max: _Finite | None = Field(None, description="Largest value.")
    min: _Finite | None = Field(None, description="Smallest value.")
    unit: str = Field("", description="Unit of the bounds, such as 'ms'; what is printed in another one is converted.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.max is None and self.min is None:
            raise ValueError("give max = NUMBER or min = NUMBER")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise ValueError(f"min = {self.min} is above max = {self.max}")
        return self

    @property
    def words(self) -> str:
        """The bound in words, such as '<= 500'."""
        bounds = [f">= {self.min:g}"] if self.min is not None else []
        bounds += [f"<= {self.max:g}"] if self.max is not None else []
        return " and ".join(bounds)

    def violation(self, value: float) -> float:
        """Return by how much a value exceeds the bound; 0 or less when it does not."""
        over = value - self.max if self.max is not None else -float("inf")
        under = self.min - value if self.min is not None else -float("inf")
        return max(over, under)
