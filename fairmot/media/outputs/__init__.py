"""What is written of frames and tracks: rows, video, images, crops, counts, heat map, window."""
