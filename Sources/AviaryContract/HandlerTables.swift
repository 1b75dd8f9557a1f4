/// Where exceptions land: looked up by return address when one is thrown, and never otherwise.
///
/// ```
///  segments   0x40 → 0   0x70 → 1   0x90 → 0   0xc0 → none      a call at 0x78 is in handler 1
///  handlers   0: clauses 0..<1        1: clauses 1..<3, in 0      and in 0, when no clause of 1 takes it
///  clauses    tag or any → landing pad
/// ```
package struct HandlerTables: Sendable, Equatable {
  /// Handlers and clauses that may be asked for one return address: a bound for the work at each frame that a throw leaves.
  package static let chainLimit = 1000

  /// Sorted by offset, no duplicates.
  package var segments: [HandlerSegment] = []
  package var handlers: [Handler] = []
  package var clauses: [HandlerClause] = []
  package init() {}

  /// Whether no chain of handlers is longer than `chainLimit`.
  /// - Precondition: parents' indices are smaller than their handlers'.
  package var isBounded: Bool {
    var lengths: [Int] = []
    lengths.reserveCapacity(handlers.count)
    for handler in handlers {
      let outer = handler.parent == HandlerSegment.none ? 0 : lengths[Int(handler.parent)]
      let length = outer + 1 + Int(handler.count)
      guard length <= HandlerTables.chainLimit else { return false }
      lengths.append(length)
    }
    return true
  }
}

/// From the offset on to the next segment's, the innermost handler is this one.
package struct HandlerSegment: Sendable, Equatable, BitwiseCopyable {
  package static let none = UInt32.max
  package var offset: UInt32
  /// Index of a handler, or `none`.
  package var handler: UInt32
  package init(offset: UInt32, handler: UInt32) {
    self.offset = offset
    self.handler = handler
  }
}

/// A try.
package struct Handler: Sendable, Equatable, BitwiseCopyable {
  /// The one around it, whose index is smaller; or `HandlerSegment.none`.
  package var parent: UInt32
  /// Its clauses.
  package var first: UInt32
  package var count: UInt32
  package init(parent: UInt32, first: UInt32, count: UInt32) {
    self.parent = parent
    self.first = first
    self.count = count
  }
}

package struct HandlerClause: Sendable, Equatable, BitwiseCopyable {
  package static let anyTag = UInt32.max
  /// In `landing`: the code keeps a reference to the exception. Text ends far below it.
  package static let keepsReference: UInt32 = 1 << 31
  /// Index in the module's tag space, or `anyTag`.
  package var tag: UInt32
  /// The landing pad's offset, and `keepsReference`.
  package var landing: UInt32
  package init(tag: UInt32, landing: UInt32) {
    self.tag = tag
    self.landing = landing
  }
}
