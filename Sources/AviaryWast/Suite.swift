package import Aviary
import Glibc

/// A folder of scripts as the specification's test suite lays it out: `groups.tsv` says of each file to
/// which version or proposal it belongs.
package struct Suite: Sendable {
  package struct Script: Sendable, Hashable {
    /// Path in the suite.
    package var path: String
    /// "MVP-1.0", "2.0", "3.0", "not-yet:threads" and the like; empty where it is not listed.
    package var group: String
    package init(path: String, group: String) {
      self.path = path
      self.group = group
    }

    /// What the script's modules may use; nil for proposals that this engine knows nothing of.
    package var features: WasmFeatures? {
      switch group {
      // Written before a module could have several memories.
      case "not-yet:threads": WasmFeatures.standard.union(.threads).subtracting(.multiMemory)
      case "not-yet:custom-page-sizes": WasmFeatures.standard.union(.customPageSizes)
      case "not-yet:wide-arithmetic": WasmFeatures.standard.union(.wideArithmetic)
      case "not-yet:legacy-exceptions": WasmFeatures.standard.union(.legacyExceptions)
      case _ where group.hasPrefix("not-yet:"): nil
      default: WasmFeatures.standard
      }
    }
  }

  package let root: String
  package let scripts: [Script]

  /// - Throws: `FileError` where the folder has no `groups.tsv`.
  package init(root: String) throws(FileError) {
    self.root = root
    let table = String(decoding: try File.read(root + "/groups.tsv"), as: UTF8.self)
    scripts = table.split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "\t")
      guard let path = cells.first else { return nil }
      return Script(path: String(path), group: cells.count > 1 ? String(cells[1]) : "")
    }
  }

  /// Runs one of the scripts.
  package func run(
    _ script: Script, _ engines: Engines, _ known: KnownFailures, throughArtifacts: Bool = false
  ) -> [ScriptResult] {
    guard let features = script.features else {
      return [ScriptResult(line: 0, command: "file", outcome: .skipped("the proposal \(script.group)"))]
    }
    do {
      var runner = try ScriptRunner(
        try File.read(root + "/" + script.path), engine: try engines.engine(features), throughArtifacts: throughArtifacts)
      return known.applied(to: runner.run(), file: script.path)
    } catch {
      return [ScriptResult(line: 0, command: "file", outcome: .failed("\(error)"))]
    }
  }
}

/// Engines by features, each made once.
package final class Engines {
  private let configuration: EngineConfiguration
  private var engines: [WasmFeatures: Engine] = [:]

  package init(_ configuration: EngineConfiguration = .init()) { self.configuration = configuration }

  package func engine(_ features: WasmFeatures) throws -> Engine {
    if let known = engines[features] { return known }
    var configuration = self.configuration
    configuration.features = features
    let engine = try Engine(configuration)
    engines[features] = engine
    return engine
  }
}

package struct FileError: Error, CustomStringConvertible {
  package var path: String
  package var description: String { "cannot read \(path)" }
}

enum File {
  static func read(_ path: String) throws(FileError) -> [UInt8] {
    guard let file = unsafe fopen(path, "rb") else { throw FileError(path: path) }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, file)
      bytes += chunk[..<count]
      if count < chunk.count {
        guard unsafe ferror(file) == 0 else { throw FileError(path: path) }
        return bytes
      }
    }
  }
}
