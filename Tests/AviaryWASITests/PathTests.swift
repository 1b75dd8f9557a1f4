import Glibc
import Testing

@testable import AviaryWASI

@Suite("Paths stay below their preopen")
struct EscapeTests {
  let scratch = Scratch()
  let guest: Guest

  init() throws {
    scratch.directory("house")
    scratch.file("secret", "top secret")
    scratch.directory("outside")
    scratch.directory("house/room")
    scratch.file("house/inside", "ours")
    scratch.link("../secret", "house/up")
    scratch.link(scratch.path + "/secret", "house/absolute")
    scratch.link("..", "house/parent")
    scratch.link("room/../../secret", "house/winding")
    scratch.link("hop2", "house/hop1")
    scratch.link("hop3", "house/hop2")
    scratch.link("../outside", "house/hop3")
    scratch.link("/proc/self/root", "house/magic")
    scratch.link("/", "house/rootlink")
    scratch.link("../outside/", "house/slashed")
    var configuration = WASI.Configuration()
    configuration.addDirectory(scratch.path + "/house", as: "/")
    guest = try Guest(configuration)
  }

  /// Paths that name something outside, in every way that came to mind.
  static let escapes = [
    "..", "../", "../secret", "./../secret", "room/../../secret", "room/../..", "//secret", "/",
    "/etc/passwd", "up", "absolute", "winding", "parent/secret", "parent", "parent/", "hop1", "hop1/",
    "hop1/x", "magic", "magic/etc/passwd", "rootlink/etc/passwd", "rootlink/", "slashed", "slashed/",
    "slashed/x", "room/../parent/secret", "./parent/../secret",
  ]

  @Test(arguments: escapes) func `opening fails`(_ path: String) throws {
    for flags: OpenFlags in [[], .directory, .create, [.create, .truncate], [.create, .exclusive]] {
      for follow in [false, true] {
        for rights: Rights in [.read, [.read, .write], []] {
          guest.reset()
          let (error, _) = try guest.open(path, follow: follow, flags, rights: rights)
          #expect(error != .success, "\(path) \(flags) \(follow)")
        }
      }
    }
    #expect(scratch.contents("secret") == "top secret")
  }

