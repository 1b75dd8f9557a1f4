import Foundation
import Testing

@testable import AviaryCore

/// Seeded random mutations of the sample modules. `AVIARY_MUTATIONS` sets how many there are of each
/// module, `AVIARY_SEED` where they start; a failure prints the seed and the bytes.
@Suite struct MutationTests {
  static let count = Int(ProcessInfo.processInfo.environment["AVIARY_MUTATIONS"] ?? "") ?? 500
  static let seed = UInt64(ProcessInfo.processInfo.environment["AVIARY_SEED"] ?? "") ?? 1

  @Test(arguments: SampleModules.all.map(\.name))
  func mutants(_ name: String) throws {
    let original = try #require(SampleModules.all.first { $0.name == name }).bytes
    var random = SplitMix64(seed: Self.seed)
    for _ in 0..<Self.count {
      let mutant = mutate(original, &random)
      do throws(ModuleError) {
        let module = try ModuleValidator.validate(bytes: ModuleBytes(mutant), features: .all, parallelism: 1)
        // What is valid can be read again, as the compilers do.
        for body in module.info.bodies {
          var sink = RecordingSink()
          try OperatorReader.forEachOperator(in: body, of: module.info.bytes, locals: { _, _ in }, sink: &sink)
          #expect(sink.opcodes.last == .end)
        }
      } catch {
        #expect(error.offset >= 0 && error.offset <= mutant.count, "seed \(Self.seed): \(mutant)")
      }
    }
  }

  /// One to four changes: a bit, a byte, a byte inserted, removed, or a run copied elsewhere.
  private func mutate(_ original: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var bytes = original
    for _ in 0...Int.random(in: 0..<4, using: &random) {
      let index = Int.random(in: 8..<bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[index] = .random(in: 0...255, using: &random)
      case 2: bytes[index] = [0x00, 0x7F, 0x80, 0xFF, 0x40, 0x0B].randomElement(using: &random) ?? 0
      case 3: bytes.insert(.random(in: 0...255, using: &random), at: index)
      case 4 where bytes.count > 12: bytes.remove(at: index)
      default:
        let length = Int.random(in: 1...8, using: &random)
        let source = Int.random(in: 8..<bytes.count, using: &random)
        bytes.insert(contentsOf: Array(bytes[source..<min(source + length, bytes.count)]), at: index)
      }
    }
    return bytes
  }
}
