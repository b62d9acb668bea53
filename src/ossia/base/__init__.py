"""The ground floor: errors, settings, paths. It knows nothing of the rooms above."""
