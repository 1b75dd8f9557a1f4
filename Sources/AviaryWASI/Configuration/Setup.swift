import CAviaryWASI
import Glibc

/// Turns a configuration into open descriptors.
extension System {
  init(_ configuration: WASI.Configuration, _ interrupter: Interrupter?) throws {
    arguments = try configuration.arguments.map { try Self.terminated($0) }
    environment = try configuration.environment.map { name, value in
      guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "=")) else {
        throw WASIConfigurationError(message: "\"\(name)\" can't be the name of a variable")
      }
      return try Self.terminated("\(name)=\(value)")
    }
    clocks = configuration.clocks
    random =
      switch configuration.random {
      case .system: .system
      case .seeded(let seed): .generator(SeededGenerator(seed: seed))
      case .generator(let generator): .generator(generator)
      }
    self.interrupter = interrupter
    let needed = 3 + configuration.directories.count + configuration.sockets.count
    let limit = configuration.maximumDescriptors
    guard limit >= needed else {
      throw WASIConfigurationError(
        message: "\(needed) descriptors are granted, but the guest may have only \(limit)")
    }
    // Linux gives out no more than this to a whole process.
    descriptors = DescriptorTable(limit: min(limit, 1 << 20))
    for descriptor in [
      try Self.input(configuration.standardInput),
      try Self.output(configuration.standardOutput, inherited: 1),
      try Self.output(configuration.standardError, inherited: 2),
    ] + (try configuration.directories.map { try Self.directory($0) })
      + (try configuration.sockets.map { try Self.socket($0) })
    {
      _ = try descriptors.insert(descriptor)
    }
  }

  private static func terminated(_ text: String) throws -> [UInt8] {
    guard !text.utf8.contains(0) else {
      throw WASIConfigurationError(message: "a zero byte in \"\(text)\"")
    }
    return Array(text.utf8) + [0]
  }

  private static func directory(_ grant: WASI.DirectoryGrant) throws -> Descriptor {
    do throws(Errno) {
      let handle = try Kernel.open(host: grant.path, flags: O_RDONLY | O_DIRECTORY)
      // Without this call there is no safe way to resolve a guest's path.
      _ = try Kernel.open(below: handle, [UInt8(ascii: "."), 0], flags: Kernel.place)
      var descriptor = try Descriptor(handle, rights: .directory, inheriting: .all)
      descriptor.isReadOnly = grant.isReadOnly
      descriptor.preopen = Array(grant.name.utf8)
      return descriptor
    } catch .noSystemCall {
      throw WASIConfigurationError(
        message: "directories need the system call openat2, which Linux has since 5.6")
    } catch {
      throw WASIConfigurationError("can't open the directory \"\(grant.path)\"", error)
    }
  }

  private static func socket(_ grant: WASI.SocketGrant) throws -> Descriptor {
    let descriptor = try existing(grant.descriptor, isOwned: grant.isOwned, .socket)
    guard case .socket = descriptor.body else {
      throw WASIConfigurationError(message: "descriptor \(grant.descriptor) is not a socket")
    }
    return descriptor
  }

  private static let common: Rights = [.setFlags, .stat, .poll, .seek, .tell, .sync, .dataSync, .advise]

  private static func input(_ input: WASI.Input) throws -> Descriptor {
    let rights = common.union([.read, .shutdown])
    switch input {
    case .empty: return Descriptor(.nothing, rights: rights.intersection(.stream).subtracting(.write))
    case .bytes(let bytes): return Descriptor(.input(InputBuffer(bytes)), rights: rights.intersection(.stream))
    case .inherited: return try existing(0, isOwned: false, rights)
    case .file(let path): return try file(path, O_RDONLY, rights)
    case .descriptor(let number, let closing):
      return try existing(number, isOwned: closing, rights)
    }
  }

  private static func output(_ output: WASI.Output, inherited: Int32) throws -> Descriptor {
    let rights = common.union([.write, .shutdown])
    let inMemory = rights.intersection(.stream)
    switch output {
    case .discarded: return Descriptor(.nothing, rights: inMemory)
    case .buffer(let buffer): return Descriptor(.output(buffer), rights: inMemory)
    case .handler(let handler): return Descriptor(.handler(handler), rights: inMemory)
    case .inherited: return try existing(inherited, isOwned: false, rights)
    case .file(let path, let append):
      var descriptor = try file(
        path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), rights)
      if append { descriptor.flags = .append }
      return descriptor
    case .descriptor(let number, let closing):
      return try existing(number, isOwned: closing, rights)
    }
  }

  private static func file(_ path: String, _ flags: Int32, _ rights: Rights) throws -> Descriptor {
    do throws(Errno) {
      return try Descriptor(Kernel.open(host: path, flags: flags), rights: rights, inheriting: [])
    } catch {
      throw WASIConfigurationError("can't open \"\(path)\"", error)
    }
  }

  /// A descriptor that the host has open. A standard stream that is closed is
  /// an empty one to the guest.
  private static func existing(
    _ number: Int32, isOwned: Bool, _ rights: Rights
  ) throws -> Descriptor {
    do throws(Errno) {
      let handle = isOwned ? Handle(owning: number) : Handle(borrowing: number)
      let inheriting: Rights = rights.contains(.accept) ? .socket : []
      var descriptor = try Descriptor(handle, rights: rights, inheriting: inheriting)
      let flags = try Kernel.check(aviary_wasi_get_flags(number))
      if flags & O_APPEND != 0 { descriptor.flags.insert(.append) }
      if flags & O_NONBLOCK != 0 { descriptor.flags.insert(.nonblocking) }
      return descriptor
    } catch .badDescriptor where (0...2).contains(number) {
      return Descriptor(.nothing, rights: rights.intersection(.stream))
    } catch {
      throw WASIConfigurationError("can't use descriptor \(number)", error)
    }
  }
}

extension WASIConfigurationError {
  init(_ what: String, _ error: Errno) {
    let number = Errno.table.first { $0.wasi == error }?.linux ?? EIO
    let reason = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    self.init(message: "\(what): \(reason)")
  }
}
