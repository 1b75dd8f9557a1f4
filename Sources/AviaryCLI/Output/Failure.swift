import Glibc

/// Ends the command: a line on standard error and an exit code.
struct Failure: Error, CustomStringConvertible {
  /// What went wrong, with the file it went wrong in; empty where all has been said.
  var message: String
  var exitCode: Int32 = 1

  init(_ message: String, exitCode: Int32 = 1) {
    self.message = message
    self.exitCode = exitCode
  }

  /// An error about a file.
  init(_ path: String, _ error: some Error) {
    self.init("\(path == "-" ? "standard input" : path): \(error)")
  }

  /// Ends without another word.
  static func silent(_ exitCode: Int32) -> Failure { Failure("", exitCode: exitCode) }

  var description: String { message }

  func report() {
    guard !message.isEmpty else { return }
    Console.error("aviary: \(message)")
  }
}

/// The standard streams, for text.
enum Console {
  /// Sends on what `print` has buffered.
  static func flush() { _ = fflush(nil) }

  /// Writes a line to standard error, after all that went to standard output.
  static func error(_ line: String) {
    flush()
    write(Array((line + "\n").utf8), to: STDERR_FILENO)
  }

  /// Writes all bytes; a reader that has gone away is not an error worth a word.
  @discardableResult
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        guard errno == EINTR else { return false }
        continue
      }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// Writes to standard output.
  /// - Throws: `Failure` where it cannot be written.
  static func output(_ bytes: [UInt8]) throws {
    flush()
    guard write(bytes, to: STDOUT_FILENO) else {
      throw Failure("standard output: \(SystemError(errno))")
    }
  }
}

/// An error number of the system's, in words.
struct SystemError: Error, CustomStringConvertible {
  var number: Int32
  init(_ number: Int32) { self.number = number }
  var description: String {
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text)
  }
}
