"""What came into a converter, what went out and what was left out, and why: nothing is left out in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Ledger:
    """Counts of one conversion; ``write_set`` checks that all that came in went out or is left out with a reason."""

    images: int = 0
    """Images that the source lists."""
    boxes: int = 0
    """Boxes that it holds, ignore regions included."""
    images_left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> images."""
    boxes_left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> boxes."""
    boxes_added: Counter[str] = field(default_factory=Counter)
    """Reason -> boxes that the source does not hold itself, such as those between key frames."""
    shapes_left_out: Counter[str] = field(default_factory=Counter)
    """Kind -> shapes that are no boxes and do not become any."""

    def drop_empty(self) -> None:
        """Drop reasons that met nothing."""
        for counts in (self.images_left_out, self.boxes_left_out, self.boxes_added, self.shapes_left_out):
            for reason in [reason for reason, count in counts.items() if not count]:
                del counts[reason]

    def check(self, images: int, boxes: int) -> None:
        """Check that the counts balance with what is written.

        Raises:
            RuntimeError: they do not, which is a mistake in the converter.
        """
        expected = (
            self.images - self.images_left_out.total(),
            self.boxes + self.boxes_added.total() - self.boxes_left_out.total(),
        )
        if expected != (images, boxes):
            raise RuntimeError(f"{images} images and {boxes} boxes to write, but {expected} are accounted for")

    def table(self, images: int, boxes: int, ignored: int) -> str:
        """Return the counts as text: a table of images and boxes, and a line for each reason.

        Args:
            images: written images.
            boxes: written boxes, without ignore regions.
            ignored: written ignore regions.
        """
        lines = [
            f"{'':8}{'came in':>10}{'went out':>10}{'left out':>10}",
            f"{'images':8}{self.images:>10}{images:>10}{self.images_left_out.total():>10}",
            f"{'boxes':8}{self.boxes:>10}{boxes + ignored:>10}{self.boxes_left_out.total():>10}",
        ]
        if ignored:
            lines.append(f"of the boxes that went out, {ignored} are ignore regions")
        lines += [f"added: {count} boxes {why}" for why, count in self.boxes_added.most_common()]
        lines += [f"left out: {count} images {why}" for why, count in self.images_left_out.most_common()]
        lines += [f"left out: {count} boxes {why}" for why, count in self.boxes_left_out.most_common()]
        lines += [f"left out: {count} {kind}" for kind, count in self.shapes_left_out.most_common()]
        return "\n".join(lines)
