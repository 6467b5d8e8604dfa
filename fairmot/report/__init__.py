"""One self-contained page about a run: video, identities, timeline, counts, heat map, scores and errors."""
