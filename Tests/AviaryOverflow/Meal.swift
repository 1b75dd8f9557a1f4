public import Aviary
import AviaryText
import CAviaryHost
import Dispatch
import Glibc

/// A host function with a hunger, called by a guest somewhere.
public struct Meal: Sendable, CustomStringConvertible {
  /// Whose thread calls the guest.
  public enum Place: String, Sendable, CaseIterable {
    /// Whoever runs it: the main thread of a process of its own.
    case main
    /// A worker of Dispatch's.
    case dispatch
    /// A task on the concurrency pool.
    case task
    /// The same, in an asynchronous call.
    case fiber
    /// A thread with 8 MiB of stack, and one with 512 KiB.
    case thread
    case small
    /// Threads with 8 MiB one after the other, and then others that use it all.
    case cached
  }

  public var hunger: Hunger
  public var place: Place
  public var stack: HostStack
  public var check: HostStackCheck
  /// false: as on a kernel without guard markers.
  public var hasMarkers = true

  public init(_ hunger: Hunger, _ place: Place, _ stack: HostStack, _ check: HostStackCheck) {
    self.hunger = hunger
    self.place = place
    self.stack = stack
    self.check = check
  }

  public var description: String { words.joined(separator: " ") }

  /// As words of a command line.
  public var words: [String] {
    let checkWord =
      switch check {
      case .off: "off"
      case .highWater: "high-water"
      case .squeeze(let budget): "\(budget.bytes >> 10)"
      }
    return [hunger.rawValue, place.rawValue, stack == .guest ? "guest" : "native", checkWord] + (hasMarkers ? [] : ["protection"])
  }

  public init?(_ words: [String]) {
    guard (4...5).contains(words.count), let hunger = Hunger(rawValue: words[0]), let place = Place(rawValue: words[1]) else { return nil }
    let check: HostStackCheck
    switch words[3] {
    case "off": check = .off
    case "high-water": check = .highWater
    default:
      guard let budget = UInt64(words[3]) else { return nil }
      check = .squeeze(.kibibytes(budget))
    }
    self.init(hunger, place, words[2] == "guest" ? .guest : .native, check)
    hasMarkers = words.count == 4
  }

  private static let wat = """
    (module
      (import "env" "hungry" (func $hungry (param i32) (result i32)))
      (func (export "go") (param i32) (result i32) (call $hungry (local.get 0))))
    """

  var configuration: EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.hostStack = stack
    configuration.fiberStackSize = .mebibytes(4)
    configuration.hostStackCheck = check
    return configuration
  }

  /// Calls the guest a few times, and gives what was seen. Where the host function overflows, the process ends.
  public func run() throws -> [HostStackUse] {
    if !hasMarkers { aviary_system_set_injector { $0 == AVIARY_SYSTEM_GUARD_INSTALL ? ENOSYS : 0 } }
    let engine = try Engine(configuration)
    let linker = Linker<Void>(engine)
    let hunger = hunger
    linker.define("env", "hungry") { (caller: borrowing Caller<Void>, number: Int32) throws -> Int32 in
      if hunger == .nested, number % 8 < 6 {
        return try caller.function("go").typed(as: ((Int32) -> Int32).self)(number + 1)
      }
      return hunger.eat(number)
    }
    let plugin = try linker.link(engine.compile(wat: Self.wat))
    try Self.run(at: place) {
      let instance = try plugin.instantiate(in: Store(engine))
      let go = try instance.function("go", as: ((Int32) -> Int32).self)
      for number in 1...3 as ClosedRange<Int32> {
        let result = try go(number * 8)
        guard hunger == .nested ? result == number * 8 + 7 : result == number * 8 + 1 else { throw Mistake(result: result) }
      }
    } asynchronously: {
      let instance = try await plugin.instantiate(in: Store(engine))
      let go = try instance.function("go", as: ((Int32) -> Int32).self)
      for number in 1...3 as ClosedRange<Int32> {
        let result = try await go.async(number * 8)
        guard hunger == .nested ? result == number * 8 + 7 : result == number * 8 + 1 else { throw Mistake(result: result) }
      }
    }
    return engine.hostStackReport()
  }

  struct Mistake: Error { var result: Int32 }

  /// Runs it there and waits.
  private static func run(
    at place: Place, _ body: @escaping @Sendable () throws -> Void, asynchronously: @escaping @Sendable () async throws -> Void
  ) throws {
    let outcome = Outcome()
    switch place {
    case .main: try body()
    case .cached:
      for round in 0..<8 {
        let outcome = Outcome()
        NativeThread.start(stackBytes: 8 << 20) { outcome.set(Result { if round < 4 { try body() } else { deepen(7 << 10) } }) }
        try outcome.wait()
      }
    case .dispatch: DispatchQueue.global().async { outcome.set(Result { try body() }) }
    case .task: Task.detached { outcome.set(Result { try body() }) }
    case .fiber:
      Task.detached {
        do { outcome.set(.success(try await asynchronously())) } catch { outcome.set(.failure(error)) }
      }
    case .thread: NativeThread.start(stackBytes: 8 << 20) { outcome.set(Result { try body() }) }
    case .small: NativeThread.start(stackBytes: 512 << 10) { outcome.set(Result { try body() }) }
    }
    if place != .main, place != .cached { try outcome.wait() }
  }
}
