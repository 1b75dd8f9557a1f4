/// What a descriptor may be used for.
struct Rights: OptionSet, Sendable, Equatable {
  let rawValue: UInt64

  static let dataSync = Rights(rawValue: 1 << 0)
  static let read = Rights(rawValue: 1 << 1)
  static let seek = Rights(rawValue: 1 << 2)
  static let setFlags = Rights(rawValue: 1 << 3)
  static let sync = Rights(rawValue: 1 << 4)
  static let tell = Rights(rawValue: 1 << 5)
  static let write = Rights(rawValue: 1 << 6)
  static let advise = Rights(rawValue: 1 << 7)
  static let allocate = Rights(rawValue: 1 << 8)
  static let pathCreateDirectory = Rights(rawValue: 1 << 9)
  static let pathCreateFile = Rights(rawValue: 1 << 10)
  static let pathLinkSource = Rights(rawValue: 1 << 11)
  static let pathLinkTarget = Rights(rawValue: 1 << 12)
  static let pathOpen = Rights(rawValue: 1 << 13)
  static let readDirectory = Rights(rawValue: 1 << 14)
  static let pathReadLink = Rights(rawValue: 1 << 15)
  static let pathRenameSource = Rights(rawValue: 1 << 16)
  static let pathRenameTarget = Rights(rawValue: 1 << 17)
  static let pathStat = Rights(rawValue: 1 << 18)
  static let pathSetSize = Rights(rawValue: 1 << 19)
  static let pathSetTimes = Rights(rawValue: 1 << 20)
  static let stat = Rights(rawValue: 1 << 21)
  static let setSize = Rights(rawValue: 1 << 22)
  static let setTimes = Rights(rawValue: 1 << 23)
  static let pathSymlink = Rights(rawValue: 1 << 24)
  static let pathRemoveDirectory = Rights(rawValue: 1 << 25)
  static let pathUnlinkFile = Rights(rawValue: 1 << 26)
  static let poll = Rights(rawValue: 1 << 27)
  static let shutdown = Rights(rawValue: 1 << 28)
  static let accept = Rights(rawValue: 1 << 29)

  /// Every right that exists; other bits that a guest sends are dropped.
  static let all = Rights(rawValue: (1 << 30) - 1)

  /// Rights that mean something for a regular file.
  static let file: Rights = [
    .dataSync, .read, .seek, .setFlags, .sync, .tell, .write, .advise, .allocate, .stat, .setSize,
    .setTimes, .poll,
  ]

  /// Rights that mean something for a directory. Seeking and setting its size
  /// do not, and C libraries take the absence for granted.
  static let directory: Rights = [
    .setFlags, .dataSync, .sync, .advise, .pathCreateDirectory, .pathCreateFile, .pathLinkSource,
    .pathLinkTarget, .pathOpen, .readDirectory, .pathReadLink, .pathRenameSource,
    .pathRenameTarget, .pathStat, .pathSetSize, .pathSetTimes, .stat, .setTimes, .pathSymlink,
    .pathRemoveDirectory, .pathUnlinkFile, .poll,
  ]

  /// Rights of a pipe, a terminal or another stream. No seeking: this is how
  /// `isatty` tells a terminal from other character devices.
  static let stream: Rights = [.read, .write, .setFlags, .stat, .poll, .sync, .dataSync]

  static let socket: Rights = [.read, .write, .setFlags, .stat, .poll, .shutdown, .accept]

  /// Those that need the file opened for writing.
  static let needWriting: Rights = [.write, .allocate, .setSize]
  static let needReading: Rights = [.read, .readDirectory]
}
