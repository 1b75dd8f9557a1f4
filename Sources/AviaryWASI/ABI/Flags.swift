import Glibc

/// `fdflags`.
struct DescriptorFlags: OptionSet, Sendable, Equatable {
  let rawValue: UInt16

  static let append = DescriptorFlags(rawValue: 1 << 0)
  static let dataSync = DescriptorFlags(rawValue: 1 << 1)
  static let nonblocking = DescriptorFlags(rawValue: 1 << 2)
  static let readSync = DescriptorFlags(rawValue: 1 << 3)
  static let sync = DescriptorFlags(rawValue: 1 << 4)

  static let anySync: DescriptorFlags = [.dataSync, .readSync, .sync]
  static let all: DescriptorFlags = [.append, .dataSync, .nonblocking, .readSync, .sync]
}

/// `oflags`.
struct OpenFlags: OptionSet, Sendable {
  let rawValue: UInt16

  static let create = OpenFlags(rawValue: 1 << 0)
  static let directory = OpenFlags(rawValue: 1 << 1)
  static let exclusive = OpenFlags(rawValue: 1 << 2)
  static let truncate = OpenFlags(rawValue: 1 << 3)
  static let all: OpenFlags = [.create, .directory, .exclusive, .truncate]
}

/// `fstflags`.
struct TimeFlags: OptionSet, Sendable {
  let rawValue: UInt16

  static let access = TimeFlags(rawValue: 1 << 0)
  static let accessNow = TimeFlags(rawValue: 1 << 1)
  static let modify = TimeFlags(rawValue: 1 << 2)
  static let modifyNow = TimeFlags(rawValue: 1 << 3)
  static let all: TimeFlags = [.access, .accessNow, .modify, .modifyNow]
}

/// `lookupflags`.
struct LookupFlags: OptionSet, Sendable {
  let rawValue: UInt32

  static let follow = LookupFlags(rawValue: 1 << 0)
}

extension OptionSet where RawValue: FixedWidthInteger, Self == Element {
  /// The flags in the 32 bits that a guest passes, or `invalid` where one of
  /// them has no meaning.
  static func checked(_ bits: UInt32, within all: Self) throws(Errno) -> Self {
    guard let raw = RawValue(exactly: bits) else { throw .invalid }
    let flags = Self(rawValue: raw)
    guard flags.isSubset(of: all) else { throw .invalid }
    return flags
  }
}

/// `filetype`.
enum FileType: UInt8, Sendable {
  case unknown = 0
  case blockDevice = 1
  case characterDevice = 2
  case directory = 3
  case regularFile = 4
  case datagramSocket = 5
  case streamSocket = 6
  case symbolicLink = 7

  /// From the `st_mode` of a file. Pipes have no number of their own.
  init(mode: UInt32) {
    self =
      switch mode & S_IFMT {
      case S_IFBLK: .blockDevice
      case S_IFCHR: .characterDevice
      case S_IFDIR: .directory
      case S_IFREG: .regularFile
      case S_IFSOCK: .streamSocket
      case S_IFLNK: .symbolicLink
      default: .unknown
      }
  }

  /// From the `d_type` of a directory's entry.
  init(entry type: UInt8) {
    self = FileType(mode: UInt32(type) << 12)
  }
}
