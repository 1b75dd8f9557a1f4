import Aviary
import AviaryProcesses
public import Foundation

/// A meal in a process of its own, and how that was to end.
public struct MealProcess: Sendable {
  public let meal: Meal
  public let executable: URL

  public init(_ meal: Meal, executable: URL) {
    self.meal = meal
    self.executable = executable
  }

  /// What is wrong with how it ended; nil: nothing.
  public func problem() throws -> String? {
    var process = ChildProcess(executable.path, ["run"] + meal.words)
    let errors = FileManager.default.temporaryDirectory.appendingPathComponent("aviary-overflow-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: errors) }
    process.errors = errors.path
    let (ending, _) = try process.run()
    let text = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
    let end = "\(ending): \(text)"
    guard let overflows = meal.overflows else { return nil }
    if !overflows { return ending == .status(0) ? nil : "did not return: \(end)" }
    guard [.signal(SIGSEGV), .signal(SIGBUS)].contains(ending) else { return "did not overflow: \(end)" }
    guard text.contains("aviary: fatal: the host function \"env\".\"hungry\" overflowed its stack: it had "),
      text.contains("fault at 0x"), text.contains(", pc 0x")
    else { return "is not named: \(end)" }
    return nil
  }
}

extension Meal {
  /// nil: that depends on the build and on the machine.
  public var overflows: Bool? {
    let (needs, suffices) = hunger.bounds
    switch check {
    case .squeeze(let budget):
      let kibibytes = Int(budget.bytes >> 10)
      if hunger == .nested { return stack == .guest ? nil : false }
      return needs >= kibibytes ? true : suffices <= kibibytes ? false : nil
    case .off, .highWater:
      if hunger == .recursion { return true }
      // Beyond what is promised only a squeeze is sure to find it.
      return place == .small && stack == .native && suffices > 128 ? nil : false
    }
  }

  /// All whose end is known.
  public static var matrix: [Meal] {
    let checks: [HostStackCheck] = [.off, .highWater] + [16, 64, 256, 2048].map { .squeeze(.kibibytes($0)) }
    return Hunger.allCases.flatMap { hunger in
      Place.allCases.filter { $0 != .cached }.flatMap { place in
        [HostStack.native, .guest].flatMap { stack in checks.map { Meal(hunger, place, stack, $0) } }
      }
    }.filter { $0.overflows != nil }
  }
}
