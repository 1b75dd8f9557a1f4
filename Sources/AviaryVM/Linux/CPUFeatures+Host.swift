package import AviaryContract
import CAviaryHost

extension CPUFeatures {
  /// What this machine has, of what compilers ask about.
  package static let host = CPUFeatures(rawValue: aviary_cpu_features() & ~UInt32(AVIARY_CPU_FLOOR))
  /// SSE4.2 and popcnt, which generated code takes for granted.
  package static let hostHasFloor = aviary_cpu_features() & UInt32(AVIARY_CPU_FLOOR) != 0
}
