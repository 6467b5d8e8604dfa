"""From detections to identities: Kalman filter, association, tracker."""
