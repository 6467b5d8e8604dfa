"""Labelled images: label files, converters, augmentation, training targets and the loader."""
