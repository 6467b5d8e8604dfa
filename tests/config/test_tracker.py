import pytest

from fairmot.config import TrackerConfig
from fairmot.config.tracker import PRESETS
from fairmot.errors import InputError


def test_the_default_is_the_published_tracker():
    assert TrackerConfig.preset() == TrackerConfig.preset("fairmot") == TrackerConfig()
    off = TrackerConfig()
    assert not any((off.second_pass, off.per_class, off.clip_boxes, off.score_noise, off.reupdate))
    assert (off.gallery_size, off.reentry_frames, off.camera_motion) == (0, 0, "none")


def test_presets():
    assert TrackerConfig.preset("byte") == TrackerConfig(second_pass=True)
    assert TrackerConfig.preset("motion") == TrackerConfig(second_pass=True, appearance=False)
    fused = TrackerConfig(iou_weight=0.67, motion_weight=0, max_appearance_cost=0.6)
    assert TrackerConfig.preset("fused") == fused
    assert (TrackerConfig().appearance, TrackerConfig().iou_weight) == (True, 0)
    assert TrackerConfig.preset("crowd") == TrackerConfig(confidence=0.3, clip_boxes=True)
    assert TrackerConfig.preset("byte", confidence=0.5) == TrackerConfig(second_pass=True, confidence=0.5)
    assert TrackerConfig.preset("crowd", confidence=0.35).confidence == 0.35
    with pytest.raises(TypeError):
        PRESETS["mine"] = {}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "bite",
            {},
            r"unknown tracker preset 'bite' \(did you mean 'byte'\?\); there are: fairmot, byte, motion, fused, crowd",
        ),
        ("byte", {"confidance": 0.3}, r"unknown parameter 'confidance' \(did you mean 'confidence'\?\)"),
        ("byte", {"confidence": 3}, "confidence: .*got 3"),
        ("byte", {"confidence": 0.05}, r"low_confidence 0\.1 must lie below confidence 0\.05"),
        ("fairmot", {"camera_motion": "ecc"}, "camera_motion: .*'flow' or 'orb'"),
    ],
)
def test_mistakes_are_one_line(name, changes, message):
    with pytest.raises(InputError, match=message) as error:
        TrackerConfig.preset(name, **changes)
    assert "\n" not in str(error.value)


def test_every_parameter_is_described():
    for name, field in TrackerConfig.model_fields.items():
        assert field.description is not None, name
        assert len(field.description) > 20, name
