import Glibc

/// A path as a guest gave it, taken apart.
///
/// Invariant: it is relative, holds no zero byte and is shorter than PATH_MAX.
/// Nothing here resolves anything: ".." and links are the kernel's business
/// (`Kernel.open(below:)`), which must see the path whole.
struct GuestPath: Sendable {
  /// Without slashes at the end, with a zero byte.
  let whole: [UInt8]
  /// All but the last component, with a zero byte; `nil` when there is one component only.
  let parent: [UInt8]?
  /// The last component, without slashes, with a zero byte.
  let last: [UInt8]
  /// A slash stood at the end: the path must name a directory.
  let endsInSlash: Bool

  /// - Throws: `notCapable` for an absolute path, `noEntry` for an empty one,
  ///   `invalid` for one with a zero byte, `nameTooLong`.
  init(_ bytes: [UInt8]) throws(Errno) {
    guard let first = bytes.first else { throw .noEntry }
    guard bytes.count < Int(PATH_MAX) else { throw .nameTooLong }
    guard !bytes.contains(0) else { throw .invalid }
    guard first != UInt8(ascii: "/") else { throw .notCapable }
    var end = bytes.endIndex
    while bytes[end - 1] == UInt8(ascii: "/") { end -= 1 }  // ends: the first byte is no slash
    endsInSlash = end < bytes.endIndex
    let body = bytes[..<end]
    whole = Array(body) + [0]
    if let slash = body.lastIndex(of: UInt8(ascii: "/")) {
      last = Array(body[(slash + 1)...]) + [0]
      var parentEnd = slash
      while bytes[parentEnd - 1] == UInt8(ascii: "/") { parentEnd -= 1 }
      parent = Array(bytes[..<parentEnd]) + [0]
    } else {
      last = whole
      parent = nil
    }
  }

  /// Whether it is one name, and nothing else.
  var isName: Bool { parent == nil && !endsInSlash && !endsInDots }

  /// Whether the last component is no name, but "." or "..".
  var endsInDots: Bool { isDot || isDotDot }
  var isDot: Bool { last == Self.dot }
  var isDotDot: Bool { last == Self.dotDot }

  /// The last component with its slash, for the calls that take a directory's
  /// name so and follow no link: making, renaming and removing.
  var lastWithSlash: [UInt8] {
    guard endsInSlash else { return last }
    return last.dropLast() + [UInt8(ascii: "/"), 0]
  }

  private static let dot: [UInt8] = [UInt8(ascii: "."), 0]
  private static let dotDot: [UInt8] = [UInt8(ascii: "."), UInt8(ascii: "."), 0]
}

extension GuestMemory {
  /// The path of `length` bytes at `address`.
  func path(at address: UInt32, count length: UInt32) throws(Errno) -> GuestPath {
    guard length < UInt32(PATH_MAX) else {
      _ = try unsafe bytes(at: address, count: UInt64(length))
      throw .nameTooLong
    }
    return try GuestPath(copy(at: address, count: length))
  }
}
