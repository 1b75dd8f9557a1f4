import AviaryPool
import Testing

/// A way to run a pool.
struct TenantStrategy: Codable, Sendable, CustomTestStringConvertible {
  var initialization: UInt8
  var reset: UInt8
  var isStriped: Bool
  var faults: UInt8 = 0
  /// Most tenants do what others of their module did, and few modules share the pool: slots are
  /// write-protected for long, until one does otherwise.
  var isCalm = false

  init(_ initialization: MemoryPoolConfiguration.Initialization, _ reset: MemoryPoolConfiguration.Reset, striped: Bool) {
    self.initialization = initialization.rawValue
    self.reset = reset.rawValue
    isStriped = striped
  }

  var configuration: MemoryPoolConfiguration {
    var result = MemoryPoolConfiguration()
    result.slots = 16
    result.maxMemoryBytes = 512 << 10
    result.reservationBytes = 512 << 10
    result.guardBytes = 64 << 10
    result.initialization = .init(rawValue: initialization)!
    result.reset = .init(rawValue: reset)!
    result.keys = !isStriped ? .off : ProtectionKeys.areSupported ? .automatic : .unenforced
    result.faults = .init(rawValue: faults)
    result.warmSlots = 12
    result.keepResidentBytes = 96 << 10
    result.residentBudgetBytes = 768 << 10
    result.decommitBatch = 8
    return result
  }

  var testDescription: String {
    "\(configuration.initialization), \(configuration.reset)\(isStriped ? ", striped" : "")\(isCalm ? ", calm" : "")"
  }

  static func all(_ initializations: [MemoryPoolConfiguration.Initialization], _ resets: [MemoryPoolConfiguration.Reset])
    -> [TenantStrategy]
  {
    initializations.flatMap { initialization in
      resets.flatMap { reset in [false, true].map { TenantStrategy(initialization, reset, striped: $0) } }
    }
  }

  static let plain = all([.copyOnWrite, .eager], [.automatic, .keepResident, .decommit])
  static let scanning = all([.copyOnWrite], [.scan])
  static let adaptive = all([.copyOnWrite], [.adaptive]).flatMap { strategy in
    var calm = strategy
    calm.isCalm = true
    return [strategy, calm]
  }
  static let threaded = all([.userfaultfdThread], [.automatic])
  static let signalled = all([.userfaultfdSignal], [.automatic])
  static var count: Int { plain.count + scanning.count + adaptive.count + threaded.count + signalled.count }

  static var scans: Bool { ResetSupport.probe().scans }
  static var adapts: Bool { scans && ResetSupport.probe().protects }
  static func fills(_ mode: FaultService.Mode) -> Bool { (try? FaultSupport.check(mode)) != nil }
}
