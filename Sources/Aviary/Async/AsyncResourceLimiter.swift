import AviaryCore
import AviaryVM

/// Asked before a memory or table grows, and when one is made with a size above zero, where the answer has to be
/// awaited: the guest is suspended meanwhile.
///
/// For stores whose guests are called and instantiated asynchronously. A synchronous call whose guest grows
/// something ends with `WasmError.host`; a synchronous instantiation with a size above zero throws
/// `WasmError.limit`; `Memory.grow` and `Table.grow` of the host throw `WasmError.host`.
///
/// The methods run on the caller's executor. An error that one throws ends the guest's call, and comes back from it
/// unchanged. Limits of the store are checked before they are asked, and again afterwards.
public protocol AsyncResourceLimiter: AnyObject {
  /// Sizes in bytes. `maximum` is the one that the memory's type declares.
  nonisolated(nonsending) func memoryGrowing(
    from current: UInt64, to desired: UInt64, maximum: UInt64?
  ) async throws -> GrowthDecision
  /// Sizes in elements.
  nonisolated(nonsending) func tableGrowing(
    from current: UInt64, to desired: UInt64, maximum: UInt64?
  ) async throws -> GrowthDecision
}

extension AsyncResourceLimiter {
  public nonisolated(nonsending) func memoryGrowing(
    from current: UInt64, to desired: UInt64, maximum: UInt64?
  ) async throws -> GrowthDecision { .allow }
  public nonisolated(nonsending) func tableGrowing(
    from current: UInt64, to desired: UInt64, maximum: UInt64?
  ) async throws -> GrowthDecision { .allow }
}

/// Stands in the runtime for a limiter that cannot be asked there.
final class AsyncGrowthGate: VMLimiter {
  /// What is about to be made was agreed on.
  var isAdmitting = false
  var isAsynchronous: Bool { true }

  func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool {
    if desired == 0 || (isAdmitting && current == 0) { return true }
    throw AsyncGrowthGate.refusal
  }
  func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool {
    if desired == 0 || (isAdmitting && current == 0) { return true }
    throw AsyncGrowthGate.refusal
  }

  private static let refusal = WasmError.host(
    "the store's limiter is asynchronous: instantiate with await, and call guests that grow with async(…)")
}

extension Store {
  /// A store whose growth is decided asynchronously.
  /// - Parameters:
  ///   - limits: hard limits.
  ///   - asyncLimiter: asked before each growth, after `limits`; retained.
  public convenience init(
    _ engine: Engine, state: State, limits: StoreLimits = .init(), asyncLimiter: any AsyncResourceLimiter
  ) {
    self.init(engine, state: state, limits: limits)
    context.setLimiter(asyncLimiter)
  }
}

extension StoreContext {
  /// Asks about what the module's instance brings, before it is made.
  nonisolated(nonsending) final func admit(_ module: Module) async throws {
    guard let asyncLimiter else { return }
    let info = module.runtime.module.info
    for memory in info.memories.dropFirst(info.importedMemoryCount) {
      let limits = memory.limits
      let pageSize = UInt64(1) << memory.pageSizeLog2
      let (bytes, overflow) = limits.minimum.multipliedReportingOverflow(by: pageSize)
      guard !overflow, bytes > 0 else { continue }
      let maximum = limits.maximum.map { $0.multipliedReportingOverflow(by: pageSize) }.map { $0.overflow ? UInt64.max : $0.partialValue }
      try check(try await asyncLimiter.memoryGrowing(from: 0, to: bytes, maximum: maximum))
    }
    for table in info.tables.dropFirst(info.importedTableCount) where table.type.limits.minimum > 0 {
      let limits = table.type.limits
      try check(try await asyncLimiter.tableGrowing(from: 0, to: limits.minimum, maximum: limits.maximum))
    }
  }

  private final func check(_ decision: GrowthDecision) throws {
    switch decision {
    case .allow: return
    case .deny: throw WasmError.limit("the limiter denied a new memory or table")
    case .trap: throw WasmError.trap(Trap(.growthDenied))
    }
  }
}
