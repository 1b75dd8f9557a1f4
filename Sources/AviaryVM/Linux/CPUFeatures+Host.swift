package import AviaryContract
import CAviaryHost

extension CPUFeatures {
  /// What this machine has, of what compilers ask about.
  package static let host = CPUFeatures(rawValue: aviary_cpu_features())

  /// Why this machine cannot run generated code, all of which takes x86-64-v2 for granted; nil: it can.
  package static let hostRefusal = refusal(missing: aviary_cpu_missing())

  /// - Parameter missing: as `aviary_cpu_missing` tells it.
  static func refusal(missing: UInt32) -> String? {
    guard missing != 0 else { return nil }
    let names = ["SSE3", "SSSE3", "SSE4.1", "SSE4.2", "POPCNT", "CMPXCHG16B", "LAHF"]
    let lacking = names.enumerated().filter { missing >> UInt32($0.offset) & 1 != 0 }.map(\.element)
    return "this processor lacks \(lacking.joined(separator: ", ")): x86-64-v2 is the least that code is made for"
  }
}
