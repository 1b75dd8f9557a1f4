import AviaryCodegen
import AviaryContract
import AviaryCore
import Foundation

// mutate [--count N] [--seed S] [--from I] [--verbose] FILE...
//
// N random mutations of each module go through decode, validate and (what is valid) a second pass and
// the compiler. Ends with a count of outcomes and the largest memory use. Mutation I of a file depends on S and I only:
// after a crash, narrow it down with --from and --verbose.

var count = 10_000
var seed: UInt64 = 1
var from = 0
var isVerbose = false
var files: [String] = []
var arguments = CommandLine.arguments.dropFirst().makeIterator()
while let argument = arguments.next() {
  switch argument {
  case "--count": count = Int(arguments.next() ?? "") ?? count
  case "--seed": seed = UInt64(arguments.next() ?? "") ?? seed
  case "--from": from = Int(arguments.next() ?? "") ?? from
  case "--verbose": isVerbose = true
  default: files.append(argument)
  }
}

var outcomes: [String: Int] = [:]

func run(_ bytes: [UInt8]) -> String {
  do throws(ModuleError) {
    let module = try ModuleValidator.validate(bytes: ModuleBytes(bytes), features: .all, parallelism: 1)
    var counter = OperatorCounter()
    for body in module.info.bodies {
      try OperatorReader.forEachOperator(in: body, of: module.info.bytes, locals: { _, _ in }, sink: &counter)
    }
    return compile(module)
  } catch {
    precondition(error.offset >= 0 && error.offset <= bytes.count, "an error without an offset: \(error)")
    return "\(error.kind)"
  }
}

func compile(_ module: ValidatedModule) -> String {
  do throws(ModuleError) {
    _ = try ModuleCompiler(tunables: Tunables()).compile(module)
    return "compiled"
  } catch {
    precondition(error.kind == .unsupported, "a valid module that is \(error)")
    return "valid, not compiled"
  }
}

func peakMemory() -> Int {
  var usage = rusage()
  unsafe getrusage(CInt(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss >> 10
}

let start = Date()
for file in files {
  guard let data = FileManager.default.contents(atPath: file) else {
    print("cannot read \(file)")
    exit(1)
  }
  let original = [UInt8](data)
  print("\(file): \(original.count) bytes", terminator: ", ")
  unsafe fflush(nil)
  print(run(original))
  for index in from..<from + count {
    var mutator = Mutator(seed: seed &* 0x1_0000_0001 &+ UInt64(index))
    let mutant = mutator.mutate(original)
    if isVerbose {
      print("mutation \(index): \(mutant.count) bytes")
      unsafe fflush(nil)
    }
    outcomes[run(mutant), default: 0] += 1
  }
}
let total = outcomes.values.reduce(0, +)
let seconds = Date().timeIntervalSince(start)
print("\(total) mutations in \(String(format: "%.1f", seconds)) s, seed \(seed)")
print(outcomes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
print("peak memory \(peakMemory()) MiB")
