import Aviary
import AviaryWast
import Glibc

/// A script to run, and what its modules may use.
struct ScriptSource {
  /// As the user reaches it.
  var path: String
  /// Path in its suite, by which lists of known failures name it; else as given.
  var key: String
  /// "2.0", "not-yet:threads" and the like; empty outside of a suite.
  var group: String
  /// nil for proposals that are unknown here.
  var features: WasmFeatures?

  func run(_ engines: Engines, _ known: KnownFailures, throughArtifacts: Bool) -> [ScriptResult] {
    guard let features else {
      return [ScriptResult(line: 0, command: "file", outcome: .skipped("the proposal \(group)"))]
    }
    do {
      var runner = try ScriptRunner(
        try InputFile.read(path), engine: try engines.engine(features), throughArtifacts: throughArtifacts)
      return known.applied(to: runner.run(), file: key)
    } catch {
      return [ScriptResult(line: 0, command: "file", outcome: .failed("\(error)"))]
    }
  }

  /// The script at `path`, or those below it. A suite's groups say what each may use, also where
  /// `path` is only a part of the suite; `features` overrules them.
  /// - Throws: `Failure` where nothing is there.
  static func find(_ path: String, _ features: WasmFeatures?) throws -> [ScriptSource] {
    let files = Folder.exists(path) ? try Folder.scripts(below: path) : [path]
    let suite = try suite(around: path)
    var found = files.map { file in
      guard let suite, let full = Folder.absolute(file), full.hasPrefix(suite.root + "/") else {
        return ScriptSource(path: file, key: file, group: "", features: features ?? .standard)
      }
      let key = String(full.dropFirst(suite.root.count + 1))
      let script = suite.scripts.first { $0.path == key } ?? Suite.Script(path: key, group: "")
      return ScriptSource(path: file, key: key, group: script.group, features: features ?? script.features)
    }
    if let suite, Folder.absolute(path) == suite.root {
      // What a suite does not list, it does not mean to be run.
      let listed = Set(suite.scripts.map(\.path))
      found.removeAll { !listed.contains($0.key) }
      for script in suite.scripts where !found.contains(where: { $0.key == script.path }) {
        throw Failure("\(path)/groups.tsv lists \(script.path), which is not there")
      }
    }
    guard !found.isEmpty else { throw Failure("\(path): no scripts (.wast) below it") }
    return found
  }

  /// The suite that a path is in: the nearest folder above with a `groups.tsv`.
  private static func suite(around path: String) throws -> Suite? {
    var folder = Folder.absolute(path) ?? ""
    while !folder.isEmpty {
      if unsafe access(folder + "/groups.tsv", R_OK) == 0 {
        do throws(FileError) { return try Suite(root: folder) } catch { throw Failure("\(error)") }
      }
      folder = folder.lastIndex(of: "/").map { String(folder[..<$0]) } ?? ""
    }
    return nil
  }
}

private enum Folder {
  static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Without links; nil where nothing is there.
  static func absolute(_ path: String) -> String? {
    guard let text = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(text) }
    return unsafe String(cString: text)
  }

  /// All .wast files below a folder, sorted by path; links to folders are not followed.
  static func scripts(below root: String) throws -> [String] {
    var found: [String] = []
    var open = [root.hasSuffix("/") ? String(root.dropLast()) : root]
    while let folder = open.popLast() {
      guard let directory = unsafe opendir(folder) else { throw Failure(folder, SystemError(errno)) }
      defer { unsafe closedir(directory) }
      while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        }
        guard !name.hasPrefix(".") else { continue }
        let path = folder + "/" + name
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { continue }
        if status.st_mode & S_IFMT == S_IFDIR {
          open.append(path)
        } else if name.hasSuffix(".wast") {
          found.append(path)
        }
      }
    }
    return found.sorted()
  }
}
