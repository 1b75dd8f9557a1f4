import Aviary
import AviaryText
import Dispatch
import Synchronization

/// What a thread of a script runs, and with what.
struct ThreadScript: Sendable {
  var commands: [ScriptItem]
  var engine: Engine
  var throughArtifacts: Bool
  var output: Spectest.Output
  /// By the instance's name: its shared memories, by the names of their exports.
  var shared: [String: [(name: String, memory: SharedMemory)]] = [:]
}

/// A thread of a script, from its start on.
final class ThreadRun: Sendable {
  private let results = Mutex<[ScriptResult]>([])
  private let end = DispatchSemaphore(value: 0)

  init(_ script: ThreadScript) {
    // A queue of its own has a thread of its own.
    DispatchQueue(label: "script thread").async {
      var results: [ScriptResult] = []
      do {
        var runner = try ScriptRunner(thread: script)
        for item in script.commands { results.append(runner.run(item)) }
      } catch {
        results.append(ScriptResult(line: 0, command: "thread", outcome: .failed(describe(error))))
      }
      self.results.withLock { $0 = results }
      self.end.signal()
    }
  }

  /// Waits for the thread's end. The first failure is the outcome, then the first command that was skipped.
  func wait() -> ScriptResult.Outcome {
    end.wait()
    let results = results.withLock { $0 }
    for result in results {
      if case .failed(let message) = result.outcome { return .failed("line \(result.line) of the thread: \(message)") }
    }
    return results.first { if case .skipped = $0.outcome { true } else { false } }?.outcome ?? .passed
  }
}
