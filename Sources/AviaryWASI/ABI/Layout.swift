/// The structs of preview 1 in guest memory, little endian, at their offsets.
/// Each has one `store` or `load`; padding is written as zero.

struct FileStat: Sendable {
  static let size = 64

  var device: UInt64 = 0
  var inode: UInt64 = 0
  var type: FileType = .unknown
  var links: UInt64 = 1
  var length: UInt64 = 0
  var accessed: UInt64 = 0
  var modified: UInt64 = 0
  var changed: UInt64 = 0

  func store(in slot: Slot) {
    slot.zero(Self.size)
    slot.store(device, at: 0)
    slot.store(inode, at: 8)
    slot.store(type.rawValue, at: 16)
    slot.store(links, at: 24)
    slot.store(length, at: 32)
    slot.store(accessed, at: 40)
    slot.store(modified, at: 48)
    slot.store(changed, at: 56)
  }
}

struct DescriptorStat: Sendable {
  static let size = 24

  var type: FileType
  var flags: DescriptorFlags
  var rights: Rights
  var inheriting: Rights

  func store(in slot: Slot) {
    slot.zero(Self.size)
    slot.store(type.rawValue, at: 0)
    slot.store(flags.rawValue, at: 2)
    slot.store(rights.rawValue, at: 8)
    slot.store(inheriting.rawValue, at: 16)
  }
}

/// What `fd_prestat_get` tells: that a descriptor is a preopened directory.
struct PreopenStat: Sendable {
  static let size = 8

  var nameLength: UInt32

  func store(in slot: Slot) {
    slot.zero(Self.size)  // the tag of a directory is 0
    slot.store(nameLength, at: 4)
  }
}

/// The head of an entry that `fd_readdir` writes; the name follows it.
struct EntryHead: Sendable {
  static let size = 24

  var next: UInt64
  var inode: UInt64
  var nameLength: UInt32
  var type: FileType

  /// The bytes as they appear in guest memory: an entry may be cut short
  /// anywhere, so it is made here first.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.size)
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: next >> shift)) }
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: inode >> shift)) }
    for shift in stride(from: 0, to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: nameLength >> shift))
    }
    bytes.append(type.rawValue)
    bytes.append(contentsOf: [0, 0, 0])
    return bytes
  }
}

/// What a guest waits for in `poll_oneoff`.
struct Subscription: Sendable {
  static let size = 48

  enum Kind: Sendable {
    case clock(id: UInt32, timeout: UInt64, absolute: Bool)
    case read(fd: UInt32)
    case write(fd: UInt32)
  }

  var userData: UInt64
  var kind: Kind

  /// Reads the subscription in `slot`; `invalid` for a kind that does not exist.
  init(in slot: Slot) throws(Errno) {
    userData = slot.load(UInt64.self, at: 0)
    switch slot.load(UInt8.self, at: 8) {
    case 0:
      let flags = slot.load(UInt16.self, at: 40)
      guard flags & ~1 == 0 else { throw .invalid }
      kind = .clock(
        id: slot.load(UInt32.self, at: 16), timeout: slot.load(UInt64.self, at: 24),
        absolute: flags & 1 != 0)
    case 1: kind = .read(fd: slot.load(UInt32.self, at: 16))
    case 2: kind = .write(fd: slot.load(UInt32.self, at: 16))
    default: throw .invalid
    }
  }

  var eventType: UInt8 {
    switch kind {
    case .clock: 0
    case .read: 1
    case .write: 2
    }
  }
}

/// What `poll_oneoff` reports.
struct Event: Sendable {
  static let size = 32

  var userData: UInt64
  var error: Errno
  var type: UInt8
  var bytes: UInt64
  var hangup: Bool

  func store(in slot: Slot) {
    slot.zero(Self.size)
    slot.store(userData, at: 0)
    slot.store(error.code, at: 8)
    slot.store(type, at: 10)
    slot.store(bytes, at: 16)
    slot.store(UInt16(hangup ? 1 : 0), at: 24)
  }
}
