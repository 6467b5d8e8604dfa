"""Images in and out: frames from files and folders, drawing, video writing."""
