"""Planning: how many units, how long, which effects can be found, and how surely."""
