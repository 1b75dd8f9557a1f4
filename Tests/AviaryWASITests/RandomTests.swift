import Testing

@testable import AviaryWASI

/// Every function with arguments that nobody would pass: whatever they are,
/// the host goes on, and nothing outside of the guest's directory changes.
@Suite("Random arguments")
struct RandomTests {
  @Test(arguments: UInt64(0)..<8) func `no argument brings the host down`(_ seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let scratch = Scratch()
    scratch.directory("house")
    scratch.file("secret", "unchanged")
    scratch.directory("house/dir")
    scratch.file("house/file", "some text")
    scratch.link("../secret", "house/up")
    var configuration = WASI.Configuration(arguments: ["a", "b"])
    configuration.addDirectory(scratch.path + "/house", as: "/", readOnly: seed % 4 == 3)
    configuration.standardInput = .text("input")
    configuration.standardOutput = .buffer(OutputBuffer(limit: 1 << 16))
    configuration.maximumDescriptors = 24
    // Waiting takes no time.
    configuration.clocks = .virtual()
    configuration.random = .seeded(seed)
    let guest = try Guest(configuration, size: 1 << 16)
    let paths = ["file", "dir", "up", "..", "dir/../file", "/", "dir/", "new", ".", "../secret", "up/x"]
      .map { (guest.put($0), UInt64($0.utf8.count)) }
    let names = guest.names.filter { $0 != "proc_exit" && $0 != "proc_raise" }
    for round in 0..<4000 {
      let name = names.randomElement(using: &random)!
      var arguments = (0..<guest.parameters(of: name)).map { _ in number(guest, &random) }
      // Half of the calls get past the first checks.
      if Bool.random(using: &random), name.hasPrefix("path_") || name.hasPrefix("fd_") {
        if !arguments.isEmpty { arguments[0] = UInt64.random(in: 0..<8, using: &random) }
        let path = paths.randomElement(using: &random)!
        let at = ["path_open", "path_link", "path_filestat_get", "path_filestat_set_times"].contains(name) ? 2 : 1
        if name.hasPrefix("path_"), arguments.count > at + 1 {
          arguments[at] = UInt64(path.0)
          arguments[at + 1] = path.1
          arguments[1] = at == 2 ? UInt64.random(in: 0..<2, using: &random) : arguments[1]
        }
      }
      // Files of terabytes are allowed, and fill a disk: keep them small.
      if name == "fd_allocate" || name == "fd_filestat_set_size" {
        for index in 1..<arguments.count { arguments[index] %= 1 << 16 }
      }
      if name == "fd_pwrite" || name == "fd_seek" { arguments[name == "fd_seek" ? 1 : 3] %= 1 << 16 }
      // With virtual clocks and no pipes nobody waits.
      _ = try round % 2 == 0 ? guest.call(name, arguments) : await guest.suspendingCall(name, arguments)
      if round % 64 == 0 { scramble(guest, &random, keeping: paths.last!.0 + 16) }
      if round % 256 == 0 { #expect(scratch.contents("secret") == "unchanged", "seed \(seed), round \(round)") }
    }
    #expect(scratch.contents("secret") == "unchanged", "seed \(seed)")
  }

  /// Small, near the memory's end, near the type's end, or anything.
  private func number(_ guest: Guest, _ random: inout SeededGenerator) -> UInt64 {
    switch Int.random(in: 0..<8, using: &random) {
    case 0, 1: UInt64.random(in: 0..<8, using: &random)
    case 2: UInt64(guest.size) &- UInt64.random(in: 0..<70, using: &random)
    case 3: UInt64(UInt32.max) &- UInt64.random(in: 0..<70, using: &random)
    case 4: UInt64.max &- UInt64.random(in: 0..<70, using: &random)
    case 5: UInt64(1) << UInt64.random(in: 0..<64, using: &random)
    case 6: UInt64.random(in: 0..<UInt64(guest.size), using: &random)
    default: random.next()
    }
  }

  /// New contents for the memory that is read as vectors, paths, subscriptions.
  private func scramble(_ guest: Guest, _ random: inout SeededGenerator, keeping start: UInt32) {
    for address in stride(from: start, to: UInt32(guest.size) - 8, by: 4) {
      let value = number(guest, &random)
      guest.put(UInt32(truncatingIfNeeded: value), at: address)
    }
  }
}
