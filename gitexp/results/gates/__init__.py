"""Gates: rules that turn the results of a run into pass or fail."""
