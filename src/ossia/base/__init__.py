"""The ground floor: errors and settings. It knows nothing of the rooms above."""
