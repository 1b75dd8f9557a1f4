/// A module that is valid under its features. Only this target can make one:
/// `ModuleValidator`, and `ValidatedModule.trusting` for artifacts of our own.
///
/// Thread-safe: immutable.
package final class ValidatedModule: Sendable {
  package let info: ModuleInfo
  package let facts: ModuleFacts
  init(info: ModuleInfo, facts: ModuleFacts) {
    self.info = info
    self.facts = facts
  }
}

/// What validation learned and compilers and the runtime need.
package struct ModuleFacts: Sendable {
  /// Some function ends in return_call to an import, return_call_indirect or return_call_ref:
  /// direct callers reload r15 and r14 (docs/abi.md).
  package var hasForeignTailCalls = false
  /// Per function of the index space: may become a funcref (exported, in an element
  /// segment, in a global's or table's initialiser, or named by ref.func) and so needs an `AviaryFuncRef`.
  package var escapes: [Bool] = []
  package init() {}
}
