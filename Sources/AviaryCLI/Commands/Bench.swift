import ArgumentParser
import Aviary
import AviaryWASI
import Glibc

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure on this machine, in one process: validation and compilation, or calls of an export.",
    usage: """
      aviary bench FILE --invoke NAME ARGUMENT... [--repeat N] [--json]
      aviary bench FILE --compile [--repeat N] [--threads N] [--json]
      """,
    discussion: """
      Times are nanoseconds of wall clock; those with cpu in their name are the calling thread's \
      processor time, which a busy machine disturbs less. compile_ns is decoding, validation and code generation \
      together, as a user waits for them; validate_ns the first two alone. What the guest prints goes to \
      standard error.
      """)

  @OptionGroup var engine: EngineOptions
  @OptionGroup(title: "The guest's world") var world: WASIOptions

  @Flag(help: "Measure validation and compilation.")
  var compile = false

  @Option(help: ArgumentHelp("Measure calls of this export.", valueName: "name"))
  var invoke: String?

  @Option(help: ArgumentHelp("How often.", valueName: "count"))
  var `repeat` = 5

  @Flag(help: "Print JSON in one line.")
  var json = false

  @Argument(help: "A module, binary or text.")
  var file: String

  @Argument(parsing: .allUnrecognized, help: "The function's arguments.")
  var arguments: [String] = []

  func validate() throws {
    guard compile != (invoke != nil) else { throw ValidationError("either --compile or --invoke is needed") }
    guard `repeat` >= 1 else { throw ValidationError("--repeat is \(`repeat`), and has to be at least 1") }
  }

  func run() throws {
    let file = try ModuleFile(file)
    let bytes = try file.binary()
    var report: [(String, JSON)] = [
      ("file", .string(file.path.split(separator: "/").last.map(String.init) ?? file.path)),
      ("bytes", .integer(bytes.count)),
    ]
    let engine = try engine.engine()
    if let invoke {
      report += try measureCalls(of: invoke, file, bytes, engine)
    } else {
      report += try measureCompilation(file, bytes, engine)
    }
    print(json ? JSON.object(report).text : JSON.object(report).pretty())
  }

  private func measureCompilation(_ file: ModuleFile, _ bytes: [UInt8], _ engine: Engine) throws -> [(String, JSON)] {
    var validations: [Time] = []
    var compilations: [Time] = []
    var machineCode = 0
    do throws(WasmError) {
      for _ in 0..<`repeat` {
        validations.append(try timed { () throws(WasmError) in try engine.validate(bytes) }.time)
        let (time, size) = try timed { () throws(WasmError) in try engine.compile(bytes).codeSize }
        compilations.append(time)
        machineCode = size
      }
    } catch {
      throw Failure(file.displayName, error)
    }
    let codeSize = try SectionTable(bytes).size(of: 10)
    func rate(_ times: [Time]) -> JSON {
      // Bytes per nanosecond, times 1,000: megabytes (of 10^6) per second.
      .number((Double(codeSize) / Double(max(times.map(\.wall).min() ?? 1, 1)) * 1_000_000).rounded() / 1_000)
    }
    return [
      ("code_bytes", .integer(codeSize)), ("machine_code_bytes", .integer(machineCode)),
      ("threads", self.engine.threads.map { .integer($0) } ?? .null),
      ("validate_ns", .array(validations.map { .integer($0.wall) })),
      ("compile_ns", .array(compilations.map { .integer($0.wall) })),
      ("validate_cpu_ns", .array(validations.map { .integer($0.cpu) })),
      ("compile_cpu_ns", .array(compilations.map { .integer($0.cpu) })),
      ("validate_mb_per_s", rate(validations)), ("compile_mb_per_s", rate(compilations)),
    ]
  }

  private func measureCalls(
    of name: String, _ file: ModuleFile, _ bytes: [UInt8], _ engine: Engine
  ) throws -> [(String, JSON)] {
    do {
      let (validation, _) = try timed { try engine.validate(bytes) }
      let (compilation, module) = try timed { try engine.compile(bytes, name: file.moduleName) }
      let store = Store(engine)
      let linker = Linker<Void>(engine)
      // The report has standard output for itself.
      try world.wasi(arguments: [file.displayName], isInterruptible: false, output: .descriptor(STDERR_FILENO, closing: false))
        .define(in: linker)
      let (instantiation, instance) = try timed { try linker.instantiate(module, in: store) }
      if case .function(let initialize) = instance.export("_initialize") { _ = try initialize([]) }
      let function = try instance.function(name)
      let values = try function.type.arguments(from: arguments, of: name)
      var calls: [Time] = []
      var results: [Value] = []
      for _ in 0..<`repeat` {
        let (time, given) = try timed { try function(values) }
        calls.append(time)
        results = given
      }
      return [
        ("validate_ns", .integer(validation.wall)), ("compile_ns", .integer(compilation.wall)),
        ("instantiate_ns", .integer(instantiation.wall)),
        ("threads", self.engine.threads.map { .integer($0) } ?? .null),
        ("calls_ns", .array(calls.map { .integer($0.wall) })),
        ("calls_cpu_ns", .array(calls.map { .integer($0.cpu) })),
        ("result", results.count == 1 ? json(results[0]) : results.isEmpty ? .null : .array(results.map(json))),
      ]
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(path: file.displayName, guest: error)
    }
  }

  /// Nanoseconds of wall clock, and of the calling thread's processor time.
  private struct Time {
    var wall: UInt64
    var cpu: UInt64
  }

  private func timed<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> (time: Time, R) {
    let start = ContinuousClock.now
    let cpu = Self.processorTime
    let result = try body()
    let used = Self.processorTime &- cpu
    return (Time(wall: (ContinuousClock.now - start).nanosecondCount, cpu: used), result)
  }

  private static var processorTime: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
  }

  private func json(_ value: Value) -> JSON {
    switch value {
    case .i32(let value): .integer(value)
    case .i64(let value): .integer(value)
    case .f32(let value): .number(Double(value))
    case .f64(let value): .number(value)
    default: .string(ValueText.print(value))
    }
  }
}
