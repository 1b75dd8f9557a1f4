/// What became of one command of a script.
package struct ScriptResult: Sendable {
  package enum Outcome: Sendable, Equatable {
    case passed
    case failed(String)
    /// Not run; the cause says what it would need.
    case skipped(String)
  }
  /// Of the first character, from 1.
  package var line: Int
  /// The command's keyword, as `assert_return`.
  package var command: String
  package var outcome: Outcome
  package init(line: Int, command: String, outcome: Outcome) {
    self.line = line
    self.command = command
    self.outcome = outcome
  }
}

/// Counts over any number of results.
package struct ScriptCounts: Sendable, Equatable {
  package var passed = 0
  package var failed = 0
  package var skipped = 0
  package init() {}

  package init(_ results: [ScriptResult]) {
    for result in results {
      switch result.outcome {
      case .passed: passed += 1
      case .failed: failed += 1
      case .skipped: skipped += 1
      }
    }
  }

  package static func += (a: inout ScriptCounts, b: ScriptCounts) {
    a.passed += b.passed
    a.failed += b.failed
    a.skipped += b.skipped
  }

  /// `N passed, N failed, N skipped`.
  package var description: String { "\(passed) passed, \(failed) failed, \(skipped) skipped" }
}
