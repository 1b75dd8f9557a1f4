public import Glibc

/// A command run to its end in a process of its own.
///
/// By `posix_spawn`, and not by Foundation's `Process`: that looks for open descriptors before it starts one, reads
/// each directory entry as 256 bytes, and so beyond the directory's buffer where a test has more than some 1,300 open.
/// Thread-safe. The calling thread waits.
@safe public struct ChildProcess: Sendable {
  public enum End: Equatable, Sendable {
    case status(Int32)
    case signal(Int32)
  }

  public struct Failure: Error, CustomStringConvertible {
    public var call: String
    public var code: Int32
    public var description: String { unsafe "\(call): \(String(cString: strerror(code)))" }
  }

  public var executable: String
  public var arguments: [String]
  public var environment: [String: String] = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"]
  /// Where it runs; nil: where we do.
  public var folder: String?
  /// Files for its standard streams: what it reads, what it writes. A pipe could fill up, and be inherited by
  /// another child.
  public var input = "/dev/null"
  public var output = "/dev/null"
  public var errors = "/dev/null"
  /// Leaves its standard input open and silent, instead of `input`.
  public var hasSilentInput = false

  public init(_ executable: String, _ arguments: [String]) {
    self.executable = executable
    self.arguments = arguments
  }

  /// Runs it to its end.
  /// - Returns: how it ended, and the number that it had.
  public func run() throws(Failure) -> (end: End, processID: pid_t) {
    var silence: (reading: Int32, writing: Int32) = (-1, -1)
    if hasSilentInput { silence = try Self.pipe() }
    defer { for descriptor in [silence.reading, silence.writing] where descriptor >= 0 { close(descriptor) } }

    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    let writing = O_WRONLY | O_CREAT | O_TRUNC
    if hasSilentInput {
      try unsafe Self.check("adddup2", posix_spawn_file_actions_adddup2(&actions, silence.reading, 0))
    } else {
      try unsafe Self.check("addopen", posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0))
    }
    try unsafe Self.check("addopen", posix_spawn_file_actions_addopen(&actions, 1, output, writing, 0o600))
    try unsafe Self.check("addopen", posix_spawn_file_actions_addopen(&actions, 2, errors, writing, 0o600))

    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    var child: pid_t = 0
    let variables = environment.map { "\($0.key)=\($0.value)" }
    // Folders by coreutils' env, which the command replaces: the library's own call is not visible to Swift.
    let words = (folder.map { ["/usr/bin/env", "-C", $0] } ?? []) + [executable] + arguments
    let failure = unsafe Self.withCStrings(words) { list in
      unsafe Self.withCStrings(variables) { unsafe posix_spawn(&child, words[0], &actions, &attributes, list, $0) }
    }
    try Self.check("posix_spawn \(executable)", failure)
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure(call: "waitpid", code: errno) }
    }
    let signal = status & 0x7F
    return (signal == 0 ? .status(status >> 8 & 0xFF) : .signal(signal), child)
  }

  private static func pipe() throws(Failure) -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    guard unsafe Glibc.pipe(&ends) == 0 else { throw Failure(call: "pipe", code: errno) }
    // Another child may inherit them before this; nobody waits for the end of what comes from this pipe.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func check(_ call: String, _ code: Int32) throws(Failure) {
    if code != 0 { throw Failure(call: call, code: code) }
  }

  /// The strings live as long as the body runs.
  private static func withCStrings<R>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
  ) -> R {
    var pointers = unsafe strings.map { unsafe strdup($0) }
    defer { for unsafe pointer in unsafe pointers { unsafe free(pointer) } }
    unsafe pointers.append(nil)
    return unsafe body(pointers)
  }
}
