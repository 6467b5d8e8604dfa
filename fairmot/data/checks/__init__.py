"""What people look at before they train: validation, statistics, previews."""
