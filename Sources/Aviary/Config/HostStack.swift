/// Where synchronous host functions run.
public enum HostStack: Sendable, Hashable {
  /// On the native stack of the thread that called the guest: the faster way, with the thread's room. A guest that
  /// calls itself through host functions traps with `callStackExhausted` where less than 256 KiB of the
  /// thread's stack are left, or a quarter of it if that is less.
  case native
  /// On the guest's stack, below its frames: what a host function finds does not depend on the thread. A guest
  /// that has used more than `maxGuestStack`, with the host functions and calls around it, traps with
  /// `callStackExhausted` when it calls one; a guest that calls none may go on to the stack's end.
  case guest
}

extension EngineConfiguration {
  /// The least that `fiberStackSize` leaves to host functions.
  static let leastHostStack = ByteCount.kibibytes(64)

  /// - Throws: `WasmError.limit` that names both sizes.
  func checkStacks() throws(WasmError) {
    let page: UInt64 = 1 << 12
    for (name, value) in [("maxGuestStack", maxGuestStack), ("fiberStackSize", fiberStackSize)]
    where value.bytes % page != 0 {
      throw .limit("\(name) is \(value), and has to be a multiple of 4 KiB")
    }
    guard fiberStackSize <= .gibibytes(2) else {
      throw .limit("fiberStackSize is \(fiberStackSize), and the limit is 2 GiB")
    }
    guard maxGuestStack <= fiberStackSize else {
      throw .limit(
        "maxGuestStack is \(maxGuestStack), more than all of the stack: fiberStackSize is \(fiberStackSize). "
          + "Raise fiberStackSize or lower maxGuestStack")
    }
    let rest = ByteCount(bytes: fiberStackSize.bytes - maxGuestStack.bytes)
    guard hostStack == .native || rest >= EngineConfiguration.leastHostStack else {
      throw .limit(
        "maxGuestStack is \(maxGuestStack) and fiberStackSize \(fiberStackSize): that leaves \(rest) to host functions on the "
          + "guest's stack, which need \(EngineConfiguration.leastHostStack). Raise fiberStackSize or choose hostStack .native")
    }
  }

  /// Of each guest stack, what belongs to host functions.
  var hostStackBytes: UInt64 { hostStack == .guest ? fiberStackSize.bytes - maxGuestStack.bytes : 0 }
}
