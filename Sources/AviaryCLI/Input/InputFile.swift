import Glibc

/// Files as wholes.
enum InputFile {
  /// Reads a file, or standard input for "-".
  /// - Throws: `Failure` with the path and the reason.
  static func read(_ path: String) throws -> [UInt8] {
    if path == "-" { return try read(STDIN_FILENO, sizeHint: 0, path) }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(path, SystemError(errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw Failure(path, SystemError(errno)) }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw Failure(path, SystemError(EISDIR)) }
    return try read(descriptor, sizeHint: status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : 0, path)
  }

  /// Reads to the end. A file that has the size it says is read into its place in one go.
  private static func read(_ descriptor: Int32, sizeHint: Int, _ path: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    // One more, so that the end is seen without another buffer.
    var room = max(sizeHint, (64 << 10) - 1) + 1
    while true {
      var failed: Int32 = 0
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        while count < buffer.count {
          let got = unsafe Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
          if got < 0 {
            if errno == EINTR { continue }
            failed = errno
            return
          }
          if got == 0 { return }
          count += got
        }
      }
      guard failed == 0 else { throw Failure(path, SystemError(failed)) }
      if bytes.isEmpty { bytes = piece } else { bytes += piece }
      if piece.count < room { return bytes }
      room = bytes.count
    }
  }
}

/// Where a command writes a file.
enum OutputFile {
  /// Writes a file, or standard output for "-". A file is complete or not there: it is
  /// written beside its place and moved.
  /// - Throws: `Failure` with the path and the reason.
  static func write(_ bytes: [UInt8], to path: String) throws {
    if path == "-" { return try Console.output(bytes) }
    var status = stat()
    // What is there and no plain file (a device, a pipe) is written in place.
    let inPlace = unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    let target = inPlace ? path : "\(path).\(getpid()).part"
    let descriptor = unsafe open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Failure(path, SystemError(errno)) }
    let written = Console.write(bytes, to: descriptor)
    let failed = errno
    close(descriptor)
    guard written else {
      if !inPlace { unsafe unlink(target) }
      throw Failure(path, SystemError(failed))
    }
    guard unsafe inPlace || rename(target, path) == 0 else {
      let failed = errno
      unsafe unlink(target)
      throw Failure(path, SystemError(failed))
    }
  }
}
