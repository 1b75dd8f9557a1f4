// AviaryVM: see docs/tour.md.
