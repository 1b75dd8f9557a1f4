// AviaryWASI: see docs/tour.md.
