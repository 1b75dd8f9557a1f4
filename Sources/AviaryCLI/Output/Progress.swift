import Aviary
import Glibc
import Synchronization

/// A line on the terminal for compilations that take a while; nothing where standard
/// error is no terminal.
final class Progress: Sendable {
  private struct State {
    var shown = -1
    var isOpen = true
  }
  private let title: String
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  private init(_ title: String) { self.title = title }

  /// Runs `body` with a callback to report to, or with none.
  static func during<R>(_ title: String, _ body: (Engine.Progress?) throws -> R) rethrows -> R {
    guard isatty(STDERR_FILENO) == 1 else { return try body(nil) }
    let progress = Progress(title)
    defer { progress.close() }
    return try body { progress.report($0, $1) }
  }

  private func report(_ done: Int, _ total: Int) {
    // What is over before one looks needs no line.
    guard total > 0, ContinuousClock.now - start > .milliseconds(300) else { return }
    let percent = Int(Double(done) / Double(total) * 100)
    state.withLock { state in
      guard state.isOpen, percent > state.shown else { return }
      state.shown = percent
      Console.write(Array("\r\u{1B}[K\(title): \(percent) %".utf8), to: STDERR_FILENO)
    }
  }

  private func close() {
    state.withLock { state in
      state.isOpen = false
      if state.shown >= 0 { Console.write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
    }
  }
}
