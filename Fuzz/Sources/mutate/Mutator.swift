/// Seeded random changes to a module's bytes.
struct Mutator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Applies one to six changes behind the header. Three of four mutants keep their length, so that
  /// sizes still fit and the change is seen by the validator and the compiler.
  mutating func mutate(_ original: [UInt8]) -> [UInt8] {
    var bytes = original
    let kinds = Int.random(in: 0..<4, using: &self) == 0 ? 9 : 4
    for _ in 0...Int.random(in: 0..<6, using: &self) where bytes.count > 12 {
      let index = Int.random(in: 8..<bytes.count, using: &self)
      switch Int.random(in: 0..<kinds, using: &self) {
      case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &self)
      case 1: bytes[index] = .random(in: 0...255, using: &self)
      case 2: bytes[index] = [0x00, 0x01, 0x7F, 0x80, 0xFF, 0x40, 0x0B, 0x70].randomElement(using: &self) ?? 0
      case 3:
        // A run of bytes over another one.
        let source = Int.random(in: 8..<bytes.count, using: &self)
        let length = min(Int.random(in: 1...8, using: &self), bytes.count - max(index, source))
        bytes.replaceSubrange(index..<index + length, with: Array(bytes[source..<source + length]))
      case 4: bytes.insert(.random(in: 0...255, using: &self), at: index)
      case 5: bytes.remove(at: index)
      case 6: bytes.replaceSubrange(index..<index + 1, with: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F])
      case 7: bytes.removeSubrange(index..<min(index + Int.random(in: 1...16, using: &self), bytes.count))
      default:
        let length = Int.random(in: 1...32, using: &self)
        let source = Int.random(in: 8..<bytes.count, using: &self)
        bytes.insert(contentsOf: Array(bytes[source..<min(source + length, bytes.count)]), at: index)
      }
    }
    return bytes
  }
}
