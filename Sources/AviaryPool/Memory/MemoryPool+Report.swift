// What was chosen where the configuration left the choice, for reports.
extension MemoryPool {
  package var initialization: MemoryPoolConfiguration.Initialization { strategy.initialization }
  package var reset: MemoryPoolConfiguration.Reset { strategy.reset }
}

extension MemoryPool {
  /// The pool as it is now.
  package var picture: SlabPicture {
    SlabPicture(
      layout: layout, keys: (0..<stripeCount).map { keys.key(ofStripe: $0) }.filter { $0 >= 0 }, counts: slots.counts)
  }
}
