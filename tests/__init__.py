"""A package, lest another of this name be imported: flashy, which audiocraft needs, installs its tests as `tests`."""
