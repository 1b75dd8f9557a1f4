import AviaryVM

/// Tests how much stack synchronous host functions need, and what asynchronous ones do before they suspend:
/// for an embedder's own tests (docs/stacks.md). Costs time with each call of one.
public enum HostStackCheck: Sendable, Hashable {
  /// Host functions are called directly. What they overflow is named all the same.
  case off
  /// Every host function finds just so much stack, 4 KiB to 256 MiB. One that needs more meets a guard of 2 MiB,
  /// each time, and the process says which one it was and dies by SIGSEGV; one that does not notices nothing.
  ///
  /// With `HostStack.native` it is the lowest part of the thread's stack, whose own guard is a page that frames of
  /// Swift may jump over. Threads with less than about 3 MiB of stack, and host functions of a guest that a
  /// squeezed host function called, run it on a mapping of its own. With `HostStack.guest` it is the end of the guest's
  /// stack; then a squeezed host function that calls a guest finds no room for it: `callStackExhausted`.
  case squeeze(ByteCount)
  /// Nothing ends; `Engine.hostStackReport()` says how much each used at most. 1 MiB is looked at.
  case highWater
}

/// What one host function used.
public struct HostStackUse: Sendable, Hashable {
  /// As it was defined in a linker; both are empty for all functions together that were not.
  public let module: String
  public let name: String
  /// In all stores of the engine.
  public let calls: UInt64
  /// From where it was called down to the lowest byte that it changed, in its worst call; with a squeeze, 0.
  public let most: ByteCount
  /// It may have been more: all that was looked at was used.
  public let isAtLeast: Bool
}

extension Engine {
  /// What host functions used of their stacks so far, the hungriest first; empty with `HostStackCheck.off`.
  ///
  /// Any thread may ask, also while guests run.
  public func hostStackReport() -> [HostStackUse] {
    runtime.hostUses.map {
      HostStackUse(
        module: $0.name?.module ?? "", name: $0.name?.name ?? "", calls: $0.calls, most: .bytes($0.most),
        isAtLeast: $0.isAtLeast)
    }.sorted { ($1.most, $0.module, $0.name) < ($0.most, $1.module, $1.name) }
  }
}

extension EngineConfiguration {
  /// - Throws: `WasmError.limit` that names both sizes.
  func checkHostStackCheck() throws(WasmError) {
    guard case .squeeze(let budget) = hostStackCheck else { return }
    guard budget >= .kibibytes(4), budget <= .mebibytes(256) else {
      throw .limit("hostStackCheck squeezes to \(budget), and the least is 4 KiB, the most 256 MiB")
    }
    let promised = EngineConfiguration.promised(hostStackBytes)
    guard hostStack == .native || budget <= promised else {
      throw .limit(
        "hostStackCheck squeezes to \(budget), more than host functions are promised: maxGuestStack is \(maxGuestStack) and "
          + "fiberStackSize \(fiberStackSize), which leaves \(promised) to them. Raise fiberStackSize or lower the budget")
    }
  }

  /// Of what a guest's stack leaves to host functions, the part that is not for signals' frames.
  private static func promised(_ bytes: UInt64) -> ByteCount { .bytes(bytes < 16 << 10 ? 0 : bytes - 16 << 10) }

  var runtimeHostCheck: VMHostCheck? {
    switch hostStackCheck {
    case .off: nil
    case .squeeze(let budget): .squeeze(budget.bytes & ~15)
    case .highWater: .highWater
    }
  }
}
