"""Parts of the workflow ``train``: what a run writes, how it validates, how it ends."""
