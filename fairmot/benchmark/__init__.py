"""Workflow ``benchmark``. Measure how fast networks run and train, beside the machine's practical ceiling."""

from fairmot.benchmark.inference import Speed, measure, profile
from fairmot.benchmark.markdown import speed_markdown, training_markdown
from fairmot.benchmark.subjects import Skipped, Subject, ceiling_subject, find_subject
from fairmot.benchmark.timing import use_threads
from fairmot.benchmark.training import TrainingSpeed, measure_training

__all__ = [
    "Skipped",
    "Speed",
    "Subject",
    "TrainingSpeed",
    "ceiling_subject",
    "find_subject",
    "measure",
    "measure_training",
    "profile",
    "speed_markdown",
    "training_markdown",
    "use_threads",
]
