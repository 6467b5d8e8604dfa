"""From detections to identities: Kalman filter, association, the tracker."""
