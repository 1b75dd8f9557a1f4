/// An embedder's stacks. Called from any thread, several at a time.
package protocol VMStackProvider: Sendable {
  /// - Throws: where there is none to be had.
  func allocate(byteCount: Int, zeroed: Bool) throws -> VMProvidedStack
  /// The last use of what `allocate` gave.
  func deallocate(_ stack: VMProvidedStack)
}

/// What an embedder says of a stack of its: nothing is believed before `ProvidedStacks` has checked it.
package struct VMProvidedStack: Sendable, Hashable {
  package var guardLow: UInt
  package var guardHigh: UInt
  package var low: UInt
  package var high: UInt
  /// The embedder's own.
  package var tag: UInt64

  package init(guardLow: UInt, guardHigh: UInt, low: UInt, high: UInt, tag: UInt64) {
    self.guardLow = guardLow
    self.guardHigh = guardHigh
    self.low = low
    self.high = high
    self.tag = tag
  }
}
