import Glibc

/// WASI's error numbers, and what Linux's become.
///
/// The raw values are those of preview 1. Two are ours and never reach a guest:
/// `interrupted`, which the border turns into a thrown `WASIInterrupted`, and
/// `wouldWait`, which makes it wait and then make the call again.
struct Errno: Error, Equatable, Sendable {
  let code: UInt16

  private init(_ code: UInt16) { self.code = code }

  static let success = Errno(0)
  static let tooBig = Errno(1)
  static let access = Errno(2)
  static let addressInUse = Errno(3)
  static let addressNotAvailable = Errno(4)
  static let addressFamilyNotSupported = Errno(5)
  static let again = Errno(6)
  static let already = Errno(7)
  static let badDescriptor = Errno(8)
  static let badMessage = Errno(9)
  static let busy = Errno(10)
  static let canceled = Errno(11)
  static let noChild = Errno(12)
  static let connectionAborted = Errno(13)
  static let connectionRefused = Errno(14)
  static let connectionReset = Errno(15)
  static let deadlock = Errno(16)
  static let destinationRequired = Errno(17)
  static let domain = Errno(18)
  static let quota = Errno(19)
  static let exists = Errno(20)
  static let fault = Errno(21)
  static let fileTooBig = Errno(22)
  static let hostUnreachable = Errno(23)
  static let identifierRemoved = Errno(24)
  static let illegalSequence = Errno(25)
  static let inProgress = Errno(26)
  static let interruptedCall = Errno(27)
  static let invalid = Errno(28)
  static let io = Errno(29)
  static let isConnected = Errno(30)
  static let isDirectory = Errno(31)
  static let loop = Errno(32)
  static let tooManyFiles = Errno(33)
  static let tooManyLinks = Errno(34)
  static let messageTooLong = Errno(35)
  static let multihop = Errno(36)
  static let nameTooLong = Errno(37)
  static let networkDown = Errno(38)
  static let networkReset = Errno(39)
  static let networkUnreachable = Errno(40)
  static let tooManyFilesInSystem = Errno(41)
  static let noBuffers = Errno(42)
  static let noDevice = Errno(43)
  static let noEntry = Errno(44)
  static let notExecutable = Errno(45)
  static let noLocks = Errno(46)
  static let noLink = Errno(47)
  static let noMemory = Errno(48)
  static let noMessage = Errno(49)
  static let noProtocolOption = Errno(50)
  static let noSpace = Errno(51)
  static let noSystemCall = Errno(52)
  static let notConnected = Errno(53)
  static let notDirectory = Errno(54)
  static let notEmpty = Errno(55)
  static let notRecoverable = Errno(56)
  static let notSocket = Errno(57)
  static let notSupported = Errno(58)
  static let notTerminal = Errno(59)
  static let noSuchDevice = Errno(60)
  static let overflow = Errno(61)
  static let ownerDead = Errno(62)
  static let notPermitted = Errno(63)
  static let brokenPipe = Errno(64)
  static let protocolError = Errno(65)
  static let protocolNotSupported = Errno(66)
  static let protocolType = Errno(67)
  static let range = Errno(68)
  static let readOnlyFileSystem = Errno(69)
  static let illegalSeek = Errno(70)
  static let noProcess = Errno(71)
  static let stale = Errno(72)
  static let timedOut = Errno(73)
  static let textBusy = Errno(74)
  static let crossDevice = Errno(75)
  static let notCapable = Errno(76)

  static let interrupted = Errno(.max)
  static let wouldWait = Errno(.max - 1)
}

extension Errno {
  /// The number for one of Linux's, positive as `errno` holds it.
  init(linux number: Int32) {
    self = Self.table.first { $0.linux == number }?.wasi ?? .io
  }

  /// One row an error number of Linux; several may become one of WASI.
  static let table: [(linux: Int32, wasi: Errno)] = [
    (ENOENT, .noEntry), (EAGAIN, .again), (EBADF, .badDescriptor), (EEXIST, .exists),
    (EISDIR, .isDirectory), (ENOTDIR, .notDirectory), (EINVAL, .invalid), (EACCES, .access),
    (EPERM, .notPermitted), (ELOOP, .loop), (ENOTEMPTY, .notEmpty), (ENAMETOOLONG, .nameTooLong),
    (E2BIG, .tooBig), (EADDRINUSE, .addressInUse), (EADDRNOTAVAIL, .addressNotAvailable),
    (EAFNOSUPPORT, .addressFamilyNotSupported), (EALREADY, .already), (EBADMSG, .badMessage),
    (EBUSY, .busy), (ECANCELED, .canceled), (ECHILD, .noChild), (ECONNABORTED, .connectionAborted),
    (ECONNREFUSED, .connectionRefused), (ECONNRESET, .connectionReset), (EDEADLK, .deadlock),
    (EDESTADDRREQ, .destinationRequired), (EDOM, .domain), (EDQUOT, .quota), (EFAULT, .fault),
    (EFBIG, .fileTooBig), (EHOSTUNREACH, .hostUnreachable), (EIDRM, .identifierRemoved),
    (EILSEQ, .illegalSequence), (EINPROGRESS, .inProgress), (EINTR, .interruptedCall),
    (EIO, .io), (EISCONN, .isConnected), (EMFILE, .tooManyFiles), (EMLINK, .tooManyLinks),
    (EMSGSIZE, .messageTooLong), (EMULTIHOP, .multihop), (ENETDOWN, .networkDown),
    (ENETRESET, .networkReset), (ENETUNREACH, .networkUnreachable),
    (ENFILE, .tooManyFilesInSystem), (ENOBUFS, .noBuffers), (ENODEV, .noDevice),
    (ENOEXEC, .notExecutable), (ENOLCK, .noLocks), (ENOLINK, .noLink), (ENOMEM, .noMemory),
    (ENOMSG, .noMessage), (ENOPROTOOPT, .noProtocolOption), (ENOSPC, .noSpace),
    (ENOSYS, .noSystemCall), (ENOTCONN, .notConnected), (ENOTRECOVERABLE, .notRecoverable),
    (ENOTSOCK, .notSocket), (EOPNOTSUPP, .notSupported), (ENOTTY, .notTerminal),
    (ENXIO, .noSuchDevice), (EOVERFLOW, .overflow), (EOWNERDEAD, .ownerDead),
    (EPIPE, .brokenPipe), (EPROTO, .protocolError), (EPROTONOSUPPORT, .protocolNotSupported),
    (EPROTOTYPE, .protocolType), (ERANGE, .range), (EROFS, .readOnlyFileSystem),
    (ESPIPE, .illegalSeek), (ESRCH, .noProcess), (ESTALE, .stale), (ETIMEDOUT, .timedOut),
    (ETXTBSY, .textBusy), (EXDEV, .crossDevice),
  ]
}
