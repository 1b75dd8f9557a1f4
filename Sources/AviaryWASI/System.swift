import CAviaryWASI
import CAviaryWASI
import Glibc

/// All that one guest has of the system: its descriptors, arguments, clocks.
///
/// The functions of preview 1 are methods of it, a file a family, under
/// `Functions/`. They take the guest's numbers as they come and check them;
/// no number may bring the host down. Where one fails it throws, and has then
/// written no result.
struct System {
  var descriptors: DescriptorTable
  /// Each with its zero byte.
  let arguments: [[UInt8]]
  let environment: [[UInt8]]
  let clocks: WASI.Clocks
  var random: RandomSource
  let interrupter: Interrupter?

  enum RandomSource {
    case system
    case generator(any RandomNumberGenerator & Sendable)
  }

  /// An open descriptor.
  func descriptor(_ number: UInt32) throws(Errno) -> Descriptor {
    guard let descriptor = descriptors[number] else { throw .badDescriptor }
    return descriptor
  }

  /// An open descriptor that has `rights`.
  func descriptor(_ number: UInt32, _ rights: Rights) throws(Errno) -> Descriptor {
    let descriptor = try descriptor(number)
    guard descriptor.rights.isSuperset(of: rights) else { throw .notCapable }
    return descriptor
  }

  /// A directory that paths may start from.
  func directory(_ number: UInt32, _ rights: Rights) throws(Errno) -> (Descriptor, Directory) {
    let descriptor = try descriptor(number)
    guard case .directory(let directory) = descriptor.body else { throw .notDirectory }
    guard descriptor.rights.isSuperset(of: rights) else { throw .notCapable }
    return (descriptor, directory)
  }

  /// A directory below which something is to change.
  func changingDirectory(_ number: UInt32, _ rights: Rights) throws(Errno) -> Directory {
    let (descriptor, directory) = try directory(number, rights)
    guard !descriptor.isReadOnly else { throw .readOnlyFileSystem }
    return directory
  }

  /// Waits until a stream or socket is ready, if the guest wants to be asked
  /// rather than wait, or someone may interrupt it; otherwise the call that
  /// follows does the waiting.
  func awaitReady(_ handle: Handle, _ events: Int16, _ flags: DescriptorFlags) throws(Errno) {
    if flags.contains(.nonblocking) {
      guard try handle.isReady(events) else { throw .again }
    } else if let interrupter {
      var requests = [
        pollfd(fd: handle.number, events: events, revents: 0),
        pollfd(fd: interrupter.handle.number, events: Int16(POLLIN), revents: 0),
      ]
      while try Kernel.poll(&requests, nanoseconds: nil) == 0 {}
      guard requests[1].revents == 0 else { throw .interrupted }
    }
  }
}
