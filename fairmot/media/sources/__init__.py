"""Where frames come from: videos, image folders, streams, cameras, pipes."""
