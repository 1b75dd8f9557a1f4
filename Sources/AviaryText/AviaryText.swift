// AviaryText: see docs/tour.md.
