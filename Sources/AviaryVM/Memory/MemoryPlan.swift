package import AviaryContract
package import AviaryCore
package import AviaryPool

/// What a memory can be: arithmetic only, no system call. Where it lies is its backing's business.
///
/// A reservation of its own:
/// ```
///  ├─ front guard ─┼─ accessible: length ─┼─ may become accessible ─┼─ rear guard ─┤
///  0             base                  base+length           base+capacity       total
/// ```
/// A pool's slot has the same order, and guards that neighbours share (`SlabLayout`).
///
/// Invariant: for a 32-bit memory every address base + [0, memoryReservationBytes +
/// memoryGuardBytes) lies in the reservation, whatever maximum the memory has, zero too:
/// code without bounds checks relies on that.
package struct MemoryPlan: Sendable, Equatable {
  package let frontGuard: UInt64
  /// The most bytes that the memory can ever have, a multiple of its page size.
  package let capacity: UInt64
  /// Reserved behind the base.
  package let behindBase: UInt64
  package let initialBytes: UInt64
  package let pageSizeLog2: UInt8
  /// Pages at which growth ends: declared, or by the index type.
  package let maximumPages: UInt64

  package var total: UInt64 { frontGuard + behindBase }

  /// - Parameter slotBytes: what a pool's memory can grow to; nil for a reservation of its own.
  /// - Throws: `limit`, naming the numbers.
  package init(_ type: MemoryType, tunables: Tunables, slotBytes: UInt64? = nil) throws(VMError) {
    frontGuard = 64 << 10
    pageSizeLog2 = type.pageSizeLog2
    let ceiling: UInt64 = type.is64 ? tunables.memory64ReservationBytes : tunables.memoryReservationBytes
    let rear: UInt64 = type.is64 ? 64 << 10 : tunables.memoryGuardBytes
    guard ceiling <= 1 << 46, rear <= 1 << 46, pageSizeLog2 <= 16 else {
      throw .configuration("reservations of \(ceiling) and \(rear) bytes exceed the address space")
    }
    let indexPages: UInt64 = type.is64 ? .max >> pageSizeLog2 : (1 << 32) >> pageSizeLog2
    maximumPages = min(type.limits.maximum ?? indexPages, indexPages)
    let ceilingPages = min(ceiling, slotBytes ?? .max) >> pageSizeLog2
    guard type.limits.minimum <= min(ceilingPages, maximumPages) else {
      let limit = slotBytes == nil ? "the limit" : "the pool's limit"
      throw .limit("a memory of at least \(type.limits.minimum) pages exceeds \(limit) of \(ceilingPages)")
    }
    capacity = min(maximumPages, ceilingPages) << pageSizeLog2
    initialBytes = type.limits.minimum << pageSizeLog2
    if type.is64 {
      // Always checked explicitly, so only what can be used is reserved.
      behindBase = Page.roundUp(capacity)! + rear
    } else {
      behindBase = Page.roundUp(ceiling)! + Page.roundUp(rear)!
    }
  }
}
