// AviaryWast: see docs/tour.md.
