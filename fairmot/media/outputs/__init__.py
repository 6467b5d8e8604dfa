"""Where frames and tracks go: rows, video, images, crops, counts, heat map, window."""
