"""Parts of the journey ``train``: what a run writes, how it validates, how it ends."""
