package import AviaryContract

/// The door of the code generators: a valid module in, an artifact out. Pure: no
/// system call, no state beyond the call.
package struct ModuleCompiler: Sendable {
  package var tunables: Tunables
  /// Threads to compile on; 1 compiles on the caller's.
  package var parallelism: Int
  /// Called now and then with (bytes of code compiled, bytes in all), on any thread.
  package var progress: (@Sendable (Int, Int) -> Void)?

  package init(tunables: Tunables, parallelism: Int = 1, progress: (@Sendable (Int, Int) -> Void)? = nil) {
    self.tunables = tunables
    self.parallelism = parallelism
    self.progress = progress
  }
}
