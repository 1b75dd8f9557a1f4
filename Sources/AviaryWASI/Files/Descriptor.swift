/// What one of a guest's descriptor numbers stands for.
struct Descriptor: Sendable {
  enum Body: Sendable {
    /// A file with a position: regular, or a block device.
    case file(Handle)
    case directory(Directory)
    /// A pipe, a terminal, another character device.
    case stream(Handle, isPipe: Bool)
    case socket(Handle)
    case input(InputBuffer)
    case output(OutputBuffer)
    case handler(@Sendable ([UInt8]) -> Void)
    /// No bytes to read; whatever is written is gone.
    case nothing
  }

  var body: Body
  var type: FileType
  var rights: Rights
  var inheriting: Rights
  var flags: DescriptorFlags = []
  /// Below a read-only preopen: whatever its rights say, nothing may change.
  var isReadOnly = false
  /// The name under which the guest knows a preopened directory.
  var preopen: [UInt8]?

  /// The host's descriptor, where there is one.
  var handle: Handle? {
    switch body {
    case .file(let handle), .stream(let handle, _), .socket(let handle): handle
    case .directory(let directory): directory.handle
    case .input, .output, .handler, .nothing: nil
    }
  }

  var isDirectory: Bool { type == .directory }

  /// The descriptor for an open handle, by the type of file it is.
  init(_ handle: Handle, rights: Rights, inheriting: Rights) throws(Errno) {
    let type = try Kernel.stat(handle).type
    self.type = type
    self.inheriting = inheriting
    switch type {
    case .directory:
      body = .directory(Directory(handle))
      self.rights = rights.intersection(.directory)
    case .regularFile, .blockDevice:
      body = .file(handle)
      self.rights = rights.intersection(.file)
    case .streamSocket, .datagramSocket:
      body = .socket(handle)
      self.type = handle.isDatagramSocket ? .datagramSocket : .streamSocket
      self.rights = rights.intersection(.socket)
    case .characterDevice:
      body = .stream(handle, isPipe: false)
      // A C library takes a character device without seeking for a terminal.
      let allowed: Rights = handle.isTerminal ? .stream : .stream.union([.seek, .tell])
      self.rights = rights.intersection(allowed)
    case .unknown, .symbolicLink:
      body = .stream(handle, isPipe: true)
      self.rights = rights.intersection(.stream)
    }
  }

  /// A descriptor without a handle, for standard streams kept in memory.
  init(_ body: Body, rights: Rights) {
    self.body = body
    type = .unknown
    self.rights = rights
    inheriting = []
  }
}
