"""Labelled pictures: label files, converters, augmentation, training targets and the loader."""
