import ArgumentParser
import Glibc

/// A numeric address and a port: "127.0.0.1:8080", "[::1]:8080".
struct ListenAddress: ExpressibleByArgument {
  var host: String
  var port: UInt16

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"),
      let port = UInt16(argument[argument.index(after: colon)...])
    else { return nil }
    var host = argument[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty else { return nil }
    self.host = String(host)
    self.port = port
  }

  var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

enum ListeningSocket {
  /// Opens a TCP socket that listens.
  /// - Returns: its descriptor, the caller's to close.
  /// - Throws: `Failure` with the address and the reason.
  static func open(_ address: ListenAddress) throws -> Int32 {
    var v4 = sockaddr_in()
    var v6 = sockaddr_in6()
    if unsafe inet_pton(AF_INET, address.host, &v4.sin_addr) == 1 {
      v4.sin_family = sa_family_t(AF_INET)
      v4.sin_port = address.port.bigEndian
      return try listen(AF_INET, address) { socket in
        unsafe withUnsafePointer(to: &v4) { pointer in
          unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
      }
    }
    guard unsafe inet_pton(AF_INET6, address.host, &v6.sin6_addr) == 1 else {
      throw Failure("--listen \(address.text): \"\(address.host)\" is no numeric address")
    }
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = address.port.bigEndian
    return try listen(AF_INET6, address) { socket in
      unsafe withUnsafePointer(to: &v6) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    }
  }

  private static func listen(_ family: Int32, _ address: ListenAddress, _ bind: (Int32) -> Int32) throws -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let socket = Glibc.socket(family, type, 0)
    guard socket >= 0 else { throw Failure("--listen \(address.text): \(SystemError(errno))") }
    // A server that was restarted need not wait for the old one's connections to be forgotten.
    var yes: Int32 = 1
    unsafe setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard bind(socket) == 0, Glibc.listen(socket, SOMAXCONN) == 0 else {
      let failed = errno
      close(socket)
      throw Failure("--listen \(address.text): \(SystemError(failed))")
    }
    return socket
  }
}
