package import AviaryCore

/// Which data segments are part of a memory's initial image, so that instantiation has
/// nothing to do for them: arithmetic on the module alone.
///
/// A segment is static when it is active, its offset is a constant, it lies inside of the declared
/// minimum of a memory that the module defines, and no segment before it can trap or is decided
/// later: then that it is there from the start cannot be told from the standard's order
/// (WebAssembly 3.0, section 4.6.4), save where an element segment traps before
/// (`MemoryState.forgetImage`).
///
/// Invariants: images are whole pages, sorted by memory, at most one a memory; what an image costs
/// is bounded by its data: at most four times its written pages and a mebibyte.
package struct MemoryImagePlan: Sendable, Hashable {
  package struct Image: Sendable, Hashable {
    package let memory: Int
    /// Bytes, multiples of `pageBytes`.
    package let start: UInt64
    package let count: UInt64
    /// Data segments in order: later ones win where they overlap.
    package let segments: [Int]
  }
  package static let pageBytes: UInt64 = 4096

  package private(set) var images: [Image] = []
  /// Per data segment: whether an image has it.
  package let isInImage: [Bool]

  package init(_ info: ModuleInfo) {
    var segments = [[Placed]](repeating: [], count: info.memories.count)
    for placed in MemoryImagePlan.leadingStaticSegments(info) { segments[placed.memory].append(placed) }
    var covered = [Bool](repeating: false, count: info.data.count)
    for (memory, placed) in segments.enumerated() {
      guard let run = MemoryImagePlan.bestRun(placed) else { continue }
      let inside = placed.filter { run.contains($0.pages) }.map(\.segment)
      for segment in inside { covered[segment] = true }
      images.append(
        Image(
          memory: memory, start: run.lowerBound * MemoryImagePlan.pageBytes,
          count: UInt64(run.count) * MemoryImagePlan.pageBytes, segments: inside))
    }
    isInImage = covered
  }

  // MARK: Static segments

  private struct Placed {
    let segment: Int
    let memory: Int
    /// Pages that it touches; not empty.
    let pages: Range<UInt64>
  }

  private static func leadingStaticSegments(_ info: ModuleInfo) -> [Placed] {
    var result: [Placed] = []
    for (index, segment) in info.data.enumerated() {
      guard case .active(let memory, let offset) = segment.mode else { continue }
      guard Int(memory) >= info.importedMemoryCount, Int(memory) < info.memories.count,
        let start = constant(offset, info), let size = minimumBytes(info.memories[Int(memory)])
      else { return result }
      let count = UInt64(segment.range.count)
      guard start <= size, count <= size - start else { return result }
      if count == 0 { continue }
      result.append(
        Placed(segment: index, memory: Int(memory), pages: start / pageBytes..<(start + count - 1) / pageBytes + 1))
    }
    return result
  }

  private static func minimumBytes(_ type: MemoryType) -> UInt64? {
    let (bytes, overflow) = type.limits.minimum.multipliedReportingOverflow(by: 1 << UInt64(min(type.pageSizeLog2, 63)))
    return overflow ? nil : bytes
  }

  /// The value of an offset that is known without an instance.
  package static func constant(_ expression: ConstantExpression, _ info: ModuleInfo) -> UInt64? {
    switch expression.simple {
    case .i32(let value): return UInt64(value)
    case .i64(let value): return value
    case .globalGet(let index):
      // A constant of the module's own; one step, so that nothing recurses on the guest's input.
      guard Int(index) >= info.importedGlobalCount, Int(index) < info.globals.count,
        !info.globals[Int(index)].type.isMutable, let initial = info.globals[Int(index)].initial
      else { return nil }
      switch initial.simple {
      case .i32(let value): return UInt64(value)
      case .i64(let value): return value
      default: return nil
      }
    default: return nil
    }
  }

  // MARK: The image's extent

  /// The pages that become the image: all from the first to the last where that is dense enough, else
  /// the neighbourhood with the most data; nil where there is none worth it.
  private static func bestRun(_ placed: [Placed]) -> Range<UInt64>? {
    // Touched pages as disjoint ranges in order.
    var touched: [Range<UInt64>] = []
    for pages in placed.map(\.pages).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = touched.last, pages.lowerBound <= last.upperBound {
        touched[touched.count - 1] = last.lowerBound..<max(last.upperBound, pages.upperBound)
      } else {
        touched.append(pages)
      }
    }
    guard let first = touched.first, let last = touched.last else { return nil }
    let whole = first.lowerBound..<last.upperBound
    let written = touched.reduce(UInt64(0)) { $0 + UInt64($1.count) }
    if isDense(whole, written) { return whole }
    var best: (run: Range<UInt64>, written: UInt64)?
    var run = first
    var runWritten = UInt64(first.count)
    for pages in touched.dropFirst() {
      let longer = run.lowerBound..<pages.upperBound
      if isDense(longer, runWritten + UInt64(pages.count)) {
        run = longer
        runWritten += UInt64(pages.count)
      } else {
        if runWritten > best?.written ?? 0 { best = (run, runWritten) }
        run = pages
        runWritten = UInt64(pages.count)
      }
    }
    return runWritten > best?.written ?? 0 ? run : best?.run
  }

  private static func isDense(_ run: Range<UInt64>, _ written: UInt64) -> Bool {
    UInt64(run.count) <= 4 * written + (1 << 20) / pageBytes
  }
}

extension Range<UInt64> {
  fileprivate func contains(_ other: Range<UInt64>) -> Bool {
    lowerBound <= other.lowerBound && other.upperBound <= upperBound
  }
}
