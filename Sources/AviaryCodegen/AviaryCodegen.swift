// AviaryCodegen: see docs/tour.md.
