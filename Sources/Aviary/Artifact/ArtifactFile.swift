import AviaryContract
import AviaryPool

/// A compiled module as a file: the original bytes and the artifact's tables.
///
/// ```
///  0   "\0aviary\n"      magic
///  8   version           u64, Artifact.formatVersion
///  16  content hash      16 bytes, over all that follows
///  32  fingerprint       u64, of the tunables
///  40  cpu, features     u32 each
///  48  flags             u64; bit 0: the module has foreign tail calls
///  56  counts            u64 each: bytes of the module, bytes of text, functions, traps, addresses
///  96  module, text, functions (8 bytes each), traps (8), addresses (8)
/// ```
/// Little-endian. The file is trusted as to what its code does, but no count in it is: a
/// damaged file throws.
struct ArtifactFile {
  static let magic: [UInt8] = [0] + Array("aviary\n".utf8)
  private static let headerSize = 96
  private static let hashOffset = 16
  private static let hashedFrom = 32

  var features: UInt32
  var hasForeignTailCalls: Bool
  var module: [UInt8]
  var artifact: Artifact

  static func isArtifact(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

  // MARK: Writing

  static func bytes(
    module: UnsafeRawBufferPointer, features: UInt32, hasForeignTailCalls: Bool, _ artifact: Artifact
  ) -> [UInt8] {
    var out: [UInt8] = []
    let tables = 8 * (artifact.functions.count + artifact.traps.count + artifact.addresses.count)
    out.reserveCapacity(headerSize + module.count + artifact.text.count + tables)
    out += magic
    append(Artifact.formatVersion, &out)
    append(UInt64(0), &out)
    append(UInt64(0), &out)
    append(artifact.fingerprint, &out)
    append(UInt64(artifact.cpu.rawValue) | UInt64(features) << 32, &out)
    append(hasForeignTailCalls ? 1 : 0, &out)
    for count in [
      module.count, artifact.text.count, artifact.functions.count, artifact.traps.count, artifact.addresses.count,
    ] {
      append(UInt64(count), &out)
    }
    unsafe out.append(contentsOf: module)
    out += artifact.text
    for function in artifact.functions { append(UInt64(function.offset) | UInt64(function.size) << 32, &out) }
    for trap in artifact.traps { append(UInt64(trap.offset) | UInt64(trap.code) << 32, &out) }
    for address in artifact.addresses { append(UInt64(address.offset) | UInt64(address.wasmOffset) << 32, &out) }

    let hash = unsafe out.withUnsafeBytes { unsafe ContentHash(UnsafeRawBufferPointer(rebasing: $0[hashedFrom...])) }
    unsafe out.withUnsafeMutableBytes { bytes in
      unsafe bytes.storeBytes(of: hash.low.littleEndian, toByteOffset: hashOffset, as: UInt64.self)
      unsafe bytes.storeBytes(of: hash.high.littleEndian, toByteOffset: hashOffset + 8, as: UInt64.self)
    }
    return out
  }

  private static func append(_ word: UInt64, _ out: inout [UInt8]) {
    unsafe withUnsafeBytes(of: word.littleEndian) { unsafe out.append(contentsOf: $0) }
  }

  // MARK: Reading

  /// - Throws: `WasmError.artifact`, saying what does not fit.
  init(_ bytes: [UInt8], tunables: Tunables, features expected: UInt32) throws(WasmError) {
    guard ArtifactFile.isArtifact(bytes) else { throw .artifact("not an artifact of Aviary") }
    guard bytes.count >= ArtifactFile.headerSize else { throw .artifact("the file is cut short") }
    func word(_ offset: Int) -> UInt64 {
      // Callers stay below bytes.count - 8.
      unsafe bytes.withUnsafeBytes { UInt64(littleEndian: unsafe $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }
    let version = word(8)
    guard version == Artifact.formatVersion else {
      throw .artifact("made by another version of Aviary: format \(version), this one reads \(Artifact.formatVersion)")
    }
    let counts = (0..<5).map { word(56 + 8 * $0) }
    let scales: [UInt64] = [1, 1, 8, 8, 8]
    var total = UInt64(ArtifactFile.headerSize)
    for (count, scale) in zip(counts, scales) {
      let (size, overflow) = count.multipliedReportingOverflow(by: scale)
      let (sum, carry) = total.addingReportingOverflow(size)
      guard !overflow, !carry else { throw .artifact("the file's sizes contradict each other") }
      total = sum
    }
    guard total == UInt64(bytes.count) else {
      throw .artifact("the file has \(bytes.count) bytes and should have \(total): it is cut short or damaged")
    }
    let hash = unsafe bytes.withUnsafeBytes {
      unsafe ContentHash(UnsafeRawBufferPointer(rebasing: $0[ArtifactFile.hashedFrom...]))
    }
    guard hash.low == word(ArtifactFile.hashOffset), hash.high == word(ArtifactFile.hashOffset + 8) else {
      throw .artifact("the content does not match its hash: the file is damaged")
    }
    let fingerprint = word(32)
    guard fingerprint == tunables.fingerprint else {
      throw .artifact(
        "compiled for other settings or another CPU: fingerprint \(String(fingerprint, radix: 16)), "
          + "this engine's is \(String(tunables.fingerprint, radix: 16)); compile it again")
    }
    features = UInt32(truncatingIfNeeded: word(40) >> 32)
    guard features == expected else {
      throw .artifact("compiled for other WebAssembly features; compile it again")
    }

    hasForeignTailCalls = word(48) & 1 != 0

    // The sum is the array's count, so all of these fit in Int.
    var offset = ArtifactFile.headerSize
    func take(_ count: UInt64, _ scale: Int) -> Range<Int> {
      defer { offset += Int(count) * scale }
      return offset..<(offset + Int(count) * scale)
    }
    module = Array(bytes[take(counts[0], 1)])
    let text = Array(bytes[take(counts[1], 1)])
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
    artifact = Artifact(
      fingerprint: fingerprint, cpu: CPUFeatures(rawValue: UInt32(truncatingIfNeeded: word(40))), text: text,
      functions: functions, traps: traps, addresses: addresses)
  }
}
