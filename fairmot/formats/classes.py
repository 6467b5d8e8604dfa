"""Classes of MOTChallenge's ground truth, from 1 to 13.

Source: MOT16 (Milan et al. 2016), MOT20 (Dendorfer et al. 2020) and TrackEval's ``MotChallenge2DBox``.
"""

from __future__ import annotations

CLASS_NAMES = (
    "pedestrian",
    "person_on_vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non_mot_vehicle",
    "static_person",
    "distractor",
    "occluder",
    "occluder_on_ground",
    "occluder_full",
    "reflection",
    "crowd",
)
"""Names of the classes 1 to 13, those of TrackEval."""
PEDESTRIAN = 1
KNOWN_CLASSES = tuple(range(1, 14))
DISTRACTORS = (2, 7, 8, 12)
"""Classes that count neither as right nor as wrong: on a vehicle, static person, distractor, reflection."""
MOT20_DISTRACTORS = (*DISTRACTORS, 6)
"""MOT20 adds non-motorised vehicles, since people ride on them."""
