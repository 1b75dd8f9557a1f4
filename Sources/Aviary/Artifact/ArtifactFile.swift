import AviaryContract
import AviaryCore
import AviaryPool
import AviaryVM

/// A compiled module as a file: the original bytes, the artifact's tables, and the memories' images, which
/// can be mapped from it.
///
/// ```
///  0   "\0aviary\n"      magic
///  8   version           u64, Artifact.formatVersion
///  16  content hash      16 bytes, over all that follows
///  32  fingerprint       u64, of the tunables
///  40  cpu, features     u32 each
///  48  flags             u64; bit 0: the module has foreign tail calls
///  56  counts            u64 each: bytes of the module, bytes of text, functions, traps, addresses, handler segments,
///                        handlers, clauses, images
///  128 module, text, functions (8 bytes each), traps (8), addresses (8), segments (8), handlers (16), clauses (8),
///      images (24: memory, start, count; as `MemoryImagePlan` has them)
///      zeros up to the next page, then the contents of the images, whole pages
/// ```
/// Little-endian. The file is trusted as to what its code does, but no count in it is: a
/// damaged file throws.
struct ArtifactFile {
  static let magic: [UInt8] = [0] + Array("aviary\n".utf8)
  private static let headerSize = 128
  private static let hashOffset = 16
  private static let hashedFrom = 32

  var features: UInt32
  var hasForeignTailCalls: Bool
  var module: [UInt8]
  var artifact: Artifact
  /// In the order of the plan; `offset` is where the contents stand in the file.
  private var images: [(memory: UInt64, start: UInt64, count: UInt64, offset: UInt64)]

