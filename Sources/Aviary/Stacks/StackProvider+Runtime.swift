import AviaryVM

/// The embedder's provider as the runtime knows it.
struct StackSource: VMStackProvider {
  let provider: any StackProvider

  func allocate(byteCount: Int, zeroed: Bool) throws -> VMProvidedStack {
    let stack = try provider.allocate(byteCount: byteCount, zeroed: zeroed)
    return VMProvidedStack(
      guardLow: stack.guardRange.lowerBound, guardHigh: stack.guardRange.upperBound, low: stack.usable.lowerBound,
      high: stack.usable.upperBound, tag: stack.tag)
  }

  func deallocate(_ stack: VMProvidedStack) {
    provider.deallocate(
      unsafe ProvidedStack(usable: stack.low..<stack.high, guardRange: stack.guardLow..<stack.guardHigh, tag: stack.tag))
  }
}
