"""The published tracker written plainly: one object a track, full matrices, lists, the extended assignment.

It is what the vectorised tracker is compared with and timed against. It shares no code with it on purpose.
"""

import numpy as np
import scipy.linalg
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

TRACKED, LOST, REMOVED = "tracked", "lost", "removed"


class KalmanFilter:
    """Eight numbers (cx, cy, aspect, height and their velocities) with their 8 x 8 covariance."""

    def __init__(self):
        self.motion = np.eye(8)
        self.motion[:4, 4:] = np.eye(4)
        self.measure = np.eye(4, 8)

    @staticmethod
    def _diagonal(height, position, velocity, aspect, aspect_velocity):
        p, v = position * height / 20, velocity * height / 160
        return np.diag(np.square([p, p, aspect, p, v, v, aspect_velocity, v]))

    def initiate(self, box):
        return np.r_[box, np.zeros(4)], self._diagonal(box[3], 2, 10, 1e-2, 1e-5)

    def predict(self, mean, covariance):
        noise = self._diagonal(mean[3], 1, 1, 1e-2, 1e-5)
        return self.motion @ mean, self.motion @ covariance @ self.motion.T + noise

    def predict_many(self, means, covariances):
        """All at once, as the published code does in this one place."""
        noise = np.stack([self._diagonal(mean[3], 1, 1, 1e-2, 1e-5) for mean in means])
        return means @ self.motion.T, self.motion @ covariances @ self.motion.T + noise

    def project(self, mean, covariance):
        std = mean[3] / 20
        noise = np.diag(np.square([std, std, 1e-1, std]))
        return self.measure @ mean, self.measure @ covariance @ self.measure.T + noise

    def update(self, mean, covariance, box):
        expected, spread = self.project(mean, covariance)
        factor = scipy.linalg.cho_factor(spread, lower=True, check_finite=False)
        gain = scipy.linalg.cho_solve(factor, (covariance @ self.measure.T).T, check_finite=False).T
        return mean + gain @ (box - expected), covariance - gain @ spread @ gain.T

    def squared_distance(self, mean, covariance, boxes):
        expected, spread = self.project(mean, covariance)
        root = np.linalg.cholesky(spread)
        z = scipy.linalg.solve_triangular(root, (boxes - expected).T, lower=True, check_finite=False)
        return (z * z).sum(axis=0)


class Track:
    """A detection, and what becomes of it."""

    def __init__(self, box_xyxy, score, feature):
        corner, size = box_xyxy[:2], box_xyxy[2:] - box_xyxy[:2]  # float32
        self.first_tlwh = np.r_[corner, size].astype(np.float64)
        self.score = score
        self.mean = self.covariance = self.state = self.identity = None
        self.confirmed = False
        self.feature = feature / np.linalg.norm(feature)
        self.smooth = self.feature

    @property
    def tlwh(self):
        if self.mean is None:
            return self.first_tlwh.copy()
        x, y, aspect, height = self.mean[:4]
        return np.array([x - aspect * height / 2, y - height / 2, aspect * height, height])

    @property
    def xyxy(self):
        box = self.tlwh
        return np.r_[box[:2], box[:2] + box[2:]]

    @property
    def cxcyah(self):
        x, y, w, h = self.tlwh
        return np.array([x + w / 2, y + h / 2, w / h, h])

    def activate(self, kalman, identity, frame):
        self.mean, self.covariance = kalman.initiate(self.cxcyah)
        self.identity, self.state, self.confirmed = identity, TRACKED, frame == 1
        self.first_frame = self.last_frame = frame

    def take(self, detection, kalman, frame, found_again, embedding_momentum=0.9):
        self.mean, self.covariance = kalman.update(self.mean, self.covariance, detection.cxcyah)
        smooth = embedding_momentum * self.smooth + (1 - embedding_momentum) * detection.feature
        self.smooth = smooth / np.linalg.norm(smooth)
        self.state, self.confirmed, self.last_frame = TRACKED, True, frame
        if not found_again:  # a track found again keeps its score
            self.score = detection.score


