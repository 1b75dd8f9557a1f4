package import AviaryCore

/// Which data segments are part of a memory's initial image, so that instantiation has
/// nothing to do for them: arithmetic on the module alone.
///
/// A segment is static when it is active, its offset depends on no import (`StaticValues`), it lies
/// inside of the declared minimum of a memory that the module defines, and no segment before it can
/// trap or is decided later: then that it is there from the start cannot be told from the standard's
/// order (WebAssembly 3.0, section 4.6.4), save where an element segment traps before
/// (`InstanceState.forgetImages`).
///
/// Invariants: images are whole pages below 2^47, sorted by memory, at most one a memory. What they cost is
/// bounded by the module's size, whatever its offsets are: an image has at most `bytesPerDataByte` bytes a byte
/// of data, and all together `slackBytes` more.
package struct MemoryImagePlan: Sendable, Hashable {
  /// A data segment and its offset in the memory.
  package struct Placement: Sendable, Hashable {
    package let segment: Int
    package let offset: UInt64
  }
  package struct Image: Sendable, Hashable {
    package let memory: Int
    /// Bytes, multiples of `pageBytes`.
    package let start: UInt64
    package let count: UInt64
    /// In order: later ones win where they overlap.
    package let segments: [Placement]
    /// Of the segments together; bytes where they overlap count again.
    package let dataBytes: UInt64
    /// No overflow: all of it is below 2^47.
    package var end: UInt64 { start + count }
  }
  package static let pageBytes: UInt64 = 4096
  /// Why there is a limit, though a file's holes take no memory: what a guest, or a reset, reads of them does, in
  /// a file that no limit of a store knows, as long as the module lives.
  package static let bytesPerDataByte: UInt64 = 8
  package static let slackBytes: UInt64 = 256 << 10
  /// Each image may be a file of the process's.
  package static let mostImages = 8
  private static let addressBits: UInt64 = 47

  package private(set) var images: [Image] = []
  /// Per data segment: whether an image has it.
  package let isInImage: [Bool]

  package init(_ info: ModuleInfo) {
    var segments = [[Placed]](repeating: [], count: info.memories.count)
    for placed in MemoryImagePlan.leadingStaticSegments(info) { segments[placed.memory].append(placed) }
    let candidates = min(segments.count { !$0.isEmpty }, MemoryImagePlan.mostImages)
    let slack = MemoryImagePlan.slackBytes / UInt64(max(candidates, 1))
    var covered = [Bool](repeating: false, count: info.data.count)
    for (memory, placed) in segments.enumerated() where images.count < MemoryImagePlan.mostImages {
      guard let run = MemoryImagePlan.bestRun(placed, slack: slack) else { continue }
      let inside = placed.filter { run.pages.contains($0.pages) }.map(\.placement)
      for placement in inside { covered[placement.segment] = true }
      images.append(
        Image(
          memory: memory, start: run.pages.lowerBound * MemoryImagePlan.pageBytes,
          count: UInt64(run.pages.count) * MemoryImagePlan.pageBytes, segments: inside, dataBytes: run.data))
    }
    isInImage = covered
  }

  /// An image's contents.
  package func contents(of image: Image, _ info: ModuleInfo) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(image.count))
    for placement in image.segments {
      let start = Int(placement.offset - image.start)
      let source = unsafe info.bytes.buffer[info.data[placement.segment].range]
      unsafe bytes.replaceSubrange(start..<start + source.count, with: source)
    }
    return bytes
  }

  // MARK: Static segments

  private struct Placed {
    let placement: Placement
    let memory: Int
    /// Pages that it touches; not empty.
    let pages: Range<UInt64>
    let bytes: UInt64
  }

  private static func leadingStaticSegments(_ info: ModuleInfo) -> [Placed] {
    var result: [Placed] = []
    let values = StaticValues(info)
    for (index, segment) in info.data.enumerated() {
      guard case .active(let memory, let offset) = segment.mode else { continue }
      guard Int(memory) >= info.importedMemoryCount, Int(memory) < info.memories.count,
        let start = values.value(of: offset), let size = minimumBytes(info.memories[Int(memory)])
      else { return result }
      let count = UInt64(segment.range.count)
      guard start <= size, count <= size - start else { return result }
      // No memory is that large; instantiation will say so.
      guard start + count <= 1 << addressBits else { return result }
      // Of a shared memory, which is no pool's, there is no image: the segment is copied.
      if count == 0 || info.memories[Int(memory)].isShared { continue }
      result.append(
        Placed(
          placement: Placement(segment: index, offset: start), memory: Int(memory),
          pages: start / pageBytes..<(start + count - 1) / pageBytes + 1, bytes: count))
    }
    return result
  }

  private static func minimumBytes(_ type: MemoryType) -> UInt64? {
    let (bytes, overflow) = type.limits.minimum.multipliedReportingOverflow(by: 1 << UInt64(min(type.pageSizeLog2, 63)))
    return overflow ? nil : bytes
  }

  // MARK: The image's extent

  /// Neighbouring pages, and how much data is put there.
  private struct Run {
    var pages: Range<UInt64>
    var data: UInt64

    /// - Precondition: the other one does not start before this one.
    func joined(_ other: Run) -> Run {
      Run(pages: pages.lowerBound..<max(pages.upperBound, other.pages.upperBound), data: data + other.data)
    }
    func isDense(slack: UInt64) -> Bool { UInt64(pages.count) * pageBytes <= bytesPerDataByte * data + slack }
  }

  /// The pages that become the image: all from the first to the last where that is dense enough, else
  /// the neighbourhood with the most data; nil where there is none worth it.
  ///
  /// No segment lies in part in it: those outside can be copied later, in whatever order.
  private static func bestRun(_ placed: [Placed], slack: UInt64) -> Run? {
    // Touched pages, without those in between.
    var touched: [Run] = []
    for item in placed.sorted(by: { $0.pages.lowerBound < $1.pages.lowerBound }) {
      let run = Run(pages: item.pages, data: item.bytes)
      if let last = touched.last, run.pages.lowerBound <= last.pages.upperBound {
        touched[touched.count - 1] = last.joined(run)
      } else {
        touched.append(run)
      }
    }
    guard let first = touched.first else { return nil }
    let whole = touched.dropFirst().reduce(first) { $0.joined($1) }
    if whole.isDense(slack: slack) { return whole }
    var best: Run?
    var current: Run?
    for run in touched where run.isDense(slack: slack) {
      if let longer = current?.joined(run), longer.isDense(slack: slack) { current = longer } else { current = run }
      if let candidate = current, candidate.data > best?.data ?? 0 { best = candidate }
    }
    return best
  }
}

extension Range<UInt64> {
  fileprivate func contains(_ other: Range<UInt64>) -> Bool {
    lowerBound <= other.lowerBound && other.upperBound <= upperBound
  }
}
