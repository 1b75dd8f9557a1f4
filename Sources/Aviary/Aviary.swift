// Aviary: see docs/tour.md.