  static func isArtifact(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

  // MARK: Writing

  static func bytes(_ module: ValidatedModule, _ artifact: Artifact) -> [UInt8] {
    let info = module.info
    let plan = MemoryImagePlan(info)
    var out: [UInt8] = []
    let tables = 8 * (artifact.functions.count + artifact.traps.count + artifact.addresses.count)
    out.reserveCapacity(headerSize + info.bytes.count + artifact.text.count + tables)
    out += magic
    append(Artifact.formatVersion, &out)
    append(UInt64(0), &out)
    append(UInt64(0), &out)
    append(artifact.fingerprint, &out)
    append(UInt64(artifact.cpu.rawValue) | UInt64(info.features.rawValue) << 32, &out)
    append(module.facts.hasForeignTailCalls ? 1 : 0, &out)
    for count in [
      info.bytes.count, artifact.text.count, artifact.functions.count, artifact.traps.count, artifact.addresses.count,
      artifact.exceptions.segments.count, artifact.exceptions.handlers.count, artifact.exceptions.clauses.count,
      plan.images.count,
    ] {
      append(UInt64(count), &out)
    }
    unsafe out.append(contentsOf: info.bytes.buffer)
    out += artifact.text
    for function in artifact.functions { append(UInt64(function.offset) | UInt64(function.size) << 32, &out) }
    for trap in artifact.traps { append(UInt64(trap.offset) | UInt64(trap.code) << 32, &out) }
    for address in artifact.addresses { append(UInt64(address.offset) | UInt64(address.wasmOffset) << 32, &out) }
    append(artifact.exceptions, &out)
    for image in plan.images { for word in [UInt64(image.memory), image.start, image.count] { append(word, &out) } }
    if !plan.images.isEmpty { out += [UInt8](repeating: 0, count: padding(after: out.count)) }
    for image in plan.images { out += plan.contents(of: image, info) }

    let hash = unsafe out.withUnsafeBytes { unsafe ContentHash(UnsafeRawBufferPointer(rebasing: $0[hashedFrom...])) }
    unsafe out.withUnsafeMutableBytes { bytes in
      unsafe bytes.storeBytes(of: hash.low.littleEndian, toByteOffset: hashOffset, as: UInt64.self)
      unsafe bytes.storeBytes(of: hash.high.littleEndian, toByteOffset: hashOffset + 8, as: UInt64.self)
    }
    return out
  }

  private static func append(_ tables: HandlerTables, _ out: inout [UInt8]) {
    for segment in tables.segments { append(UInt64(segment.offset) | UInt64(segment.handler) << 32, &out) }
    for handler in tables.handlers {
      append(UInt64(handler.parent) | UInt64(handler.first) << 32, &out)
      append(UInt64(handler.count), &out)
    }
    for clause in tables.clauses { append(UInt64(clause.tag) | UInt64(clause.landing) << 32, &out) }
  }

  private static func padding(after count: Int) -> Int { -count & Int(MemoryImagePlan.pageBytes - 1) }

  private static func append(_ word: UInt64, _ out: inout [UInt8]) {
    unsafe withUnsafeBytes(of: word.littleEndian) { unsafe out.append(contentsOf: $0) }
  }

  // MARK: Reading

  /// - Throws: `WasmError.artifact`, saying what does not fit.
  init(_ bytes: [UInt8], tunables: Tunables, features expected: UInt32) throws(WasmError) {
    let result: Result<ArtifactFile, WasmError> = unsafe bytes.withUnsafeBytes { bytes in
      do throws(WasmError) {
        return .success(unsafe try ArtifactFile(reading: bytes, tunables: tunables, features: expected))
      } catch { return .failure(error) }
    }
    self = try result.get()
  }

  /// The same. Unsafe contract: the bytes do not change meanwhile.
  init(reading bytes: UnsafeRawBufferPointer, tunables: Tunables, features expected: UInt32) throws(WasmError) {
    let counts = unsafe try ArtifactFile.checkedCounts(bytes)
    // Offsets stay below bytes.count - 8.
    func word(_ offset: Int) -> UInt64 { unsafe ArtifactFile.word(bytes, offset) }
    let fingerprint = word(32)
    guard fingerprint == tunables.fingerprint else {
      throw .artifact(
        "compiled for other settings: fingerprint \(String(fingerprint, radix: 16)), "
          + "this engine's is \(String(tunables.fingerprint, radix: 16)); compile it again")
    }
    let cpu = CPUFeatures(rawValue: UInt32(truncatingIfNeeded: word(40)))
    guard cpu.isSubset(of: .host) else {
      throw .artifact(
        "compiled for processors with \(cpu.subtracting(.host)), which this one lacks; compile it here, or for the baseline")
    }
    features = UInt32(truncatingIfNeeded: word(40) >> 32)
    guard features == expected else {
      throw .artifact("compiled for other WebAssembly features; compile it again")
    }

    hasForeignTailCalls = word(48) & 1 != 0

    // The sum is at most the file's size, so all of these fit in Int.
    var offset = ArtifactFile.headerSize
    func take(_ count: UInt64, _ scale: Int) -> Range<Int> {
      defer { offset += Int(count) * scale }
      return offset..<(offset + Int(count) * scale)
    }
    module = unsafe Array(bytes[take(counts[0], 1)])
    let text = unsafe Array(bytes[take(counts[1], 1)])
    func pairs(_ count: UInt64) -> [(UInt32, UInt32)] {
      let range = take(count, 8)
      return stride(from: range.lowerBound, to: range.upperBound, by: 8).map { at in
        let pair = word(at)
        return (UInt32(truncatingIfNeeded: pair), UInt32(truncatingIfNeeded: pair >> 32))
      }
    }
    let functions = pairs(counts[2]).map { FunctionRange(offset: $0.0, size: $0.1) }
    var traps: [TrapSite] = []
    traps.reserveCapacity(Int(counts[3]))
    for (offset, code) in pairs(counts[3]) {
      guard let code = TrapCode(rawValue: code) else { throw .artifact("unknown trap code \(code)") }
      traps.append(TrapSite(offset: offset, code: code))
    }
    let addresses = pairs(counts[4]).map { AddressMapping(offset: $0.0, wasmOffset: $0.1) }
    var exceptions = HandlerTables()
    exceptions.segments = pairs(counts[5]).map { HandlerSegment(offset: $0.0, handler: $0.1) }
    let handlers = pairs(2 * counts[6])
    exceptions.handlers = stride(from: 0, to: handlers.count, by: 2).map { index in
      Handler(parent: handlers[index].0, first: handlers[index].1, count: handlers[index + 1].0)
    }
    exceptions.clauses = pairs(counts[7]).map { HandlerClause(tag: $0.0, landing: $0.1) }
    artifact = Artifact(
      fingerprint: fingerprint, cpu: cpu, text: text,
      functions: functions, traps: traps, addresses: addresses, exceptions: exceptions)
    let table = take(counts[8], 24)
    images = unsafe try ArtifactFile.images(bytes, table)
  }

  /// The counts at the start, of a file that is whole.
  private static func checkedCounts(_ bytes: UnsafeRawBufferPointer) throws(WasmError) -> [UInt64] {
    guard unsafe bytes.starts(with: magic) else { throw .artifact("not an artifact of Aviary") }
    guard bytes.count >= headerSize else { throw .artifact("the file is cut short") }
    let version = unsafe word(bytes, 8)
    guard version == Artifact.formatVersion else {
      throw .artifact("made by another version of Aviary: format \(version), this one reads \(Artifact.formatVersion)")
    }
    let counts = (0..<9).map { unsafe word(bytes, 56 + 8 * $0) }
    let scales: [UInt64] = [1, 1, 8, 8, 8, 8, 16, 8, 24]
    var total = UInt64(headerSize)
    for (count, scale) in zip(counts, scales) {
      let (size, overflow) = count.multipliedReportingOverflow(by: scale)
      let (sum, carry) = total.addingReportingOverflow(size)
      guard !overflow, !carry else { throw .artifact("the file's sizes contradict each other") }
      total = sum
    }
    // The images' own sizes stand in their table, which is the last of the tables.
    guard total == UInt64(bytes.count) || counts[8] > 0 && total < UInt64(bytes.count) else {
      throw .artifact("the file has \(bytes.count) bytes and should have \(total): it is cut short or damaged")
    }
    let hash = unsafe ContentHash(UnsafeRawBufferPointer(rebasing: bytes[hashedFrom...]))
    guard unsafe hash.low == word(bytes, hashOffset) && hash.high == word(bytes, hashOffset + 8) else {
      throw .artifact("the content does not match its hash: the file is damaged")
    }
    return counts
  }

  /// - Parameter table: inside of the bytes, a multiple of 24.
  private static func images(
    _ bytes: UnsafeRawBufferPointer, _ table: Range<Int>
  ) throws(WasmError) -> [(memory: UInt64, start: UInt64, count: UInt64, offset: UInt64)] {
    if table.isEmpty { return [] }
    var result: [(memory: UInt64, start: UInt64, count: UInt64, offset: UInt64)] = []
    // One page beyond the table at most, so no overflow.
    var offset = UInt64(table.upperBound + padding(after: table.upperBound))
    let size = UInt64(bytes.count)
    for at in stride(from: table.lowerBound, to: table.upperBound, by: 24) {
      let count = unsafe word(bytes, at + 16)
      guard offset <= size, count <= size - offset, count % MemoryImagePlan.pageBytes == 0 else {
        throw .artifact("the images are larger than the file")
      }
      result.append((unsafe word(bytes, at), unsafe word(bytes, at + 8), count, offset))
      offset += count
    }
    guard offset == size else { throw .artifact("the file is longer than its images") }
    return result
  }

  /// - Precondition: eight bytes are there.
  private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Where the images of the module stand in the file, in the order of its plan.
  /// - Throws: `WasmError.artifact` where they are not those.
  func imageOffsets(_ info: ModuleInfo) throws(WasmError) -> [UInt64] {
    let plan = MemoryImagePlan(info).images
    let fits = plan.count == images.count && zip(plan, images).allSatisfy { planned, found in
      UInt64(planned.memory) == found.memory && planned.start == found.start && planned.count == found.count
    }
    guard fits else { throw .artifact("the images are not those of the module") }
    return images.map(\.offset)
  }
}
