"""Faces: what people and scripts see of a run. Each consumes the event stream and is unknown to the loop."""