  @Test(arguments: escapes) func `changing fails`(_ path: String) throws {
    let before = listing()
    for name in [path, path + "/made", path + "/secret"] {
      // Links themselves may be removed and renamed; these do not name any.
      let isLink = !name.contains("/")
      #expect(try guest.path("path_create_directory", 3, name) != .success)
      #expect(try guest.symlink("x", at: name) != .success)
      #expect(try guest.link("inside", name) != .success)
      if !isLink {
        #expect(try guest.rename("inside", name) != .success)
        #expect(try guest.link(name, "stolen") != .success)
        #expect(try guest.rename(name, "stolen") != .success)
        #expect(try guest.path("path_unlink_file", 3, name) != .success)
        #expect(try guest.path("path_remove_directory", 3, name) != .success)
      }
      let out = guest.allocate(4)
      #expect(
        try guest.call("path_filestat_set_times", 3, 1, guest.put(name), name.utf8.count, 1, 1, 5)
          != .success)
      if !isLink {
        #expect(
          try guest.call(
            "path_readlink", 3, guest.put(name), name.utf8.count, guest.allocate(64), 64, out)
            != .success)
      }
      guest.reset()
    }
    #expect(listing() == before)
  }

  @Test(arguments: escapes) func `asking fails`(_ path: String) throws {
    let (error, _, _) = try guest.stat(path, follow: true)
    #expect(error == .notCapable || error == .loop || error == .noEntry, "\(path): \(error)")
    // Without following, a link is there, and is no more than a link.
    let (unfollowed, type, _) = try guest.stat(path)
    #expect(unfollowed != .success || type == .symbolicLink)
  }

  @Test func `the error says that it is not allowed`() throws {
    #expect(try guest.open("../secret").0 == .notCapable)
    #expect(try guest.open("/etc/passwd").0 == .notCapable)
    #expect(try guest.open("up", follow: true).0 == .notCapable)
    #expect(try guest.open("absolute", follow: true).0 == .notCapable)
    #expect(try guest.open("magic/etc", follow: true).0 == .notCapable)
    #expect(try guest.path("path_create_directory", 3, "..") == .notCapable)
    #expect(try guest.path("path_unlink_file", 3, "room/../..") == .notCapable)
  }

  @Test func `an open directory is no way up`() throws {
    let (error, room) = try guest.open("room", .directory, rights: .directory, inheriting: .all)
    #expect(error == .success)
    #expect(try guest.open("../inside", in: room).0 == .notCapable)
    #expect(try guest.open("..", in: room).0 == .notCapable)
  }

  @Test func `a directory that moves out takes no guest with it`() throws {
    let (_, room) = try guest.open("room", .directory, rights: .directory, inheriting: .all)
    // The host moves it: what is below stays reachable, what is above never.
    scratch.move("house/room", to: "outside/room")
    #expect(try guest.open("../../secret", in: room).0 == .notCapable)
    #expect(try guest.open("..", in: room).0 == .notCapable)
    #expect(try guest.open("made", in: room, .create, rights: .write).0 == .success)
    #expect(try guest.open("room/made").0 == .noEntry)
  }

  @Test func `a directory that turns into a link meanwhile is no way out`() async throws {
    scratch.file("outside/secret", "top secret")
    scratch.file("house/room/secret", "our own")
    scratch.link("../outside", "house/trap")
    let stop = Flag()
    let scratch = scratch
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        // "room" is by turns the directory, nothing, and a link that leads out.
        while !stop.isSet {
          scratch.move("house/room", to: "house/away")
          scratch.move("house/trap", to: "house/room")
          scratch.move("house/room", to: "house/trap")
          scratch.move("house/away", to: "house/room")
        }
      }
      defer { stop.set() }
      for _ in 0..<3000 {
        guest.reset()
        for path in ["room/secret", "room/../room/secret", "room/../../secret", "trap/secret"] {
          let (error, fd) = try guest.open(path, follow: true)
          guard error == .success else { continue }
          #expect(try guest.read(fd, 20) == (.success, "our own"))
          #expect(try guest.call("fd_close", fd) == .success)
        }
        #expect(try guest.path("path_unlink_file", 3, "trap/secret") != .success)
      }
    }
    #expect(scratch.contents("outside/secret") == "top secret")
    #expect(scratch.contents("secret") == "top secret")
  }

  @Test func `magic links lead nowhere`() throws {
    var configuration = WASI.Configuration()
    configuration.addDirectory("/proc/self", as: "/", readOnly: true)
    let guest = try Guest(configuration)
    for path in ["root", "root/etc/passwd", "cwd", "cwd/.", "exe", "fd/0", "fd/1", "task/../root/etc"] {
      let (error, _) = try guest.open(path, follow: true)
      #expect(error == .loop || error == .notCapable, "\(path): \(error)")
      let (status, _, _) = try guest.stat(path, follow: true)
      #expect(status == .loop || status == .notCapable, "\(path): \(status)")
    }
    #expect(try guest.open("status").0 == .success)
  }

  @Test func `absolute links of the host are not told`() throws {
    let out = guest.allocate(4)
    let buffer = guest.allocate(256)
    #expect(
      try guest.call("path_readlink", 3, guest.put("absolute"), 8, buffer, 256, out) == .notCapable)
    #expect(try guest.call("path_readlink", 3, guest.put("up"), 2, buffer, 256, out) == .success)
    #expect(guest.text(buffer, Int(guest.get(UInt32.self, out))) == "../secret")
  }

  private func listing() -> [Bool] {
    ["secret", "outside/made", "outside/secret", "made", "house/inside", "stolen", "house/stolen"]
      .map { scratch.exists($0) }
  }
}

@Suite("Paths")
struct PathTests {
  let scratch = Scratch()
  let guest: Guest

  init() throws { guest = try AviaryWASITests.guest(in: scratch) }

