/// What compilers assume of the runtime and of the CPU. Hashed into every
/// artifact: code compiled under other assumptions does not load.
package struct Tunables: Hashable, Sendable {
  package enum StackCheck: UInt8, Sendable, Hashable {
    /// The guard region catches overflows; only frames larger than it are checked.
    case guardRegion = 0
    /// Every prologue compares with the store's stack limit.
    case explicit = 1
  }
  /// Address space behind every 32-bit memory's base in which an access either lands in
  /// the memory or faults as the guest's. 4 GiB elides all checks of accesses whose
  /// static offset + width is at most `memoryGuardBytes`.
  package var memoryReservationBytes: UInt64 = 4 << 30
  package var memoryGuardBytes: UInt64 = 2 << 30
  /// Upper bound of a 64-bit memory's reservation; such memories are always checked explicitly.
  package var memory64ReservationBytes: UInt64 = 64 << 30
  package var stackGuardBytes: UInt64 = 2 << 20
  package var stackCheck: StackCheck = .guardRegion
  package var cpu: CPUFeatures = .baseline
  /// Loop heads and functions that call look at the context's poll word (docs/interruption.md).
  package var epochChecks = false
  /// Every operator is charged for, and r13 holds what is left.
  package var fuelMetering = false
  /// Relaxed vector operators give what the specification's deterministic profile says.
  package var relaxedSIMDDeterministic = false
  /// Float operators make no NaN but the canonical positive one.
  package var nanCanonicalization = false
  package init() {}

  /// FNV-1a over the contract's version and all fields but `cpu`, which is compared by itself: code for less than a
  /// machine has runs there.
  package var fingerprint: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ value: UInt64) {
      for shift in stride(from: UInt64(0), to: 64, by: 8) {
        hash = (hash ^ ((value >> shift) & 0xFF)) &* 0x100_0000_01b3
      }
    }
    mix(Artifact.formatVersion)
    mix(memoryReservationBytes)
    mix(memoryGuardBytes)
    mix(memory64ReservationBytes)
    mix(stackGuardBytes)
    mix(UInt64(stackCheck.rawValue))
    mix(epochChecks ? 1 : 0)
    mix(fuelMetering ? 1 : 0)
    mix(relaxedSIMDDeterministic ? 1 : 0)
    mix(nanCanonicalization ? 1 : 0)
    return hash
  }
}

/// Instruction set extensions that generated code may use. x86-64-v2 (SSE4.2, popcnt)
/// is the floor; the runtime detects the rest (`CPUFeatures.host` in AviaryVM).
package struct CPUFeatures: OptionSet, Hashable, Sendable {
  package var rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package static let lzcnt = CPUFeatures(rawValue: 1 << 0)
  package static let bmi1 = CPUFeatures(rawValue: 1 << 1)
  package static let bmi2 = CPUFeatures(rawValue: 1 << 2)
  package static let avx = CPUFeatures(rawValue: 1 << 3)
  package static let avx2 = CPUFeatures(rawValue: 1 << 4)
  package static let fma = CPUFeatures(rawValue: 1 << 5)
  package static let baseline: CPUFeatures = []
}

extension CPUFeatures: CustomStringConvertible {
  /// Names in the processor's own spelling, "AVX, AVX2".
  package var description: String {
    let names: [(CPUFeatures, String)] = [
      (.lzcnt, "LZCNT"), (.bmi1, "BMI1"), (.bmi2, "BMI2"), (.avx, "AVX"), (.avx2, "AVX2"), (.fma, "FMA"),
    ]
    var found = names.filter { contains($0.0) }.map(\.1)
    let known = names.reduce(UInt32(0)) { $0 | $1.0.rawValue }
    if rawValue & ~known != 0 { found.append("features that this version does not know") }
    return found.joined(separator: ", ")
  }
}
