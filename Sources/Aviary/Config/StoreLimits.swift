/// Hard limits of one store. nil: no limit of this kind.
///
/// A guest's `memory.grow` or `table.grow` past a limit returns -1, as the standard
/// has it; an instantiation past one throws `WasmError.limit`.
public struct StoreLimits: Sendable {
  /// All linear memories of the store together.
  public var memory: ByteCount?
  /// Elements of each table.
  public var tableElements: UInt64?
  /// Instances, memories and tables that the store may hold.
  public var instances: Int?
  /// Memories that the store may hold.
  public var memories: Int?
  /// Tables that the store may hold.
  public var tables: Int?

  /// No limit on memory; many instances, memories and tables, and tables of 80 MB.
  public init(
    memory: ByteCount? = nil, tableElements: UInt64? = 10_000_000, instances: Int? = 10_000, memories: Int? = 10_000,
    tables: Int? = 10_000
  ) {
    self.memory = memory
    self.tableElements = tableElements
    self.instances = instances
    self.memories = memories
    self.tables = tables
  }
}

/// What becomes of a growth.
public enum GrowthDecision: Sendable {
  case allow
  /// The guest sees -1.
  case deny
  /// The guest stops with `Trap.Code.growthDenied`.
  case trap
}

/// Asked before a memory or table grows, and when one is made with a size above zero.
///
/// Called on the thread that runs the store. An error that a method throws ends
/// the guest's call, and comes back from it unchanged.
public protocol ResourceLimiter: AnyObject {
  /// Sizes in bytes. `maximum` is the one that the memory's type declares.
  func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> GrowthDecision
  /// Sizes in elements.
  func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> GrowthDecision
}

extension ResourceLimiter {
  public func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> GrowthDecision { .allow }
  public func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> GrowthDecision { .allow }
}
