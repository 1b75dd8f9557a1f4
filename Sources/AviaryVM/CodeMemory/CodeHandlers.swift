import AviaryContract
import AviaryPool
import CAviaryHost

/// A module's handler tables as the unwinder reads them (aviary_host.h), tags by their places in the context.
///
/// Immutable. Every index in the tables was found to be inside, and the way from each handler outwards to end.
@safe
final class CodeHandlers: Sendable {
  let exceptions: HandlerTables
  nonisolated(unsafe) let table: UnsafeMutablePointer<AviaryHandlerTable>
  nonisolated(unsafe) private let segments: UnsafeMutablePointer<AviaryHandlerSegment>
  nonisolated(unsafe) private let handlers: UnsafeMutablePointer<AviaryHandler>
  nonisolated(unsafe) private let clauses: UnsafeMutablePointer<AviaryHandlerClause>

  /// nil where the artifact has none.
  /// - Throws: `configuration` where the tables contradict each other, the text or the module.
  init?(_ artifact: Artifact, _ layout: VMContextLayout?) throws(VMError) {
    let exceptions = artifact.exceptions
    guard !exceptions.segments.isEmpty else { return nil }
    try CodeHandlers.check(exceptions, text: artifact.text.count)
    var rows: [AviaryHandlerClause] = []
    rows.reserveCapacity(exceptions.clauses.count)
    for clause in exceptions.clauses {
      rows.append(AviaryHandlerClause(tag: try CodeHandlers.place(clause.tag, layout), landing: clause.landing))
    }
    self.exceptions = exceptions
    unsafe segments = .allocate(capacity: exceptions.segments.count)
    for (index, segment) in exceptions.segments.enumerated() {
      unsafe (segments + index).initialize(to: AviaryHandlerSegment(offset: segment.offset, handler: segment.handler))
    }
    unsafe handlers = .allocate(capacity: max(exceptions.handlers.count, 1))
    for (index, handler) in exceptions.handlers.enumerated() {
      unsafe (handlers + index).initialize(
        to: AviaryHandler(parent: handler.parent, first: handler.first, count: handler.count))
    }
    unsafe clauses = .allocate(capacity: max(rows.count, 1))
    unsafe clauses.initialize(from: rows, count: rows.count)
    unsafe table = .allocate(capacity: 1)
    unsafe table.initialize(
      to: AviaryHandlerTable(
        segments: segments, segment_count: exceptions.segments.count, handlers: handlers, clauses: clauses))
  }

  deinit {
    unsafe table.deallocate()
    unsafe segments.deallocate()
    unsafe handlers.deallocate()
    unsafe clauses.deallocate()
  }

  private static let damaged = VMError.configuration("the artifact has a bad handler table")

  private static func check(_ tables: HandlerTables, text size: Int) throws(VMError) {
    var last = -1
    for segment in tables.segments {
      guard Int(segment.offset) > last, Int(segment.offset) <= size,
        segment.handler == HandlerSegment.none || Int(segment.handler) < tables.handlers.count
      else { throw damaged }
      last = Int(segment.offset)
    }
    for (index, handler) in tables.handlers.enumerated() {
      guard handler.parent == HandlerSegment.none || Int(handler.parent) < index,
        Int(handler.first) + Int(handler.count) <= tables.clauses.count
      else { throw damaged }
    }
    guard tables.isBounded else { throw damaged }
    for clause in tables.clauses {
      guard Int(clause.landing & ~HandlerClause.keepsReference) < size else { throw damaged }
    }
  }

  /// The tag's place in the context, as the unwinder takes it.
  private static func place(_ tag: UInt32, _ layout: VMContextLayout?) throws(VMError) -> UInt32 {
    if tag == HandlerClause.anyTag { return tag }
    guard let layout, Int(tag) < layout.tagCount else { throw damaged }
    switch layout.tag(tag) {
    case .inline(let offset): return UInt32(offset)
    case .indirect(let offset): return UInt32(offset) | 1
    }
  }
}