  @Test func `trailing slashes ask for a directory`() throws {
    try guest.create("file")
    #expect(try guest.path("path_create_directory", 3, "dir/") == .success)
    #expect(try guest.open("file/").0 == .notDirectory)
    #expect(try guest.open("dir///", .directory).0 == .success)
    #expect(try guest.open("new/", .create, rights: .write).0 == .isDirectory)
    #expect(try guest.stat("file/").0 == .notDirectory)
    #expect(try guest.stat("dir/").0 == .success)
    #expect(try guest.path("path_unlink_file", 3, "file/") == .notDirectory)
    #expect(try guest.path("path_unlink_file", 3, "dir/") == .isDirectory)
    #expect(try guest.symlink("x", at: "link/") == .noEntry)
    #expect(try guest.symlink("x", at: "dir/") == .exists)
    #expect(try guest.symlink("x", at: "file/") == .notDirectory)
    #expect(try guest.link("file", "link/") == .noEntry)
    #expect(try guest.link("file/", "link") == .notDirectory)
    #expect(try guest.rename("file", "other/") == .notDirectory)
    #expect(try guest.rename("dir/", "moved/") == .success)
    #expect(try guest.path("path_remove_directory", 3, "moved//") == .success)
    #expect(try guest.path("path_remove_directory", 3, "file/") == .notDirectory)
  }

