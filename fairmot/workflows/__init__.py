"""What commands do: each workflow is one function over the parts below it."""
