// What was chosen where the configuration left the choice, for reports.
extension MemoryPool {
  package var initialization: MemoryPoolConfiguration.Initialization { strategy.initialization }
  package var reset: MemoryPoolConfiguration.Reset { strategy.reset }
}
