import Aviary

/// Asynchronous calls, and calls of asynchronous host functions, all on one thread.
struct AsyncCalls: Sendable {
  private let plugin: LinkedModule<Void>
  /// Guests in `later`: one at a time. They wait until the loop is at its end.
  let later = Waiting()
  /// Guests in `wait`.
  let waiting = Waiting()

  init(_ engine: Engine) throws {
    let (later, waiting) = (later, waiting)
    let linker = Linker<Void>(engine)
    linker.define("host", "at_once") { (_: borrowing Caller<Void>, a: Int32) async throws -> Int32 in a &+ 1 }
    linker.define("host", "later") { (_: borrowing Caller<Void>, a: Int32) async throws -> Int32 in
      await later.pass()
      return a &+ 1
    }
    linker.define("host", "wait") { (_: borrowing Caller<Void>, a: Int32) async throws -> Int32 in
      await waiting.pass()
      return a &+ 1
    }
    plugin = try linker.link(try engine.compile(wat: CallModules.async))
  }

  func measure(_ name: String, _ batches: consuming Batches) async throws -> Batches {
    let instance = try await plugin.instantiate(in: Store(plugin.module.engine))
    switch name {
    case "async-call-empty":
      let nothing = try instance.function("nothing", as: (() -> Void).self)
      while let count = batches.next() {
        let watch = Time.Stopwatch()
        for _ in 0..<count { try await nothing.async() }
        batches.add(watch.elapsed)
      }
    case "async-call-fresh-store":
      while let count = batches.next() {
        let watch = Time.Stopwatch()
        for _ in 0..<count { try await live() }
        batches.add(watch.elapsed)
      }
    case "async-host-at-once", "async-host-suspends":
      let loop = try instance.function(name == "async-host-at-once" ? "call_at_once" : "call_later", as: ((Int32) -> Int32).self)
      while let count = batches.next() {
        let watch = Time.Stopwatch()
        try check(try await loop.async(count), count)
        batches.add(watch.elapsed)
      }
    // What waiting costs a task, without a guest.
    case "task-suspends":
      while let count = batches.next() {
        let watch = Time.Stopwatch()
        for _ in 0..<count { await later.pass() }
        batches.add(watch.elapsed)
      }
    default: break
    }
    return batches
  }

  private func live() async throws {
    let instance = try await plugin.instantiate(in: Store(plugin.module.engine))
    try await instance.function("nothing", as: (() -> Void).self).async()
  }

  /// A guest of its own, that waits in the host.
  func wait(_ number: Int32) async throws {
    let instance = try await plugin.instantiate(in: Store(plugin.module.engine))
    try check(try await instance.function("wait", as: ((Int32) -> Int32).self).async(number), number &+ 1)
  }
}