  @Test func `a slash does not follow a link that is not to be followed`() throws {
    scratch.directory("dir")
    #expect(try guest.symlink("dir", at: "link") == .success)
    #expect(try guest.open("link/", .directory).0 == .notDirectory)
    #expect(try guest.open("link/", follow: true, .directory).0 == .success)
    #expect(try guest.stat("link/").0 == .notDirectory)
    #expect(try guest.stat("link/", follow: true).0 == .success)
    #expect(try guest.link("link/", "other") == .notDirectory)
    #expect(try guest.path("path_remove_directory", 3, "link/") == .notDirectory)
    let out = guest.allocate(4)
    #expect(
      try guest.call("path_readlink", 3, guest.put("link/"), 5, guest.allocate(16), 16, out)
        == .notDirectory)
    #expect(scratch.exists("dir"))
  }

  @Test func `dots at the end are no names`() throws {
    scratch.directory("dir")
    for path in [".", "dir/.", "dir/.."] {
      #expect(try guest.path("path_create_directory", 3, path) == .exists)
      #expect(try guest.path("path_unlink_file", 3, path) == .isDirectory)
      #expect(try guest.symlink("x", at: path) == .exists)
      #expect(try guest.rename(path, "new") == .busy)
      #expect(try guest.link(path, "new") == .notPermitted)
      #expect(try guest.stat(path).1 == .directory)
    }
    #expect(try guest.path("path_remove_directory", 3, "dir/.") == .invalid)
    #expect(try guest.path("path_remove_directory", 3, "dir/..") == .notEmpty)
    #expect(try guest.path("path_create_directory", 3, "nowhere/.") == .noEntry)
  }

  @Test func `odd paths get an error`() throws {
    #expect(try guest.open("").0 == .noEntry)
    #expect(try guest.open("a\0b").0 == .invalid)
    #expect(try guest.open(String(repeating: "x", count: 256)).0 == .nameTooLong)
    #expect(try guest.open(String(repeating: "x/", count: 2047)).0 == .noEntry)
    #expect(try guest.open(String(repeating: "x", count: 4096)).0 == .nameTooLong)
    #expect(try guest.open(String(repeating: "./", count: 2000) + ".").0 == .success)
    // A length beyond memory is a fault even where it would be too long.
    #expect(
      try guest.call("path_create_directory", 3, 16, UInt32.max) == .fault)
    #expect(try guest.call("path_create_directory", 3, UInt32.max, 4) == .fault)
    #expect(try guest.call("path_create_directory", 3, guest.size - 2, 4) == .fault)
  }

  @Test func `links are followed only where the flag says so`() throws {
    try guest.create("file", "text")
    #expect(try guest.symlink("file", at: "link") == .success)
    #expect(try guest.symlink("nowhere", at: "dangling") == .success)
    #expect(try guest.symlink("loop", at: "loop") == .success)
    #expect(try guest.open("link").0 == .loop)
    #expect(try guest.open("link", follow: true).0 == .success)
    #expect(try guest.open("dangling").0 == .loop)
    #expect(try guest.open("dangling", follow: true).0 == .noEntry)
    #expect(try guest.open("dangling", .directory).0 == .notDirectory)
    #expect(try guest.open("loop", follow: true).0 == .loop)
    #expect(try guest.stat("link").1 == .symbolicLink)
    #expect(try guest.stat("link", follow: true).1 == .regularFile)
    #expect(try guest.stat("dangling").1 == .symbolicLink)
    #expect(try guest.stat("dangling", follow: true).0 == .noEntry)
    #expect(try guest.open("dangling", follow: true, .create, rights: .write).0 == .success)
    #expect(scratch.exists("nowhere"))
    #expect(try guest.symlink("/etc", at: "abs") == .notPermitted)
    #expect(try guest.symlink("", at: "empty") == .noEntry)
  }

  @Test func `times are set on the link or on its target`() throws {
    try guest.create("file")
    _ = try guest.symlink("file", at: "link")
    let path = guest.put("link")
    let out = guest.allocate(64)
    #expect(try guest.call("path_filestat_set_times", 3, 0, path, 4, 0, 5_000_000_007, 4) == .success)
    #expect(try guest.call("path_filestat_get", 3, 0, path, 4, out) == .success)
    #expect(guest.get(UInt64.self, out + 48) == 5_000_000_007)
    #expect(try guest.call("path_filestat_set_times", 3, 1, path, 4, 0, 9, 4) == .success)
    #expect(try guest.call("path_filestat_get", 3, 1, path, 4, out) == .success)
    #expect(guest.get(UInt64.self, out + 48) == 9)
    #expect(try guest.call("path_filestat_set_times", 3, 0, path, 4, 0, 0, 3) == .invalid)
    #expect(try guest.call("path_filestat_set_times", 3, 0, path, 4, 0, 0, 12) == .invalid)
    #expect(try guest.call("path_filestat_set_times", 3, 0, path, 4, 0, 0, 16) == .invalid)
    #expect(try guest.call("path_filestat_set_times", 3, 2, path, 4, 0, 0, 0) == .invalid)
    #expect(try guest.call("path_filestat_set_times", 3, 0, path, 4, 0, UInt64.max, 4) == .success)
  }

  @Test func `renames and links have POSIX's errors`() throws {
    try guest.create("file", "1")
    scratch.directory("dir")
    scratch.directory("full")
    scratch.file("full/x")
    #expect(try guest.rename("file", "dir") == .isDirectory)
    #expect(try guest.rename("dir", "file") == .notDirectory)
    #expect(try guest.rename("dir", "full") == .notEmpty)
    #expect(try guest.rename("dir", "dir/below") == .invalid)
    #expect(try guest.rename("nowhere", "x") == .noEntry)
    #expect(try guest.link("file", "second") == .success)
    #expect(try guest.link("file", "second") == .exists)
    #expect(try guest.link("dir", "third") == .notPermitted)
    #expect(try guest.link("file", "third", flags: 1) == .invalid)
    #expect(try guest.path("path_remove_directory", 3, "full") == .notEmpty)
    #expect(try guest.path("path_remove_directory", 3, "file") == .notDirectory)
    #expect(try guest.path("path_unlink_file", 3, "second") == .success)
  }

  @Test func `opening a pipe does not hang`() throws {
    scratch.pipe("pipe")
    let (error, _) = try guest.open("pipe", rights: [.read, .poll])
    #expect(error == .success)
    // Nobody reads: the kernel says so instead of waiting for someone.
    let scratch2 = Scratch()
    scratch2.pipe("pipe")
    let other = try AviaryWASITests.guest(in: scratch2)
    #expect(try other.open("pipe", rights: .write).0 == .noSuchDevice)
  }

  @Test func `contradicting flags are invalid`() throws {
    #expect(try guest.open("x", [.create, .directory]).0 == .invalid)
    #expect(try guest.open(".", .directory, rights: [.read, .write]).0 == .isDirectory)
    let path = guest.put("x")
    let out = guest.allocate(4)
    #expect(try guest.call("path_open", 3, 2, path, 1, 0, 0, 0, 0, out) == .invalid)
    #expect(try guest.call("path_open", 3, 0, path, 1, 16, 0, 0, 0, out) == .invalid)
    #expect(try guest.call("path_open", 3, 0, path, 1, 0, 0, 0, 32, out) == .invalid)
    #expect(try guest.call("path_open", 3, 0, path, 1, 65536, 0, 0, 0, out) == .invalid)
  }
}

