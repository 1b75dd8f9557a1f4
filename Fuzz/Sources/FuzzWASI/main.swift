import AviaryWASI
import CFuzzDriver
import Glibc

/// The input is a list of calls of WASI's functions: a byte for the function, then a byte for the
/// kind of each argument and the bytes that it takes. Its bytes also lie in the guest's memory, as
/// vectors, subscriptions and whatever else a pointer may find there.
///
/// A call may fail in any way that the standard knows; what it may not do is crash, touch memory
/// beyond the guest's, change a file outside of the preopen, or leave the host's descriptors open.
@safe private final class WASIFuzzer {
  private let root: String
  private let memory = unsafe UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
  private let functions = WASIFunctions.all
  private let names: [String]
  private var runs = 0

  /// Where paths, vectors and subscriptions lie in memory.
  private let paths = [
    "file", "dir", "up", "..", "dir/../file", "/", "dir/", "new", ".", "../secret", "up/x", "dir/n", "l",
  ]
  private let pathsAt = 100
  private let vectorsAt = 1024
  private let subscriptionsAt = 2048

  /// In memory: guests love to call fd_sync.
  init() {
    var template = Array("/dev/shm/aviary-fuzz-XXXXXX".utf8CString)
    root = unsafe template.withUnsafeMutableBufferPointer { unsafe String(cString: mkdtemp($0.baseAddress!)) }
    names = functions.names.filter { $0 != "proc_exit" && $0 != "proc_raise" }
    unsafe mkdir(root + "/house", 0o700)
    unsafe mkdir(root + "/house/dir", 0o700)
    unsafe symlink("../secret", root + "/house/up")
    write("secret")
  }

  func run(_ input: [UInt8]) {
    runs += 1
    do {
      let wasi = try makeSystem()
      fill(input)
      var reader = Reader(input: input[...])
      while let byte = reader.next() {
        let name = names[Int(byte) % names.count]
        _ = try? unsafe functions.call(name, of: wasi, over: memory, arguments(of: name, &reader))
      }
    } catch {
      fatalError("\(error)")
    }
    if runs % 64 == 0 { checkHost() }
  }

  private func makeSystem() throws -> WASI {
    var configuration = WASI.Configuration(arguments: ["a", "b"])
    configuration.environment = [("X", "y")]
    configuration.addDirectory(root + "/house", as: "/")
    configuration.addDirectory(root + "/house", as: "/ro", readOnly: true)
    configuration.standardInput = .text("input")
    configuration.standardOutput = .buffer(OutputBuffer(limit: 1 << 16))
    configuration.maximumDescriptors = 24
    // Waiting takes no time, and the same input does the same.
    configuration.clocks = .virtual()
    configuration.random = .seeded(1)
    return try WASI(configuration)
  }

  private func fill(_ input: [UInt8]) {
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    for (index, path) in paths.enumerated() {
      unsafe UnsafeMutableRawBufferPointer(rebasing: memory[(pathsAt + index * 32)...]).copyBytes(from: Array(path.utf8))
    }
    let bytes = input.prefix(600)
    unsafe UnsafeMutableRawBufferPointer(rebasing: memory[vectorsAt...]).copyBytes(from: bytes.reversed())
    unsafe UnsafeMutableRawBufferPointer(rebasing: memory[subscriptionsAt...]).copyBytes(from: bytes)
  }

  private func arguments(of name: String, _ reader: inout Reader) -> [UInt64] {
    var result: [UInt64] = []
    let count = functions.signature(of: name).count
    while result.count < count {
      switch reader.byte() % 12 {
      case 0, 1, 2: result.append(reader.byte() % 8)
      case 3: result.append(reader.byte())
      case 4: result.append(UInt64(memory.count) &- reader.byte() % 80)
      case 5: result.append(UInt64(UInt32.max) &- reader.byte())
      case 6: result.append(UInt64.max &- reader.byte())
      case 7: result.append(reader.byte() << (reader.byte() % 64))
      case 8, 9:
        // An address and a length.
        let index = Int(reader.byte()) % paths.count
        result += [UInt64(pathsAt + index * 32), UInt64(paths[index].utf8.count)]
      case 10: result.append(UInt64(vectorsAt) + reader.byte() * 8)
      default: result.append(UInt64(subscriptionsAt) + reader.byte() * 16)
      }
    }
    result.removeLast(result.count - count)
    // Files may grow to terabytes, which proves nothing and fills disks.
    let sizes: [String: [Int]] = ["fd_allocate": [1, 2], "fd_filestat_set_size": [1], "fd_pwrite": [3], "fd_seek": [1]]
    for index in sizes[name] ?? [] { result[index] %= 1 << 16 }
    return result
  }

  private func checkHost() {
    let file = unsafe open(root + "/secret", O_RDONLY)
    var byte: UInt8 = 0
    let isWhole = unsafe read(file, &byte, 1) == 1 && byte == UInt8(ascii: "s") && lseek(file, 0, SEEK_END) == 6
    close(file)
    guard isWhole else { fatalError("a file outside of the preopen has changed") }
    let open = (0..<64).count { fcntl(Int32($0), F_GETFD) >= 0 }
    guard open < 40 else { fatalError("\(open) descriptors are open") }
  }

  private func write(_ name: String) {
    let file = unsafe open(root + "/" + name, O_WRONLY | O_CREAT, 0o600)
    _ = unsafe Glibc.write(file, "secret", 6)
    close(file)
  }

  private struct Reader {
    var input: ArraySlice<UInt8>
    mutating func next() -> UInt8? { input.popFirst() }
    mutating func byte() -> UInt64 { UInt64(next() ?? 0) }
  }
}

nonisolated(unsafe) private let fuzzer = WASIFuzzer()
var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
exit(
  unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, count in
    unsafe fuzzer.run(Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
  })
