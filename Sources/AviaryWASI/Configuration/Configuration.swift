/// What a guest gets of the world: nothing but what is named here.
///
/// ```swift
/// var configuration = WASI.Configuration(arguments: ["app", "--verbose"])
/// configuration.environment = [("LANG", "C")]
/// configuration.addDirectory("/srv/data", as: "/data", readOnly: true)
/// let output = OutputBuffer()
/// configuration.standardOutput = .buffer(output)
/// let wasi = try WASI(configuration)
/// ```
extension WASI {
  public struct Configuration: Sendable {
    /// The program's name, then its arguments.
    public var arguments: [String]
    /// In the order in which the guest sees them.
    public var environment: [(name: String, value: String)] = []

    public var standardInput: Input = .empty
    public var standardOutput: Output = .discarded
    public var standardError: Output = .discarded

    /// The most descriptors that the guest may have open.
    public var maximumDescriptors = 1024

    public var clocks = Clocks()
    public var random: Random = .system

    /// Whether `WASI.interrupt()` can end a call that waits. It costs a
    /// descriptor of the host's, and a system call before each read or write
    /// of a pipe, terminal or socket.
    public var isInterruptible = false

    /// The most threads that the guest may have beside its main one, as the wasi-threads proposal has it
    /// (`WASIProcess`); 0: it can start none. Implies `isInterruptible`.
    public var maximumThreads = 0

    var directories: [DirectoryGrant] = []
    var sockets: [SocketGrant] = []

    public init(arguments: [String] = ["main"]) { self.arguments = arguments }

    /// Lets the guest use a directory of the host's and all that is below it.
    ///
    /// The guest finds it as descriptor 3, 4 and so on, in the order of the
    /// calls. It cannot leave it, by whatever path or link.
    /// - Parameters:
    ///   - path: on the host.
    ///   - name: what the guest calls it, as "/" or "/data".
    ///   - readOnly: whether it appears as a file system mounted for reading only.
    public mutating func addDirectory(_ path: String, as name: String, readOnly: Bool = false) {
      directories.append(DirectoryGrant(path: path, name: name, isReadOnly: readOnly))
    }

    /// Gives the guest a socket, listening or connected. It gets the numbers
    /// after the directories'.
    /// - Parameters:
    ///   - descriptor: of the host.
    ///   - closing: whether it is closed with the guest's.
    public mutating func addSocket(_ descriptor: Int32, closing: Bool = false) {
      sockets.append(SocketGrant(descriptor: descriptor, isOwned: closing))
    }

    /// Lets the guest use the process's own standard streams.
    public mutating func inheritStandardStreams() {
      standardInput = .inherited
      standardOutput = .inherited
      standardError = .inherited
    }
  }

  struct DirectoryGrant: Sendable {
    var path: String
    var name: String
    var isReadOnly: Bool
  }

  struct SocketGrant: Sendable {
    var descriptor: Int32
    var isOwned: Bool
  }

  /// Where a guest's standard input comes from.
  public enum Input: Sendable {
    case empty
    /// The process's own standard input.
    case inherited
    case bytes([UInt8])
    case file(path: String)
    /// A file, pipe or socket of the host's.
    case descriptor(Int32, closing: Bool)

    /// The UTF-8 of a text.
    public static func text(_ text: String) -> Input { .bytes(Array(text.utf8)) }
  }

  /// Where a guest's standard output or error goes.
  public enum Output: Sendable {
    case discarded
    /// The process's own stream of the same number.
    case inherited
    /// Collected in memory, to be read at any time.
    case buffer(OutputBuffer)
    case file(path: String, append: Bool)
    /// A file, pipe or socket of the host's.
    case descriptor(Int32, closing: Bool)
    /// Called with each write, on the guest's thread.
    case handler(@Sendable ([UInt8]) -> Void)
  }
}

/// Why a `WASI` could not be made.
public struct WASIConfigurationError: Error, Sendable, CustomStringConvertible {
  public let message: String
  public var description: String { message }
}