def assign(cost, limit):
    """Pairs, left-over rows, left-over columns of the (n + m) x (n + m) extension."""
    n, m = cost.shape
    extended = np.zeros((n + m, n + m))
    extended[:n, :m] = cost
    extended[:n, m:] = extended[n:, :m] = limit / 2
    rows, columns = linear_sum_assignment(extended)
    pairs = [(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if r < n and c < m]
    used_rows, used_columns = {r for r, _ in pairs}, {c for _, c in pairs}
    return pairs, [r for r in range(n) if r not in used_rows], [c for c in range(m) if c not in used_columns]


def iou_distance(first, second):
    """1 - IoU where a box includes its last pixel."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    a, b = np.array([t.xyxy for t in first])[:, None], np.array([t.xyxy for t in second])[None]
    overlap = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + 1
    inner = np.prod(np.clip(overlap, 0, None), axis=-1)
    area_a, area_b = np.prod(a[..., 2:] - a[..., :2] + 1, axis=-1), np.prod(b[..., 2:] - b[..., :2] + 1, axis=-1)
    return 1 - inner / (area_a + area_b - inner)


def joined(first, second):
    known = {t.identity for t in first}
    return first + [t for t in second if t.identity not in known]


def without(first, second):
    gone = {t.identity for t in second}
    return [t for t in first if t.identity not in gone]


def without_duplicates(tracked, lost):
    """Of a tracked and a lost track on one spot the one that was seen over the longer time stays."""
    drop_tracked, drop_lost = set(), set()
    for p, q in zip(*np.nonzero(iou_distance(tracked, lost) < 0.15), strict=True):
        age_p = tracked[p].last_frame - tracked[p].first_frame
        age_q = lost[q].last_frame - lost[q].first_frame
        if age_p > age_q:
            drop_lost.add(q)
        else:
            drop_tracked.add(p)
    return (
        [t for i, t in enumerate(tracked) if i not in drop_tracked],
        [t for i, t in enumerate(lost) if i not in drop_lost],
    )


class PublishedTracker:
    """``update`` returns the rows before the output filter: identity, x, y, w, h, score, kept."""

    def __init__(self, confidence=0.4, frame_rate=30, track_buffer=30, min_box_area=100, max_aspect=1.6):
        self.confidence, self.min_box_area, self.max_aspect = confidence, min_box_area, max_aspect
        self.buffer = int(frame_rate / 30.0 * track_buffer)
        self.kalman = KalmanFilter()
        self.frame = self.given = 0
        self.tracked, self.lost, self.removed = [], [], []

    def update(self, boxes_xyxy, scores, features):
        self.frame += 1
        activated, found_again, newly_lost, newly_removed = [], [], [], []
        keep = scores > np.float32(self.confidence)
        found = [Track(*row) for row in zip(boxes_xyxy[keep], scores[keep], features[keep], strict=True)]
        unconfirmed = [t for t in self.tracked if not t.confirmed]
        pool = joined([t for t in self.tracked if t.confirmed], self.lost)
        self.predict(pool)

        pairs, rest, free = assign(self.first_cost(pool, found), 0.4)
        for t, d in pairs:
            again = pool[t].state != TRACKED
            pool[t].take(found[d], self.kalman, self.frame, again)
            (found_again if again else activated).append(pool[t])

        found = [found[d] for d in free]
        missed = [pool[t] for t in rest if pool[t].state == TRACKED]
        pairs, rest, free = assign(iou_distance(missed, found), 0.5)
        for t, d in pairs:
            missed[t].take(found[d], self.kalman, self.frame, False)
            activated.append(missed[t])
        for t in rest:
            missed[t].state = LOST
            newly_lost.append(missed[t])

        found = [found[d] for d in free]
        pairs, rest, free = assign(iou_distance(unconfirmed, found), 0.7)
        for t, d in pairs:
            unconfirmed[t].take(found[d], self.kalman, self.frame, False)
            activated.append(unconfirmed[t])
        for t in rest:
            unconfirmed[t].state = REMOVED
            newly_removed.append(unconfirmed[t])

        for d in free:
            if found[d].score >= np.float32(self.confidence):
                self.given += 1
                found[d].activate(self.kalman, self.given, self.frame)
                activated.append(found[d])

        for track in self.lost:
            if self.frame - track.last_frame > self.buffer:
                track.state = REMOVED
                newly_removed.append(track)
        self.tracked = [t for t in self.tracked if t.state == TRACKED]
        self.tracked = joined(joined(self.tracked, activated), found_again)
        self.lost = without(without(self.lost, self.tracked) + newly_lost, self.removed)
        self.removed += newly_removed
        self.tracked, self.lost = without_duplicates(self.tracked, self.lost)
        self.counts = (
            len(scores),
            int(keep.sum()),
            len(self.tracked),
            sum(t.confirmed for t in self.tracked),
            len(self.lost),
            len(self.removed),
            self.given,
        )
        return [self.row(t) for t in self.tracked if t.confirmed]

    def predict(self, pool):
        if not pool:
            return
        means, covariances = np.array([t.mean for t in pool]), np.array([t.covariance for t in pool])
        for mean, track in zip(means, pool, strict=True):
            if track.state != TRACKED:
                mean[7] = 0
        for track, mean, covariance in zip(pool, *self.kalman.predict_many(means, covariances), strict=True):
            track.mean, track.covariance = mean, covariance

    def first_cost(self, pool, found):
        if not pool or not found:
            return np.zeros((len(pool), len(found)))
        smooth, features = np.array([t.smooth for t in pool], float), np.array([d.feature for d in found], float)
        cost = np.maximum(cdist(smooth, features, "cosine"), 0)
        boxes = np.array([d.cxcyah for d in found])
        for row, track in zip(cost, pool, strict=True):
            distance = self.kalman.squared_distance(track.mean, track.covariance, boxes)
            row[distance > 9.4877] = np.inf
            row[:] = 0.98 * row + 0.02 * distance
        return cost

    def row(self, track):
        x, y, w, h = track.tlwh
        kept = bool(w * h > self.min_box_area and not w / h > self.max_aspect)
        return (track.identity, x, y, w, h, float(track.score), kept)
