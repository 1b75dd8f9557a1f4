import ArgumentParser
import Aviary
import AviaryWASI

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure on this machine, in one process: compilation, calls, instantiation, a pool's density.",
    usage: """
      aviary bench FILE --invoke NAME ARGUMENT... [--repeat N] [--json]
      aviary bench FILE --compile [--repeat N] [--threads N] [--json]
      aviary bench [FILE --invoke NAME ARGUMENT...] --instantiate [--concurrency N] [--pool ...] [--json]
      aviary bench --calls [--row NAME] [--suspended N] [--duration TIME] [--json]
      aviary bench --density [--live N] [--max-memory SIZE] [--json]
      aviary bench --pool [--pool-instances N] [--max-memory SIZE] [--svg FILE]
      """,
    discussion: """
      Times are nanoseconds of wall clock; those with cpu in their name are the calling thread's \
      processor time, which a busy machine disturbs less. compile_ns is decoding, validation and code generation \
      together, as a user waits for them; validate_ns the first two alone. What the guest prints goes to \
      standard error.

      --instantiate makes an instance, calls the export and drops the instance, again and again; without FILE with \
      modules of its own: small has 4 KiB of image and writes to 2 pages, medium 1 MiB and 10, large 16 MiB and 100; \
      large+rd also reads 400.

      --calls takes what a call costs: from the host into the guest (call-...) and back (host-...), in batches of \
      half a millisecond, whose median counts. host-... is a loop of the guest's around the call. async-... are \
      asynchronous calls, and calls of asynchronous host functions that return at once or wait once, on one thread. \
      --suspended holds so many guests that wait in the host, each in a store and a task of its own.

      --density makes the largest pool that the machine grants, without and with stripes and with userfaultfd, and \
      instances in it that run code and stay alive.

      --pool with none of these draws the pool, and says what the machine grants.
      """)

  @OptionGroup var engine: EngineOptions
  @OptionGroup(title: "Allocation") var pool: PoolOptions
  @OptionGroup(title: "The guest's world") var world: WASIOptions

  @Flag(help: "Measure validation and compilation.")
  var compile = false

  @Flag(help: "Measure making, using and dropping instances.")
  var instantiate = false

  @Flag(help: "Measure calls between host and guest.")
  var calls = false

  @Flag(help: "Measure how many instances the machine holds.")
  var density = false

  @Option(help: ArgumentHelp("Measure calls of this export.", valueName: "name"))
  var invoke: String?

  @Option(help: ArgumentHelp("How often.", valueName: "count"))
  var `repeat` = 5

  @Option(help: ArgumentHelp("With --instantiate: threads that do so at the same time.", valueName: "count"))
  var concurrency = 1

  @Option(help: ArgumentHelp("With --instantiate and --calls: how long each module or row is measured, as 500ms.", valueName: "time"))
  var duration: TimeSpan?

  @Option(help: ArgumentHelp("With --instantiate: only that one of the modules; may be repeated.", valueName: "name"))
  var shape: [String] = []

  @Option(help: ArgumentHelp("With --calls: only that row; may be repeated.", valueName: "name"))
  var row: [String] = []

  @Option(help: ArgumentHelp("With --calls: guests that wait in the host at a time.", valueName: "count"))
  var suspended: Int?

  @Option(help: ArgumentHelp("With --instantiate or --calls: write the modules to this folder, and measure nothing.", valueName: "folder"))
  var saveShapes: String?

  @Option(help: ArgumentHelp("With --density: instances that are alive at a time.", valueName: "count"))
  var live = 20_000

  @Option(help: ArgumentHelp("With a pool, what each memory can grow to, as 64MiB.", valueName: "size"))
  var maxMemory: Size?

  @Option(help: ArgumentHelp("Draw the pool to this file too.", valueName: "file"))
  var svg: String?

  @Flag(help: "Print JSON in one line.")
  var json = false

  @Argument(help: "A module, binary or text.")
  var file: String?

  @Argument(parsing: .allUnrecognized, help: "The function's arguments.")
  var arguments: [String] = []

  /// What is to be done.
  private enum Task { case compile, invoke, calls, instantiate, density, draw }

  private var task: Task {
    if instantiate { return .instantiate }
    if calls { return .calls }
    if density { return .density }
    if compile { return .compile }
    if invoke != nil { return .invoke }
    return .draw
  }

  func validate() throws {
    guard [compile, instantiate, calls, density].filter(\.self).count <= 1, !compile && !calls || invoke == nil else {
      throw ValidationError("only one of --compile, --invoke, --instantiate, --calls and --density is possible")
    }
    switch task {
    case .compile, .invoke: if file == nil { throw ValidationError("missing FILE") }
    case .instantiate:
      guard (file == nil) == (invoke == nil) else { throw ValidationError("FILE and --invoke are needed together") }
      guard concurrency >= 1, concurrency <= 64 else {
        throw ValidationError("--concurrency is \(concurrency), and has to be between 1 and 64")
      }
      let names = Shape.all.map(\.name)
      if let wrong = shape.first(where: { !names.contains($0) }) {
        throw ValidationError("--shape is \(wrong), and has to be one of \(names.joined(separator: ", "))")
      }
    case .calls:
      guard file == nil else { throw ValidationError("--calls has modules of its own") }
      if let suspended, !(1...1_000_000).contains(suspended) {
        throw ValidationError("--suspended is \(suspended), and has to be between 1 and 1000000")
      }
      if let wrong = row.first(where: { !Self.callRows.contains($0) }) {
        throw ValidationError("--row is \(wrong), and has to be one of \(Self.callRows.joined(separator: ", "))")
      }
    case .density:
      guard live >= 1, live <= 1_000_000 else {
        throw ValidationError("--live is \(live), and has to be between 1 and 1000000")
      }
    case .draw:
      guard pool.pool, file == nil else {
        throw ValidationError("--compile, --invoke, --instantiate, --calls, --density or --pool is needed")
      }
    }
    guard `repeat` >= 1 else { throw ValidationError("--repeat is \(`repeat`), and has to be at least 1") }
  }

  func run() throws {
    switch task {
    case .draw: try drawPool()
    case .density: try printReport(measureDensity())
    case .instantiate:
      if let saveShapes { return try Shape.save(to: saveShapes) }
      try printReport(measureInstantiation())
    case .calls:
      if let saveShapes { return try CallModules.save(to: saveShapes) }
      try printReport(measureCallCosts())
    case .compile, .invoke:
      let file = try ModuleFile(file ?? "-")
      let bytes = try file.binary()
      var report: [(String, JSON)] = [
        ("file", .string(file.path.split(separator: "/").last.map(String.init) ?? file.path)),
        ("bytes", .integer(bytes.count)),
      ]
      let engine = try engine.engine(pool.allocation(maxMemory: maxMemory))
      if let invoke {
        report += try measureCalls(of: invoke, file, bytes, engine)
      } else {
        report += try measureCompilation(file, bytes, engine)
      }
      printReport(report)
    }
  }

  private func printReport(_ report: [(String, JSON)]) {
    print(json ? JSON.object(report).text : JSON.object(report).pretty())
  }
}