@Suite("Read-only preopens")
struct ReadOnlyTests {
  let scratch = Scratch()
  let writable = Scratch()
  let guest: Guest

  init() throws {
    scratch.file("file", "as it was")
    scratch.directory("dir")
    scratch.link("file", "link")
    var configuration = WASI.Configuration()
    configuration.addDirectory(scratch.path, as: "/ro", readOnly: true)
    configuration.addDirectory(writable.path, as: "/rw")
    guest = try Guest(configuration)
    try guest.create("mine", "mine", in: 4)
  }

  @Test func `nothing changes`() throws {
    let file = guest.put("file")
    for (fd, prefix) in [(UInt32(3), ""), (try guest.open("dir", .directory, rights: .directory, inheriting: .all).1, "")] {
      for rights: Rights in [.write, [.read, .write], .allocate, .setSize] {
        #expect(try guest.open(prefix + "file", in: fd, rights: rights).0 == .readOnlyFileSystem)
      }
      #expect(try guest.open("new", in: fd, .create).0 == .readOnlyFileSystem)
      #expect(try guest.open("new", in: fd, [.create, .exclusive]).0 == .readOnlyFileSystem)
      #expect(try guest.open("file", in: fd, .truncate).0 == .readOnlyFileSystem)
      #expect(try guest.path("path_create_directory", fd, "new") == .readOnlyFileSystem)
      #expect(try guest.path("path_unlink_file", fd, "file") == .readOnlyFileSystem)
      #expect(try guest.path("path_remove_directory", fd, "dir") == .readOnlyFileSystem)
      #expect(try guest.symlink("x", at: "new", in: fd) == .readOnlyFileSystem)
      #expect(try guest.link("file", "new", in: fd, to: fd) == .readOnlyFileSystem)
      // Out of it, a link would make the file writable; into it, it is a change.
      #expect(try guest.link("file", "new", in: fd, to: 4) == .readOnlyFileSystem)
      #expect(try guest.link("mine", "new", in: 4, to: fd) == .readOnlyFileSystem)
      #expect(try guest.rename("file", "new", in: fd, to: 4) == .readOnlyFileSystem)
      #expect(try guest.rename("mine", "new", in: 4, to: fd) == .readOnlyFileSystem)
      #expect(try guest.call("path_filestat_set_times", fd, 0, file, 4, 1, 1, 5) == .readOnlyFileSystem)
      #expect(try guest.call("fd_filestat_set_times", fd, 1, 1, 5) == .readOnlyFileSystem)
    }
    let (error, fd) = try guest.open("file", rights: [.read, .setTimes, .stat, .advise])
    #expect(error == .success)
    #expect(try guest.call("fd_filestat_set_times", fd, 1, 1, 5) == .readOnlyFileSystem)
    #expect(try guest.call("fd_filestat_set_size", fd, 0) != .success)
    #expect(try guest.call("fd_allocate", fd, 0, 100) != .success)
    #expect(try guest.write("x", to: fd) != .success)
    #expect(scratch.contents("file") == "as it was")
  }

  @Test func `reading goes on`() throws {
    let (error, fd) = try guest.open("file")
    #expect(error == .success)
    #expect(try guest.read(fd, 100) == (.success, "as it was"))
    #expect(try guest.open("link", follow: true, .create).0 == .success)
    #expect(try guest.open("file", [.create, .exclusive]).0 == .exists)
    #expect(try guest.stat("file").2 == 9)
    #expect(try guest.open("dir", .directory).0 == .success)
  }
}
